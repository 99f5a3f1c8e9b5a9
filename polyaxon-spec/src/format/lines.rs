//! A text as lines.

use std::ops::Range;

use super::token::{Kind, Token};

/// The text with line feeds as its only line breaks, and without byte order marks and empty lines before it.
pub(super) fn with_line_feeds(text: &str) -> String {
    let mut text = text;
    loop {
        text = text.trim_start_matches('\u{feff}');
        match text.split_once(['\n', '\r']) {
            Some((line, rest)) if is_blank(line) => text = rest,
            _ => break,
        }
    }
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n");
    // Blanks after the last line break are no line.
    let last = text.rfind('\n').map_or(0, |at| at + 1);
    if text.get(last..).is_some_and(is_blank) {
        text.truncate(last);
    }
    text
}

/// Where the lines of a text are.
pub(super) struct Lines<'text> {
    text: &'text str,
    starts: Vec<usize>,
}

impl<'text> Lines<'text> {
    pub(super) fn new(text: &'text str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    /// The line that an offset lies in.
    pub(super) fn of(&self, offset: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// How many lines there are; the empty one after a last line break does not count.
    pub(super) fn count(&self) -> usize {
        self.starts.len() - usize::from(self.text.is_empty() || self.text.ends_with('\n'))
    }

    /// The range of a line without its line break.
    pub(super) fn range(&self, line: usize) -> Range<usize> {
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let end = self
            .starts
            .get(line + 1)
            .map_or(self.text.len(), |next| next - 1);
        start..end
    }

    /// The text of a line without its line break.
    pub(super) fn text(&self, line: usize) -> &'text str {
        self.text.get(self.range(line)).unwrap_or_default()
    }

    /// How far an offset is from the start of its line, in bytes.
    pub(super) fn column(&self, offset: usize) -> usize {
        offset - self.range(self.of(offset)).start
    }
}

/// How many spaces a line starts with.
pub(super) fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line has nothing but spaces and tabs.
pub(super) fn is_blank(line: &str) -> bool {
    line.trim_matches([' ', '\t']).is_empty()
}

/// A line without the spaces at its end.
pub(super) fn trim_end(line: &str) -> &str {
    line.trim_end_matches([' ', '\t'])
}

/// Lines whose last characters belong to a scalar that goes on in the next line.
pub(super) fn open_ends(lines: &Lines<'_>, tokens: &[Token]) -> Vec<bool> {
    let mut open = vec![false; lines.count() + 1];
    for token in tokens {
        if matches!(token.kind, Kind::Scalar { .. }) {
            let between = lines.of(token.range.start)..lines.of(token.range.end);
            if let Some(between) = open.get_mut(between) {
                between.fill(true);
            }
        }
    }
    open
}

/// The text without spaces at the ends of its lines, and with one line break at its end.
pub(super) fn tidied(text: &str, tokens: &[Token]) -> String {
    let lines = Lines::new(text);
    let open = open_ends(&lines, tokens);
    let mut out = String::with_capacity(text.len() + 1);
    for line in 0..lines.count() {
        let written = lines.text(line);
        let is_open = open.get(line).copied().unwrap_or_default();
        out.push_str(if is_open { written } else { trim_end(written) });
        out.push('\n');
    }
    let end = out.trim_end_matches('\n').len();
    out.truncate(end);
    let start = out.len() - out.trim_start_matches('\n').len();
    out.drain(..start);
    if !out.is_empty() {
        out.push('\n');
    }
    out
}
