//! A builder that stands in for the Kaniko executor where that cannot be had: tests and quick
//! starts on machines that reach package registries only.
//!
//! It speaks the executor's command line, writes its log, fails with its words and exit statuses,
//! and builds for real: it unpacks the base image over its own root, runs the instructions there
//! and pushes what changed. What it does not know it refuses.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

mod build;
mod dockerfile;
mod error;
mod files;
mod flags;
mod log;
mod registry;
mod retry;

use error::Failure;
use flags::{Options, Request};
use log::{Format, Level, Log};

/// Version of the executor that the double stands in for.
const STANDS_FOR: &str = "v1.28.3";
/// Exit status on signals: what the executor's runtime leaves behind as the first process of a
/// container.
const SIGNALLED: i32 = 2;

fn main() -> ExitCode {
    let start = Instant::now();
    if let Err(error) = end_on_signals() {
        say(&format!(
            "kaniko-double: cannot listen to signals: {error}\n"
        ));
        return ExitCode::FAILURE;
    }
    let arguments: Vec<_> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let failure = match flags::parse(&arguments) {
        Ok(Request::Version) => {
            return print(&format!(
                "Kaniko version :  {STANDS_FOR}\nkaniko-double {}\n",
                env!("CARGO_PKG_VERSION")
            ));
        }
        Ok(Request::Help) => return print(&flags::usage()),
        Ok(Request::Build(options)) => {
            let log = log(&options, start);
            log.always(format_args!(
                "kaniko-double {}: a stand-in for the Kaniko executor {STANDS_FOR}",
                env!("CARGO_PKG_VERSION")
            ));
            match build::execute(&options, &log) {
                Ok(()) => return ExitCode::SUCCESS,
                Err(failure) => failure,
            }
        }
        Err(failure) => failure,
    };
    let mut text = format!("{failure}\n");
    if matches!(failure, Failure::Usage { .. }) {
        text.push_str(&flags::usage());
    }
    say(&text);
    ExitCode::from(failure.status())
}

fn log(options: &Options, start: Instant) -> Log {
    Log {
        format: options.log_format.unwrap_or(Format::DEFAULT),
        timestamp: options.log_timestamp,
        threshold: options.verbosity.unwrap_or(Level::Info),
        start,
    }
}

/// Ends the process at once and without a word on SIGTERM and SIGINT, also as the first process of
/// a container, whom signals without a handler do not reach.
fn end_on_signals() -> std::io::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    for signal in [
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGQUIT,
    ] {
        signal_hook::flag::register_conditional_shutdown(signal, SIGNALLED, Arc::clone(&always))?;
    }
    Ok(())
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn say(text: &str) {
    // There is nobody to tell that nobody listens.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
