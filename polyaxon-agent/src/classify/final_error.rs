//! Finds the executor's own last words among the output of commands that imitate them.
//!
//! Strong words are written by the executor alone and may stand anywhere in a line, since a
//! command that ended without a line end leaves the error on its own line. Weak words are
//! common in other programs; they count at the start of a line, after the last strong word,
//! and only with the lines that the executor writes behind them.

use super::log_line::{Level, LogLine};

const STRONG: [&str; 4] = [
    "error building image: ",
    "error pushing image: ",
    "error checking push permissions: ",
    // Executors before 1.25 go on with advice.
    "error checking push permissions -- ",
];
const STRONG_FATAL: [&str; 3] = [
    "Invalid platform ",
    "Timed out snapshotting FS in ",
    "Could not parse duration ",
];
/// Counts in a record of the executor alone, since other programs say so, too.
const ASSERTION: &str = "Assertion violated";
const STRONG_AT_START: &str = "kaniko should only be run";

/// Lines kept of an error; a body of a proxy may have many.
const MAX_LINES: usize = 40;
/// Characters kept of a line.
const MAX_LINE: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weak {
    /// `Error: …`, proved by the usage that follows.
    Usage,
    /// A crash of the Go runtime, proved by its trace.
    Crash,
}

#[derive(Debug, Clone)]
struct Candidate {
    weak: Weak,
    lines: Vec<String>,
    proved: bool,
    closed: bool,
}

/// Watches a log line by line.
#[derive(Debug, Clone, Default)]
pub(super) struct FinalErrorFinder {
    strong: Option<Vec<String>>,
    candidates: Vec<Candidate>,
    usage_seen: bool,
}

fn keep(line: &str) -> String {
    line.chars().take(MAX_LINE).collect()
}

impl FinalErrorFinder {
    pub(super) fn line(&mut self, line: &LogLine<'_>) {
        if let Some((level, message)) = &line.record {
            if *level == Level::Fatal
                && let Some(start) = STRONG_FATAL
                    .iter()
                    .chain([&ASSERTION])
                    .find_map(|word| message.find(word))
            {
                self.strong(message.get(start..).unwrap_or_default());
            }
            return;
        }
        let text = line.plain.as_ref();
        let strong = STRONG
            .iter()
            .chain(&STRONG_FATAL)
            .filter_map(|word| text.rfind(word))
            .chain(text.starts_with(STRONG_AT_START).then_some(0))
            .max();
        if let Some(start) = strong {
            self.strong(text.get(start..).unwrap_or_default());
        } else {
            self.weak(text);
            self.continue_strong(text);
        }
    }

    fn strong(&mut self, text: &str) {
        self.strong = Some(vec![keep(text)]);
        self.candidates.clear();
        self.usage_seen = false;
    }

    fn continue_strong(&mut self, text: &str) {
        if let Some(lines) = &mut self.strong
            && lines.len() < MAX_LINES
        {
            lines.push(keep(text));
        }
    }

    fn weak(&mut self, text: &str) {
        let usage = self.usage_seen && text.starts_with("  executor");
        self.usage_seen = text.trim_end() == "Usage:";
        let crash = text.starts_with("runtime stack:")
            || text
                .strip_prefix("goroutine ")
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
        for candidate in &mut self.candidates {
            candidate.proved |= match candidate.weak {
                Weak::Usage => usage || text.starts_with("Run 'executor "),
                Weak::Crash => crash,
            };
            candidate.closed |= candidate.weak == Weak::Usage && self.usage_seen;
            if !candidate.closed && candidate.lines.len() < MAX_LINES {
                candidate.lines.push(keep(text));
            }
        }
        let weak = if text.starts_with("Error: ") {
            Weak::Usage
        } else if text.starts_with("fatal error: ") || text.starts_with("runtime: out of memory") {
            Weak::Crash
        } else {
            return;
        };
        // The first of a kind is the one that counts, whatever proves it.
        if !self.candidates.iter().any(|known| known.weak == weak) {
            self.candidates.push(Candidate {
                weak,
                lines: vec![keep(text)],
                proved: false,
                closed: false,
            });
        }
    }

    /// The error, or `None` where the log has none.
    pub(super) fn finish(&self) -> Option<String> {
        self.candidates
            .iter()
            .find(|candidate| candidate.proved)
            .map(|candidate| &candidate.lines)
            .or(self.strong.as_ref())
            .map(|lines| lines.join("\n").trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(log: &str) -> Option<String> {
        let mut finder = FinalErrorFinder::default();
        for line in log.lines() {
            finder.line(&LogLine::read(line.as_bytes()));
        }
        finder.finish()
    }

    #[test]
    fn the_last_strong_word_wins_and_may_share_a_line() {
        assert_eq!(
            find(
                "error building image: not really\nhalferror building image: yes\n<html>\n</html>\n"
            ),
            Some("error building image: yes\n<html>\n</html>".to_owned())
        );
    }

    #[test]
    fn a_weak_word_needs_its_proof() {
        assert_eq!(
            find("Error: unknown flag: --foo\nUsage:\n  tool [flags]\n"),
            None
        );
        assert_eq!(
            find("Error: unknown flag: --foo\nUsage:\n  executor [flags]\n"),
            Some("Error: unknown flag: --foo".to_owned())
        );
        assert_eq!(find("fatal error: something\nbye\n"), None);
        assert_eq!(
            find("fatal error: newosproc\n\nruntime stack:\n"),
            Some("fatal error: newosproc\n\nruntime stack:".to_owned())
        );
    }

    #[test]
    fn an_instruction_in_the_log_is_not_an_error() {
        assert_eq!(
            find(r#"{"level":"info","msg":"RUN echo error building image: x","time":"t"}"#),
            None
        );
        assert_eq!(
            find(r#"{"level":"fatal","msg":"Timed out snapshotting FS in 1ns","time":"t"}"#),
            Some("Timed out snapshotting FS in 1ns".to_owned())
        );
    }
}
