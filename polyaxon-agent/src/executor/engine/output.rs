//! A container's output, piece by piece as the engine keeps it.

use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::{InspectContainerOptions, LogsOptionsBuilder};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;

use super::failure::{settled, status, unavailable};
use crate::executor::{ExecutorError, LogPiece, tail};

/// A followed log that is silent for so long is looked after.
const SILENCE: Duration = Duration::from_secs(5);

type Pieces = BoxStream<'static, Result<LogPiece, ExecutorError>>;

/// Output from its start; with `follow` until the container has ended.
pub(super) fn pieces(docker: Docker, container: String, follow: bool) -> Pieces {
    let options = LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .follow(follow)
        .build();
    let pieces = docker.logs(&container, Some(options)).map(|piece| {
        piece.map(parse).map_err(|error| {
            if status(&error) == Some(404) {
                return ExecutorError::Gone("the container is not there any more".to_owned());
            }
            unavailable("reading the log")(error)
        })
    });
    if follow {
        until_the_end(docker, container, pieces.boxed(), SILENCE)
    } else {
        pieces.boxed()
    }
}

/// A followed log, which is trusted neither when it ends nor when it is silent: an engine that goes away ends it as if
/// the container had ended, and one that misses the end of the container never ends it.
fn until_the_end(docker: Docker, container: String, pieces: Pieces, silence: Duration) -> Pieces {
    let state = Some((docker, container, pieces));
    stream::unfold(state, move |state| async move {
        let (docker, container, mut pieces): (Docker, String, Pieces) = state?;
        loop {
            let next = tokio::time::timeout(silence, pieces.next()).await;
            if let Ok(Some(piece)) = next {
                return Some((piece, Some((docker, container, pieces))));
            }
            match (is_running(&docker, &container).await, next) {
                (Ok(true), Err(_silence)) => {}
                (Ok(true), Ok(_)) => return Some((Err(broken_off()), None)),
                (Ok(false), _) => return None,
                (Err(error), _) => return Some((Err(error), None)),
            }
        }
    })
    .boxed()
}

async fn is_running(docker: &Docker, container: &str) -> Result<bool, ExecutorError> {
    let found = settled(|| docker.inspect_container(container, None::<InspectContainerOptions>))
        .await
        .map_err(unavailable("looking at a container"))?;
    Ok(found.state.and_then(|state| state.running) == Some(true))
}

fn broken_off() -> ExecutorError {
    ExecutorError::Unavailable {
        action: "reading the log".to_owned(),
        reason: "it broke off while the container runs".to_owned(),
    }
}

/// The last lines, without line ends and without those that are empty.
pub(super) async fn last_lines(docker: &Docker, container: &str, count: usize) -> Vec<String> {
    let options = LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .tail(&(count * 2).to_string())
        .build();
    let mut text = Vec::new();
    let mut pieces = docker.logs(container, Some(options)).boxed();
    while let Some(Ok(piece)) = pieces.next().await {
        text.extend_from_slice(piece.as_ref());
    }
    let text = String::from_utf8_lossy(&text);
    tail::last_lines(&text, count)
}

/// The engine writes its time and a space before each piece.
fn parse(piece: LogOutput) -> LogPiece {
    let stream = match &piece {
        LogOutput::StdErr { .. } => 2,
        _ => 1,
    };
    let bytes = piece.into_bytes();
    let (at_ns, data) = split(&bytes);
    LogPiece {
        at_ns,
        stream,
        data,
    }
}

fn split(bytes: &Bytes) -> (i64, Bytes) {
    let space = bytes.iter().take(40).position(|byte| *byte == b' ');
    let at = space
        .and_then(|at| bytes.get(..at))
        .and_then(|text| std::str::from_utf8(text).ok())
        .and_then(|text| text.parse::<Timestamp>().ok());
    match (at, space) {
        (Some(at), Some(space)) => (
            i64::try_from(at.as_nanosecond()).unwrap_or_default(),
            bytes.slice(space + 1..),
        ),
        _ => (0, bytes.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::routing::get;
    use futures::TryStreamExt;

    use super::*;

    /// An engine with a container that runs for two looks.
    fn engine(socket: &std::path::Path) -> Docker {
        let looks = Arc::new(AtomicUsize::new(0));
        let inspect = move || {
            let runs = looks.fetch_add(1, Ordering::Relaxed) < 2;
            async move { axum::Json(serde_json::json!({"State": {"Running": runs}})) }
        };
        let routes = Router::new().fallback(get(inspect));
        let listener = tokio::net::UnixListener::bind(socket).expect("a socket");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let path = socket.to_str().expect("text");
        Docker::connect_with_unix(path, 120, bollard::API_DEFAULT_VERSION).expect("a client")
    }

    #[tokio::test]
    async fn a_followed_log_ends_with_its_container_whatever_the_engine_says() {
        let piece = || {
            Ok(parse(LogOutput::StdOut {
                message: Bytes::from("one\n"),
            }))
        };
        let one = || stream::once(async move { piece() });
        let silence = Duration::from_millis(10);
        for (pieces, wanted) in [
            (one().chain(stream::pending()).boxed(), Ok(1)),
            (one().boxed(), Err("it broke off while the container runs")),
        ] {
            let folder = tempfile::tempdir().expect("folder");
            let docker = engine(&folder.path().join("engine.sock"));
            let followed = until_the_end(docker, "main".to_owned(), pieces, silence);
            let read: Result<Vec<_>, _> = followed.try_collect().await;
            match (read, wanted) {
                (Ok(read), Ok(wanted)) => assert_eq!(read.len(), wanted),
                (Err(ExecutorError::Unavailable { reason, .. }), Err(wanted)) => {
                    assert_eq!(reason, wanted);
                }
                (other, wanted) => panic!("{other:?} instead of {wanted:?}"),
            }
        }
    }

    #[test]
    fn the_engines_time_is_not_part_of_the_output() {
        for (line, at_ns, data) in [
            (
                "1970-01-01T00:00:01.000000002Z one\n",
                1_000_000_002,
                "one\n",
            ),
            (
                "1970-01-01T00:00:01Z  two words",
                1_000_000_000,
                " two words",
            ),
            ("1970-01-01T01:00:01+01:00 \n", 1_000_000_000, "\n"),
            ("no time", 0, "no time"),
        ] {
            let piece = parse(LogOutput::StdErr {
                message: Bytes::from(line),
            });
            assert_eq!((piece.at_ns, piece.stream), (at_ns, 2), "{line}");
            assert_eq!(piece.data, data);
        }
    }
}
