//! Rules without input and output.

pub mod access;
pub mod client_version;
pub mod components;
pub mod log;
pub mod names;
pub mod page;
pub mod queue;
pub mod run;
pub mod run_token;
pub mod session;
pub mod time;
