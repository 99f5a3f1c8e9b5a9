//! Checks again whenever a file changes.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::{Arguments, collect, several};
use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_millis(300);

/// A file, when it was changed, and its size.
type State = (PathBuf, Option<(SystemTime, u64)>);

pub(super) async fn watch(arguments: &Arguments, app: &App) -> Outcome {
    if arguments.paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(CommandError::Usage(
            "standard input cannot be watched; name the file".to_owned(),
        ));
    }
    let mut before = None;
    loop {
        let files = collect::collect(&arguments.paths)?;
        let now = states(&files);
        if before.as_ref() != Some(&now) {
            // What is wrong is shown, and may be mended.
            several(&files, arguments, app).await?;
            before = Some(now);
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        }
    }
}

fn states(files: &[PathBuf]) -> Vec<State> {
    files
        .iter()
        .map(|path| {
            let state = path
                .metadata()
                .and_then(|metadata| Ok((metadata.modified()?, metadata.len())));
            (path.clone(), state.ok())
        })
        .collect()
}
