//! A test double of the Kaniko executor.
mod dockerfile;
mod error;
mod flags;
mod log;
mod registry;
fn main() {}
