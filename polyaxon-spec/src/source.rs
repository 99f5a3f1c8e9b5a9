//! A text with a name: what every diagnostic points into.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Report};

/// The largest text that is read, in bytes (1 MiB).
///
/// A Polyaxonfile is written by hand and stays far below; the limit keeps a hostile or wrong file from
/// costing memory and time.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;

/// A named text, cheap to clone.
#[derive(Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

impl Source {
    /// A source from text. The name is what diagnostics print: a path, an url, `-P`.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Self {
        Self {
            name: Arc::from(name.into()),
            text: text.into(),
        }
    }

    /// A source from bytes.
    ///
    /// # Errors
    ///
    /// When there are more than [`MAX_SOURCE_BYTES`], when they are not UTF-8, or when they contain a NUL.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, Report> {
        let name = name.into();
        check_size(&name, bytes.len())?;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            refused(
                Code::NotUtf8,
                &name,
                &format!("it is not UTF-8 text at byte {}", error.valid_up_to()),
            )
            .with_help("save the file as UTF-8 text")
        })?;
        let source = Self::new(name, text);
        source.check()?;
        Ok(source)
    }

    /// Checks the limits that every reader relies on: size, no NUL.
    ///
    /// # Errors
    ///
    /// When the text is larger than [`MAX_SOURCE_BYTES`] or contains a NUL.
    pub fn check(&self) -> Result<(), Report> {
        check_size(&self.name, self.text.len())?;
        if let Some(at) = self.text.find('\0') {
            return Err(refused(
                Code::NotText,
                &self.name,
                &format!("it contains a NUL at byte {at}"),
            )
            .with_help("a Polyaxonfile is YAML or JSON text; check that this is the file you mean")
            .into());
        }
        Ok(())
    }

    /// The name that diagnostics print.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both counted from 1; a column counts characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = self.text.get(..end).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        (line, column)
    }
}

fn check_size(name: &str, bytes: usize) -> Result<(), Report> {
    if bytes <= MAX_SOURCE_BYTES {
        return Ok(());
    }
    Err(refused(
        Code::TooLarge,
        name,
        &format!("it has {bytes} bytes, more than the limit of {MAX_SOURCE_BYTES}"),
    )
    .with_help("check that this is the file you mean; a Polyaxonfile is a few kilobytes")
    .into())
}

fn refused(code: Code, name: &str, reason: &str) -> Diagnostic {
    Diagnostic::error(code, format!("cannot read `{name}`: {reason}"))
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Source")
            .field("name", &self.name)
            .field("bytes", &self.text.len())
            .finish()
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for Source {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_checked() {
        let code = |bytes: &[u8]| {
            Source::from_bytes("f.yaml", bytes).map_err(|report| report.diagnostics()[0].code)
        };
        assert!(code(b"kind: operation").is_ok());
        assert!(code(&vec![b'a'; MAX_SOURCE_BYTES]).is_ok());
        assert_eq!(code(&vec![b'a'; MAX_SOURCE_BYTES + 1]), Err(Code::TooLarge));
        assert_eq!(code(b"a\xff"), Err(Code::NotUtf8));
        assert_eq!(code(b"a\0b"), Err(Code::NotText));
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("f", "a\n\u{e9}\u{e9}b");
        assert_eq!(source.line_column(0), (1, 1));
        assert_eq!(source.line_column(6), (2, 3));
        assert_eq!(source.line_column(99), (2, 4));
    }
}
