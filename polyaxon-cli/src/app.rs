//! From arguments to exit status.

use std::ffi::OsString;

use clap::Parser as _;

use crate::argv;
use crate::cli::{Cli, Command};
use crate::client::{Hub, HubError};
use crate::commands;
use crate::config::Config;
use crate::environment::Environment;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::Ui;
use crate::view::name::Named;

/// What every command works with.
pub(crate) struct App {
    pub(crate) ui: Ui,
    pub(crate) config: Config,
}

impl App {
    /// The configured hub; the connection is made by the first call.
    pub(crate) fn hub(&self) -> Result<Hub, HubError> {
        Hub::of_config(&self.config)
    }

    /// Owner and project of a command; empty lets the hub choose.
    pub(crate) fn owner_and_project(&self, project: Option<Named>) -> (String, String) {
        match project {
            Some(Named { owner, name }) => (owner.unwrap_or_else(|| self.config.owner()), name),
            None => (self.config.owner(), self.config.project()),
        }
    }
}

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
    trace(cli.verbose);
    let ui = Ui::of_process();
    let outcome = match Config::load(Environment::of_process()) {
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
fn dispatch_without_config(
    command: Command,
    ui: &Ui,
    error: crate::config::ConfigError,
) -> Outcome {
    match command {
        Command::Completion(arguments) => commands::completion::run(&arguments, ui),
        Command::Config(arguments) if arguments.is_purge() => {
            commands::config::purge_broken(ui, error)
        }
        _ => Err(error.into()),
    }
}

fn dispatch(command: Command, app: &mut App) -> Outcome {
    match command {
        Command::Completion(arguments) => commands::completion::run(&arguments, &app.ui),
        Command::Config(arguments) => commands::config::run(arguments, app),
        Command::Logout(_) => commands::logout::run(app),
        Command::Admin(arguments) => connected(commands::admin::run(arguments, app)),
        Command::Components(arguments) => connected(commands::components::run(arguments, app)),
        Command::Ops(arguments) => connected(commands::ops::run(arguments, app)),
        Command::Check(arguments) => commands::check::run(&arguments, app),
        Command::Compile(arguments) => connected(commands::compile::run(arguments, app)),
        Command::Run(arguments) => connected(commands::run::run(arguments, app)),
        Command::Sandbox(arguments) => connected(commands::sandbox::run(arguments, app)),
        Command::Login(arguments) => connected(commands::login::run(arguments, app)),
        Command::Project(arguments) => connected(commands::project::run(arguments, app)),
        Command::Version(arguments) => connected(commands::version::run(&arguments, app)),
        Command::Whoami(arguments) => connected(commands::whoami::run(&arguments, app)),
    }
}

/// Runs a command that talks to a hub.
pub(crate) fn connected(command: impl Future<Output = Outcome>) -> Outcome {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::System(format!("cannot start the event loop: {error}")))?
        .block_on(command)
}
