//! The command line `polyaxon`.

mod app;
mod argv;
mod cli;
mod client;
mod commands;
mod config;
mod dispatch;
mod environment;
mod error;
mod exit;
mod folder;
mod follow;
mod private_file;
mod sandbox;
mod setting;
mod submission;
mod ui;
mod view;
mod yaml_file;

use std::process::ExitCode;

fn main() -> ExitCode {
    polyaxon_proto::version::stand_for(option_env!("POLYAXON_BUILD_VERSION"));
    dispatch::main(std::env::args_os()).into()
}
