//! Physical lines to logical ones.

/// One instruction, continuation lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Line of the file where it starts, from 1.
    pub(super) number: usize,
    /// The instruction without surrounding white space.
    pub(super) text: String,
}

/// The logical lines of a file and its escape character.
pub(super) fn split(text: &str) -> (Vec<Line>, char) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = escape_directive(text);
    let mut lines = Vec::new();
    let mut current: Option<Line> = None;
    for (index, physical) in text.lines().enumerate() {
        let trimmed = physical.trim_start();
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let (piece, goes_on) = continuation(physical, escape);
        match current.as_mut() {
            Some(line) => line.text.push_str(piece),
            None => {
                current = Some(Line {
                    number: index + 1,
                    text: piece.trim_start().to_owned(),
                });
            }
        }
        if !goes_on && let Some(line) = current.take() {
            lines.push(line);
        }
    }
    lines.extend(current);
    for line in &mut lines {
        line.text.truncate(line.text.trim_end().len());
    }
    lines.retain(|line| !line.text.is_empty());
    (lines, escape)
}

/// A line without its continuation mark, and whether it had one.
fn continuation(line: &str, escape: char) -> (&str, bool) {
    let trimmed = line.trim_end();
    match trimmed.strip_suffix(escape) {
        Some(piece) => (piece, true),
        None => (line, false),
    }
}

/// `# escape=` among the directives at the top; a backslash without one.
fn escape_directive(text: &str) -> char {
    for line in text.lines() {
        let Some((key, value)) = line
            .trim()
            .strip_prefix('#')
            .and_then(|rest| rest.split_once('='))
        else {
            break;
        };
        if key.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
            return '`';
        }
    }
    '\\'
}
