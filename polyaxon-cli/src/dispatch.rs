//! From arguments to exit status.

use std::ffi::OsString;
use std::path::Path;

use clap::Parser as _;

use crate::app::{App, connected};
use crate::argv;
use crate::cli::{Cli, Command};
use crate::commands;
use crate::config::{Config, ConfigError, Key};
use crate::environment::Environment;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::folder;
use crate::ui::Ui;

/// Runs the command that the arguments name.
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(argv::normalise(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for_help = !error.use_stderr();
            // There is nowhere to report a terminal that cannot be written to.
            let _ = error.print();
            return if asked_for_help {
                Exit::Succeeded
            } else {
                Exit::Usage
            };
        }
    };
    let ui = Ui::of_process();
    let environment = folder::bound(Environment::of_process(), Path::new(""));
    let config = environment.and_then(Config::load);
    let debugs = config.as_ref().is_ok_and(|config| config.is_on(Key::Debug));
    trace(cli.verbose || debugs);
    let outcome = match config {
        Ok(config) => dispatch(cli.command, &mut App { ui, config }),
        Err(error) => dispatch_without_config(cli.command, &ui, error),
    };
    match outcome {
        Ok(exit) => exit,
        Err(error) if error.is_closed_pipe() => Exit::Failed,
        Err(error) => {
            let ui = Ui::of_process();
            // As above: nowhere to report it.
            let _ = error.show(&ui);
            error.exit()
        }
    }
}

fn trace(verbose: bool) {
    let level = if verbose { "debug" } else { "error" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("POLYAXON_LOG_LEVEL")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// Commands that work on a home with broken settings, so that they can be repaired.
fn dispatch_without_config(command: Command, ui: &Ui, error: ConfigError) -> Outcome {
    match command {
        Command::Completion(arguments) => commands::completion::run(&arguments, ui),
        Command::Convert(arguments) => commands::convert::run(&arguments, ui),
        Command::Fmt(arguments) => commands::fmt::run(&arguments, ui),
        Command::Schema(arguments) => commands::schema::run(&arguments, ui),
        Command::Config(arguments) => commands::config::run_broken(&arguments, ui, error),
        _ => Err(error.into()),
    }
}

fn dispatch(command: Command, app: &mut App) -> Outcome {
    match command {
        Command::Completion(arguments) => commands::completion::run(&arguments, &app.ui),
        Command::Config(arguments) => commands::config::run(arguments, app),
        Command::Convert(arguments) => commands::convert::run(&arguments, &app.ui),
        Command::Fmt(arguments) => commands::fmt::run(&arguments, &app.ui),
        Command::Schema(arguments) => commands::schema::run(&arguments, &app.ui),
        Command::Logout(arguments) => commands::logout::run(&arguments, app),
        Command::Admin(arguments) => connected(commands::admin::run(arguments, app)),
        Command::Components(arguments) => connected(commands::components::run(arguments, app)),
        Command::Ops(arguments) => connected(commands::ops::run(arguments, app)),
        Command::Check(arguments) => commands::check::run(&arguments, app),
        Command::Compile(arguments) => connected(commands::compile::run(arguments, app)),
        Command::Run(arguments) => connected(commands::run::run(arguments, app)),
        Command::Sandbox(arguments) => connected(commands::sandbox::run(arguments, app)),
        Command::Init(arguments) => commands::init::run(&arguments, app),
        Command::Login(arguments) => connected(commands::login::run(arguments, app)),
        Command::Project(arguments) => connected(commands::project::run(arguments, app)),
        Command::Version(arguments) => connected(commands::version::run(&arguments, app)),
        Command::Whoami(arguments) => connected(commands::whoami::run(&arguments, app)),
    }
}
