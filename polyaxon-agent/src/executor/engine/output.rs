//! A container's output, piece by piece as the engine keeps it.

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;

use super::failure::{status, unavailable};
use crate::executor::{ExecutorError, LogPiece, tail};

pub(super) type Pieces = BoxStream<'static, Result<LogPiece, ExecutorError>>;

/// What there is now, from its start. The last piece of a container that runs may be half of one.
pub(super) fn pieces(docker: &Docker, container: &str) -> Pieces {
    let options = LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .build();
    let pieces = docker.logs(container, Some(options)).map(|piece| {
        piece.map(parse).map_err(|error| {
            if status(&error) == Some(404) {
                return ExecutorError::Gone("the container is not there any more".to_owned());
            }
            unavailable("reading the log")(error)
        })
    });
    pieces.boxed()
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
    use super::*;

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
