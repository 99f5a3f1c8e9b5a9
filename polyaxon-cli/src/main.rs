//! The command line `polyaxon`.

mod app;
mod argv;
mod cli;
mod client;
mod commands;
mod config;
mod environment;
mod error;
mod exit;
mod follow;
mod sandbox;
mod submission;
mod ui;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    app::main(std::env::args_os()).into()
}
