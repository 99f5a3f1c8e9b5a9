//! The one program inside build pods: the init steps `auth`, `artifacts`, `git`, `dockerfile` and
//! `file`, and the sidecar that collects what a run leaves behind.

mod artifacts;
mod auth;
mod catalog;
mod cli;
mod confirm;
mod copy;
mod dockerfile;
mod environment;
mod file;
mod files;
mod git;
mod hand_over;
mod lineage;
mod mode;
mod path;
mod sidecar;
mod ui;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Step};
use crate::environment::Environment;

fn main() -> ExitCode {
    let step = Cli::parse().command.into_step();
    let environment = Environment::of_process();
    match run(&step, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            ui::failure(step.name(), failure.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run(step: &Step, environment: &Environment) -> Result<(), Box<dyn std::error::Error>> {
    match step {
        Step::Auth(arguments) => auth::run(arguments, environment)?,
        Step::Artifacts(arguments) => artifacts::run(arguments)?,
        Step::Dockerfile(arguments) => dockerfile::run(arguments, environment)?,
        Step::File(arguments) => file::run(arguments, environment)?,
        Step::Fswatch(arguments) => artifacts::watch(arguments)?,
        Step::Git(arguments) => git::run(arguments, environment)?,
        Step::Path(arguments) => path::run(arguments)?,
        Step::Sidecar(arguments) => sidecar::run(arguments, environment)?,
    }
    Ok(())
}
