//! What is wrong with an input, where, and what to do about it: plain data that any front end can print.

mod code;
mod render;

use std::fmt;
use std::ops::Range;

use serde_json::{Value, json};

pub use code::Code;

use crate::source::Source;

/// How many diagnostics of one text are worked out and shown.
///
/// People fix the first few; a text that is wrong everywhere must not cost more than it is worth.
pub const MAX_DIAGNOSTICS: usize = 100;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The input is refused.
    Error,
    /// The input is accepted, and something in it is probably not meant.
    Warning,
}

/// A range of bytes in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The source that the range lies in.
    pub source: Source,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
    /// The bytes.
    pub range: Range<usize>,
}

impl Place {
    /// The place of a byte range; a range that leaves the text is cut.
    pub fn new(source: &Source, range: Range<usize>) -> Self {
        let end = range.end.min(source.text().len());
        let start = range.start.min(end);
        let (line, column) = source.line_column(start);
        Self {
            source: source.clone(),
            line,
            column,
            range: start..end,
        }
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which rule.
    pub code: Code,
    /// Error or warning.
    pub severity: Severity,
    /// One lower-case sentence with names in backticks.
    pub message: String,
    /// Where in the text, if it comes from a text.
    pub place: Option<Place>,
    /// Where in the document, as `runPatch.init[0].dockerfile`; empty for the document itself.
    pub field_path: String,
    /// What to do next.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without place.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message.into())
    }

    /// A warning without place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message.into())
    }

    fn new(code: Code, severity: Severity, message: String) -> Self {
        Self {
            code,
            severity,
            message,
            place: None,
            field_path: String::new(),
            help: None,
        }
    }

    /// Adds the place in the text.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds the place in the document.
    #[must_use]
    pub fn in_field(mut self, field_path: impl Into<String>) -> Self {
        self.field_path = field_path.into();
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The diagnostic for programs.
    pub fn to_json(&self) -> Value {
        let mut object = json!({
            "code": self.code.as_str(),
            "severity": match self.severity { Severity::Error => "error", Severity::Warning => "warning" },
            "message": self.message,
        });
        if let Some(map) = object.as_object_mut() {
            if !self.field_path.is_empty() {
                map.insert("field".into(), json!(self.field_path));
            }
            if let Some(place) = &self.place {
                let place = json!({
                    "source": place.source.name(),
                    "line": place.line,
                    "column": place.column,
                    "start": place.range.start,
                    "end": place.range.end,
                });
                map.insert("place".into(), place);
            }
            if let Some(help) = &self.help {
                map.insert("help".into(), json!(help));
            }
        }
        object
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(
                formatter,
                "{}:{}:{}: ",
                place.source.name(),
                place.line,
                place.column
            )?;
        }
        formatter.write_str(&self.message)?;
        if !self.field_path.is_empty() && !self.message.contains(&self.field_path) {
            write!(formatter, " (in `{}`)", self.field_path)?;
        }
        if let Some(help) = &self.help {
            write!(formatter, "; {help}")?;
        }
        Ok(())
    }
}

/// One or more diagnostics, at least one of them an error.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    /// Never empty.
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// A report of one error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::from(Diagnostic::error(code, message))
    }

    /// A report of all diagnostics, or nothing when none of them is an error.
    pub fn from_diagnostics(diagnostics: Vec<Diagnostic>) -> Option<Self> {
        if !diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
        {
            return None;
        }
        Some(Self { diagnostics })
    }

    /// The report without what exceeds [`MAX_DIAGNOSTICS`]; errors go before warnings then.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        let rest = self.diagnostics.len().saturating_sub(MAX_DIAGNOSTICS);
        if rest > 0 {
            self.diagnostics
                .sort_by_key(|diagnostic| diagnostic.severity == Severity::Warning);
            self.diagnostics.truncate(MAX_DIAGNOSTICS);
            let message = format!("{rest} more are not shown");
            self.diagnostics
                .push(Diagnostic::warning(Code::Limit, message));
        }
        self
    }

    /// All diagnostics, in the order in which they were found; at least one.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The diagnostics by value.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    /// How many of the diagnostics are errors.
    pub fn error_count(&self) -> usize {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .count()
    }

    /// The report as text with excerpts of the sources, for people.
    pub fn render(&self, color: bool) -> String {
        render::render(&self.diagnostics, color)
    }

    /// The report for programs: an array.
    pub fn to_json(&self) -> Value {
        self.diagnostics.iter().map(Diagnostic::to_json).collect()
    }

    /// Gives a place to each diagnostic that has a field path and no place.
    #[must_use]
    pub fn located(mut self, locate: impl Fn(&str) -> Option<Place>) -> Self {
        for diagnostic in &mut self.diagnostics {
            if diagnostic.place.is_none() && !diagnostic.field_path.is_empty() {
                diagnostic.place = locate(&diagnostic.field_path);
            }
        }
        self
    }
}

/// Diagnostics as text with excerpts of their sources, for people: warnings of an accepted input.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    render::render(diagnostics, color)
}

impl From<Diagnostic> for Report {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.diagnostics).finish()
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_needs_an_error() {
        let warning = Diagnostic::warning(Code::DuplicateKey, "w");
        assert_eq!(Report::from_diagnostics(vec![warning.clone()]), None);
        let report =
            Report::from_diagnostics(vec![warning, Diagnostic::error(Code::WrongType, "e")]);
        assert_eq!(
            report.map(|report| (report.diagnostics().len(), report.error_count())),
            Some((2, 1))
        );
    }

    #[test]
    fn a_long_report_keeps_its_errors() {
        let mut diagnostics =
            vec![Diagnostic::warning(Code::DuplicateKey, "w"); MAX_DIAGNOSTICS + 5];
        diagnostics.push(Diagnostic::error(Code::WrongType, "e"));
        let report = Report::from_diagnostics(diagnostics).unwrap().shortened();
        assert_eq!(report.diagnostics().len(), MAX_DIAGNOSTICS + 1);
        assert_eq!(report.error_count(), 1);
        let last = report.diagnostics().last().unwrap();
        assert_eq!(last.message, "6 more are not shown");
        let short = Report::error(Code::WrongType, "e");
        assert_eq!(short.clone().shortened(), short);
    }

    #[test]
    fn display_names_place_field_and_help() {
        let source = Source::new("f.yaml", "a: 1\nb: 2\n");
        let diagnostic = Diagnostic::error(Code::UnknownField, "unknown field `b`")
            .at(Place::new(&source, 5..6))
            .in_field("run.b")
            .with_help("did you mean `a`?");
        assert_eq!(
            diagnostic.to_string(),
            "f.yaml:2:1: unknown field `b` (in `run.b`); did you mean `a`?"
        );
        assert_eq!(diagnostic.to_json()["place"]["line"], 2);
    }
}
