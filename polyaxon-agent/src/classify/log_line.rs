//! One line of the executor's log in any of its three formats.

use std::borrow::Cow;

use serde::Deserialize;

/// How grave the executor takes a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// For developers of the executor.
    Debug,
    /// Progress.
    Info,
    /// The build goes on.
    Warning,
    /// The build ends with this line.
    Fatal,
}

/// A line split into what came from a command and what the executor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogLine<'a> {
    /// Output of a command, an error of the executor, or what a command wrote without a line
    /// end before the executor went on.
    pub(super) plain: Cow<'a, str>,
    /// Level and text of the executor's record.
    pub(super) record: Option<(Level, String)>,
}

#[derive(Deserialize)]
struct JsonRecord {
    level: String,
    msg: String,
}

const COLOR_MARKS: [(&str, Level); 4] = [
    ("INFO[", Level::Info),
    ("WARN[", Level::Warning),
    ("FATA[", Level::Fatal),
    ("DEBU[", Level::Debug),
];

fn level(word: &str) -> Option<Level> {
    match word {
        "debug" | "trace" => Some(Level::Debug),
        "info" => Some(Level::Info),
        "warning" | "warn" => Some(Level::Warning),
        "fatal" | "error" | "panic" => Some(Level::Fatal),
        _ => None,
    }
}

impl<'a> LogLine<'a> {
    /// Reads a line without its end. Bytes that are no UTF-8 are replaced.
    pub(super) fn read(line: &'a [u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let text = match strip_escapes(&text) {
            Cow::Owned(stripped) => Cow::Owned(stripped),
            Cow::Borrowed(_) => text,
        };
        for read in [json_record, text_record, color_record] {
            if let Some((start, level, message)) = read(&text) {
                let plain = Cow::Owned(text.get(..start).unwrap_or_default().to_owned());
                return Self {
                    plain,
                    record: Some((level, message)),
                };
            }
        }
        Self {
            plain: text,
            record: None,
        }
    }
}

/// Removes the escape sequences that set colours.
fn strip_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        clean.push_str(before);
        rest = match after.strip_prefix('[') {
            Some(sequence) => {
                let end = sequence
                    .find(|character: char| character.is_ascii_alphabetic())
                    .map_or(sequence.len(), |index| index + 1);
                sequence.get(end..).unwrap_or_default()
            }
            None => after,
        };
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

fn json_record(text: &str) -> Option<(usize, Level, String)> {
    let start = text.find("{\"level\":\"")?;
    let record: JsonRecord = serde_json::from_str(text.get(start..)?.trim_end()).ok()?;
    Some((start, level(&record.level)?, record.msg))
}

fn text_record(text: &str) -> Option<(usize, Level, String)> {
    let start = text.find("time=\"")?;
    let (_, after) = text.get(start + 6..)?.split_once("\" level=")?;
    let (word, message) = after.split_once(" msg=")?;
    Some((start, level(word)?, unquote(message.trim_end())))
}

/// Text between Go's quotes; a message without blanks has none.
fn unquote(message: &str) -> String {
    let Some(inner) = message
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return message.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text
}

fn color_record(text: &str) -> Option<(usize, Level, String)> {
    let (start, level) = COLOR_MARKS
        .iter()
        .filter_map(|(mark, level)| text.find(mark).map(|start| (start, *level)))
        .min_by_key(|(start, _)| *start)?;
    let (clock, message) = text.get(start + 5..)?.split_once("] ")?;
    let is_clock = !clock.is_empty()
        && clock
            .chars()
            .all(|character| character.is_ascii_digit() || "-:TZ+.".contains(character));
    is_clock.then(|| (start, level, message.trim_end().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(line: &str) -> Option<(Level, String)> {
        LogLine::read(line.as_bytes()).record
    }

    #[test]
    fn the_three_formats_read_the_same() {
        let expected = Some((Level::Info, "RUN echo \"a\" > /a".to_owned()));
        assert_eq!(
            record(
                r#"{"level":"info","msg":"RUN echo \"a\" \u003e /a","time":"2026-11-21T02:50:22Z"}"#
            ),
            expected
        );
        assert_eq!(
            record(r#"time="2026-11-21T02:50:22Z" level=info msg="RUN echo \"a\" > /a""#),
            expected
        );
        assert_eq!(
            record("\u{1b}[36mINFO\u{1b}[0m[0003] RUN echo \"a\" > /a                "),
            expected
        );
        assert_eq!(
            record("\u{1b}[36mINFO\u{1b}[0m[2026-11-21T03:01:01Z] RUN echo \"a\" > /a"),
            expected
        );
    }

    #[test]
    fn output_without_a_line_end_stays_before_the_record() {
        let line = LogLine::read(br#"half{"level":"warning","msg":"m","time":"t"}"#);
        assert_eq!(line.plain, "half");
        assert_eq!(line.record, Some((Level::Warning, "m".to_owned())));
    }

    #[test]
    fn anything_else_is_plain() {
        for line in [
            "",
            "begin",
            "INFO[x] no",
            "{\"level\":\"info\"",
            "time=\"x\" hello",
        ] {
            let read = LogLine::read(line.as_bytes());
            assert_eq!(read.plain, line);
            assert_eq!(read.record, None);
        }
        assert_eq!(LogLine::read(b"bad \xff\xfe").plain, "bad \u{fffd}\u{fffd}");
    }
}
