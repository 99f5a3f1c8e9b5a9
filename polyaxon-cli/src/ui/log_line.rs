//! Log records as lines for people.

use std::collections::BTreeMap;

use polyaxon_proto::transfer::v1::LogChunk;
use serde::Deserialize;

use super::{BAD, DIM, WARNING};

/// A line of the image builder's JSON log.
#[derive(Deserialize)]
struct ExecutorLine {
    level: String,
    msg: String,
    time: Option<jiff::Timestamp>,
}

/// Turns records into lines. Lines that come in pieces are put together.
#[derive(Debug, Default)]
pub(crate) struct LogRenderer {
    raw: bool,
    all_containers: bool,
    /// Unix nanoseconds of the first record of each attempt.
    started: BTreeMap<u32, i64>,
    /// Beginnings of lines, by attempt, container and stream.
    pending: BTreeMap<(u32, String, u32), Vec<u8>>,
}

impl LogRenderer {
    /// With `raw`, lines stay as they were written. With `all_containers`, each names its container.
    pub(crate) fn new(raw: bool, all_containers: bool) -> Self {
        Self {
            raw,
            all_containers,
            ..Self::default()
        }
    }

    /// The lines that are complete with this record.
    pub(crate) fn lines(&mut self, chunk: &LogChunk) -> Vec<String> {
        let prefix = if self.all_containers {
            format!("{DIM}{} |{DIM:#} ", chunk.container)
        } else {
            String::new()
        };
        if !chunk.gap.is_empty() {
            return vec![format!(
                "{prefix}{WARNING}[a part of the log is missing here: {}]{WARNING:#}",
                chunk.gap
            )];
        }
        if chunk.at_ns != 0 {
            self.started.entry(chunk.attempt).or_insert(chunk.at_ns);
        }
        let key = (chunk.attempt, chunk.container.clone(), chunk.stream);
        let mut bytes = self.pending.remove(&key).unwrap_or_default();
        bytes.extend_from_slice(&chunk.data);
        if chunk.partial {
            self.pending.insert(key, bytes);
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        text.split('\n')
            .map(|line| format!("{prefix}{}", self.line(line, chunk)))
            .collect()
    }

    /// Beginnings of lines whose end never came.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.pending)
            .into_values()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect()
    }

    fn line(&mut self, line: &str, chunk: &LogChunk) -> String {
        if self.raw {
            return line.to_owned();
        }
        let Some(parsed) = executor_line(line) else {
            return last_state(line).to_owned();
        };
        let at_ns = match (chunk.at_ns, parsed.time) {
            (0, Some(time)) => i64::try_from(time.as_nanosecond()).unwrap_or_default(),
            (at_ns, _) => at_ns,
        };
        let started = *self.started.entry(chunk.attempt).or_insert(at_ns);
        let tenths = (at_ns - started).max(0) / 100_000_000;
        let seconds = format!("{}.{}s", tenths / 10, tenths % 10);
        let message = parsed.msg.trim_end();
        match parsed.level.as_str() {
            "info" => format!("{DIM}{seconds:>7}{DIM:#} {message}"),
            "debug" | "trace" => format!("{DIM}{seconds:>7} {message}{DIM:#}"),
            "warning" | "warn" => {
                format!("{DIM}{seconds:>7}{DIM:#} {WARNING}warning{WARNING:#} {message}")
            }
            _ => format!("{DIM}{seconds:>7}{DIM:#} {BAD}error{BAD:#} {message}"),
        }
    }
}

/// A line without its clock: what the builder says in a line of its JSON log, other lines as they are.
pub(crate) fn message(line: &str) -> String {
    executor_line(line).map_or_else(|| line.to_owned(), |line| line.msg.trim_end().to_owned())
}

fn executor_line(line: &str) -> Option<ExecutorLine> {
    if !line.starts_with('{') {
        return None;
    }
    serde_json::from_str(line).ok()
}

