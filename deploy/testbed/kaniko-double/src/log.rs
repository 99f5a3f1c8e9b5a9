//! Log lines in the three formats of the executor.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Columns that the message of a colored line is filled up to.
const COLOR_MESSAGE_WIDTH: usize = 44;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line.
    Json,
    /// `key=value` pairs.
    Text,
    /// A short level with terminal colors, with or without a terminal.
    Color,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            "color" => Ok(Self::Color),
            _ => Err(format!(
                "not a valid log format: {}. Please specify one of (text, color, json)",
                quote(text)
            )),
        }
    }
}

/// Importance of a line, least important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Details.
    Debug,
    /// The course of the build.
    Info,
    /// Something went wrong and the build goes on.
    Warning,
    /// Errors that do not end the build.
    Error,
    /// The last line of a build.
    Fatal,
}

impl Level {
    /// The level of `--verbosity`, or nothing if there is no such level.
    pub(crate) fn from_verbosity(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "trace" | "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warning),
            "error" => Some(Self::Error),
            "fatal" | "panic" => Some(Self::Fatal),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    fn color(self) -> (u8, &'static str) {
        match self {
            Self::Debug => (37, "DEBU"),
            Self::Info => (36, "INFO"),
            Self::Warning => (33, "WARN"),
            Self::Error => (31, "ERRO"),
            Self::Fatal => (31, "FATA"),
        }
    }
}

/// Where the lines of one build go: standard error, which the output of `RUN` shares.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// How lines are written.
    pub format: Format,
    /// Whether colored lines carry the time instead of seconds since the start.
    pub timestamp: bool,
    /// The least important level that is written.
    pub threshold: Level,
    /// Start of the process.
    pub start: Instant,
}

impl Log {
    /// Writes a line of level info.
    pub(crate) fn info(&self, message: impl fmt::Display) {
        self.write(Level::Info, message);
    }

    /// Writes a line of level warning.
    pub(crate) fn warn(&self, message: impl fmt::Display) {
        self.write(Level::Warning, message);
    }

    /// Writes a line of level info whatever the threshold is.
    pub(crate) fn always(&self, message: impl fmt::Display) {
        self.emit(Level::Info, &message.to_string());
    }

    /// The same log without lines below fatal.
    pub(crate) fn quiet(&self) -> Self {
        Self {
            threshold: Level::Fatal,
            ..self.clone()
        }
    }

    fn write(&self, level: Level, message: impl fmt::Display) {
        if level >= self.threshold {
            self.emit(level, &message.to_string());
        }
    }

    fn emit(&self, level: Level, message: &str) {
        let line = render(
            self.format,
            self.timestamp,
            level,
            message,
            Timestamp::now(),
            self.start.elapsed(),
        );
        // A log that nobody reads any more must not end the build.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}

/// One line with its newline.
pub(crate) fn render(
    format: Format,
    timestamp: bool,
    level: Level,
    message: &str,
    now: Timestamp,
    elapsed: Duration,
) -> String {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ");
    match format {
        Format::Json => format!(
            "{{\"level\":\"{}\",\"msg\":{},\"time\":\"{time}\"}}\n",
            level.word(),
            json_string(message)
        ),
        Format::Text => format!(
            "time=\"{time}\" level={} msg={}\n",
            level.word(),
            quote_if_needed(message)
        ),
        Format::Color => {
            let (color, word) = level.color();
            let stamp = if timestamp {
                time.to_string()
            } else {
                format!("{:04}", elapsed.as_secs())
            };
            format!("\u{1b}[{color}m{word}\u{1b}[0m[{stamp}] {message:<COLOR_MESSAGE_WIDTH$} \n")
        }
    }
}

/// A JSON string that also escapes the characters that HTML knows.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn quote_if_needed(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// A string in double quotes, escaped as the executor's language does it.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        Format::Json,
        false,
        Level::Info,
        "RUN echo a > /a",
        "{\"level\":\"info\",\"msg\":\"RUN echo a \\u003e /a\",\"time\":\"2026-11-21T02:50:22Z\"}\n"
    )]
    #[case(
        Format::Text,
        true,
        Level::Warning,
        "say \"hi\"\nthere",
        "time=\"2026-11-21T02:50:22Z\" level=warning msg=\"say \\\"hi\\\"\\nthere\"\n"
    )]
    #[case(
        Format::Color,
        false,
        Level::Info,
        "Returning cached image manifest",
        "\u{1b}[36mINFO\u{1b}[0m[0003] Returning cached image manifest              \n"
    )]
    #[case(
        Format::Color,
        true,
        Level::Fatal,
        "Invalid platform \"a\": b, and a message that is longer",
        "\u{1b}[31mFATA\u{1b}[0m[2026-11-21T02:50:22Z] Invalid platform \"a\": b, and a message that is longer \n"
    )]
    fn lines_have_the_recorded_shape(
        #[case] format: Format,
        #[case] timestamp: bool,
        #[case] level: Level,
        #[case] message: &str,
        #[case] expected: &str,
    ) {
        let now = "2026-11-21T02:50:22.9Z".parse().unwrap();
        let line = render(
            format,
            timestamp,
            level,
            message,
            now,
            Duration::from_millis(3900),
        );
        assert_eq!(line, expected);
    }

    #[test]
    fn an_unknown_format_is_named() {
        assert_eq!(
            "xml".parse::<Format>().unwrap_err(),
            "not a valid log format: \"xml\". Please specify one of (text, color, json)"
        );
    }
}
