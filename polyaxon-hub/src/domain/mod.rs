//! Rules without input and output.

pub mod access;
pub mod client_version;
pub mod components;
pub mod names;
pub mod page;
pub mod run_token;
pub mod time;