/// What a terminal would show of a line that overwrites itself, such as a progress bar.
fn last_state(line: &str) -> &str {
    line.trim_end_matches('\r')
        .rsplit('\r')
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at_ms: i64, data: &str) -> LogChunk {
        LogChunk {
            attempt: 1,
            container: "polyaxon-main".to_owned(),
            at_ns: at_ms * 1_000_000,
            stream: 1,
            data: data.as_bytes().to_vec().into(),
            ..LogChunk::default()
        }
    }

    fn shown(renderer: &mut LogRenderer, chunk: &LogChunk) -> Vec<String> {
        renderer
            .lines(chunk)
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect()
    }

    const RUN: &str =
        r#"{"level":"info","msg":"RUN echo q \u003e /q","time":"2026-11-21T03:06:03Z"}"#;

    #[test]
    fn executor_lines_get_the_time_since_the_first_one() {
        let mut renderer = LogRenderer::new(false, false);
        shown(&mut renderer, &record(1_000, "first"));
        assert_eq!(
            shown(&mut renderer, &record(13_300, RUN)),
            ["  12.3s RUN echo q > /q"]
        );
    }

    #[rstest::rstest]
    #[case(
        r#"{"level":"warning","msg":"slow","time":"2026-11-21T03:06:03Z"}"#,
        "   0.0s warning slow"
    )]
    #[case(
        r#"{"level":"fatal","msg":"no","time":"2026-11-21T03:06:03Z"}"#,
        "   0.0s error no"
    )]
    #[case("Collecting polyaxon", "Collecting polyaxon")]
    #[case(r#"{"level":1}"#, r#"{"level":1}"#)]
    #[case(r#"{"loss": 0.1}"#, r#"{"loss": 0.1}"#)]
    #[case(" 10%\r 50%\r100%\r", "100%")]
    #[case("", "")]
    fn lines(#[case] given: &str, #[case] expected: &str) {
        let mut renderer = LogRenderer::new(false, false);
        assert_eq!(shown(&mut renderer, &record(5, given)), [expected]);
    }

    #[test]
    fn messages_have_no_clock() {
        assert_eq!(message(RUN), "RUN echo q > /q");
        assert_eq!(message("Collecting polyaxon"), "Collecting polyaxon");
    }

    #[test]
    fn raw_leaves_lines_alone() {
        let mut renderer = LogRenderer::new(true, false);
        assert_eq!(renderer.lines(&record(5, RUN)), [RUN]);
        assert_eq!(renderer.lines(&record(5, "a\rb")), ["a\rb"]);
    }

    #[test]
    fn pieces_of_a_line_are_put_together() {
        let mut renderer = LogRenderer::new(false, false);
        let (start, end) = RUN.split_at(20);
        let partial = LogChunk {
            partial: true,
            ..record(5, start)
        };
        assert!(renderer.lines(&partial).is_empty());
        assert_eq!(
            shown(&mut renderer, &record(5, end)),
            ["   0.0s RUN echo q > /q"]
        );
        let unfinished = LogChunk {
            partial: true,
            ..record(6, "the end")
        };
        assert!(renderer.lines(&unfinished).is_empty());
        assert_eq!(renderer.rest(), ["the end"]);
        assert!(renderer.rest().is_empty());
    }

    #[test]
    fn without_record_times_the_line_has_its_own() {
        let mut renderer = LogRenderer::new(false, false);
        let line = |second: u32| {
            let text =
                format!(r#"{{"level":"info","msg":"m","time":"2026-11-21T03:06:{second:02}Z"}}"#);
            record(0, &text)
        };
        shown(&mut renderer, &line(1));
        assert_eq!(shown(&mut renderer, &line(5)), ["   4.0s m"]);
    }

    #[test]
    fn a_missing_stretch_is_marked_and_containers_are_named() {
        let mut renderer = LogRenderer::new(false, true);
        let gap = LogChunk {
            gap: "node lost".to_owned(),
            ..record(0, "")
        };
        assert_eq!(
            shown(&mut renderer, &gap),
            ["polyaxon-main | [a part of the log is missing here: node lost]"]
        );
    }
}
