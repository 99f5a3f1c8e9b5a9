//! The sidecar: collects the artifacts of the run into the mounted store, every now and then and
//! once more when the main container has ended; then it asks the registry for what a build pushed.
//! It prints the Dockerfile that the steps before it brought.
//!
//! The end of main arrives as SIGTERM: Kubernetes sends it to a native sidecar, the `engine`
//! executor does the same.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use thiserror::Error;

use crate::catalog::{self, CatalogError};
use crate::cli::SidecarArgs;
use crate::confirm::{self, ConfirmError};
use crate::copy::{self, CopyError};
use crate::environment::Environment;
use crate::hand_over;
use crate::ui;

/// Why artifacts may be missing in the store.
#[derive(Debug, Error)]
pub(crate) enum SidecarError {
    #[error("could not wait for the end of `{container}`: {source}")]
    Signal {
        container: String,
        source: io::Error,
    },
    #[error(
        "`POLYAXON_RUN_INSTANCE` does not name a run: the agent has to set it to `owner.project.runs.uuid`"
    )]
    NoRun,
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("artifacts were not collected: {0}")]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
}

/// Returns when main has ended, what it left is in the store, and the registry was asked.
pub(crate) fn run(arguments: &SidecarArgs, environment: &Environment) -> Result<(), SidecarError> {
    let failed = |source| SidecarError::Signal {
        container: arguments.container_id.clone(),
        source,
    };
    let mut end = MainEnd::register().map_err(failed)?;
    let is_handed_over = hand_over::run(&arguments.dockerfile);
    let collected = if arguments.collect {
        collect_until(&mut end, arguments, environment)
    } else {
        end.wait(None).map(drop).map_err(failed)
    };
    if !is_handed_over {
        // Main may have written it.
        hand_over::run(&arguments.dockerfile);
    }
    // What a build pushed counts also when its artifacts are lost.
    let confirmed = confirm::run(&arguments.question);
    collected?;
    Ok(confirmed?)
}

fn collect_until(
    end: &mut MainEnd,
    arguments: &SidecarArgs,
    environment: &Environment,
) -> Result<(), SidecarError> {
    let failed = |source| SidecarError::Signal {
        container: arguments.container_id.clone(),
        source,
    };
    let folders = folders(arguments, environment);
    let interval = u64::try_from(arguments.sync_interval)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs);
    loop {
        let ended = end.wait(interval).map_err(failed)?;
        // A store that cannot be used fails the sidecar only after main: its work goes on.
        match (&folders, ended) {
            (Ok((from, to)), true) => {
                for path in collect(from, to)? {
                    let path = path.display();
                    ui::note(&format!(
                        "left out `{path}`: only files and folders are collected"
                    ));
                }
                return Ok(());
            }
            (Ok((from, to)), false) => {
                if let Err(error) = collect(from, to) {
                    ui::note(&format!("will be tried again: {error}"));
                }
            }
            (Err(_), true) => break,
            (Err(_), false) => {}
        }
    }
    folders.map(|_| ())
}

fn folders(
    arguments: &SidecarArgs,
    environment: &Environment,
) -> Result<(PathBuf, PathBuf), SidecarError> {
    let from = match &arguments.artifacts_path {
        Some(path) => path.clone(),
        None => environment.run_folder().ok_or(SidecarError::NoRun)?,
    };
    let to = if let Some(path) = &arguments.store_path {
        path.clone()
    } else {
        let uuid = environment.run_uuid().ok_or(SidecarError::NoRun)?;
        catalog::store_mount(environment)?.join(uuid)
    };
    Ok((from, to))
}

/// Returns what is no file and no folder.
fn collect(from: &Path, to: &Path) -> Result<Vec<PathBuf>, CopyError> {
    if !from.is_dir() {
        return Ok(Vec::new());
    }
    let copied = copy::folder(from, to)?;
    if copied.files > 0 {
        ui::note(&format!(
            "collected {} files, {} bytes",
            copied.files, copied.bytes
        ));
    }
    Ok(copied.left_out)
}

/// The end of main, as a pipe that the signal writes to.
struct MainEnd(UnixStream);

impl MainEnd {
    fn register() -> io::Result<Self> {
        let (reader, writer) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        Ok(Self(reader))
    }

    /// Whether main ended within `time`.
    fn wait(&mut self, time: Option<Duration>) -> io::Result<bool> {
        self.0.set_read_timeout(time)?;
        loop {
            match self.0.read_exact(&mut [0]) {
                Ok(()) => return Ok(true),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(false),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error),
                },
            }
        }
    }
}
