//! The one layout of a Polyaxonfile, and of an agent's file: fields in the order of their tables, two spaces per level,
//! comments where they belong.
//!
//! Lines are moved and indented, values are never written anew: scalars, brackets, anchors and comments keep their
//! bytes. What would read as something else afterwards is refused.

mod comments;
mod lines;
mod order;
mod print;
#[cfg(test)]
mod properties;
mod reader;
mod settings;
#[cfg(test)]
mod tests;
mod token;
mod tree;

use std::ops::Range;

use serde_json::Value as Json;

use crate::diagnostic::{Code, Diagnostic, Place, Report, Severity};
use crate::legacy;
use crate::model::check_is_mapping;
use crate::source::Source;
use crate::yaml::{self, Node};

/// The text of a file in its one layout.
///
/// # Errors
///
/// When the file cannot be read, gives a key twice, is of the format before version 1.0, is no mapping, or uses a
/// form of YAML that cannot be laid out without changing what it means.
pub fn format(source: &Source) -> Result<String, Report> {
    let (node, warnings) = yaml::read(source)?;
    refuse_duplicates(warnings)?;
    let is_nothing = node.value.is_null();
    if !is_nothing {
        check_root(source, &node)?;
    }
    let text = lines::with_line_feeds(source.text());
    let before = Meaning {
        value: node.to_json(),
        comments: token::comments(&text),
    };
    let candidates = if is_nothing || token::starts_with_flow(&text) {
        vec![lines::tidied(&text, &token::read(&text))]
    } else {
        let normalised = Source::new(source.name(), text.as_str());
        let mut file = reader::read(&text).map_err(|refusal| refused(&normalised, &refusal))?;
        let kept = print::print(&file);
        // A block of text without a line break at its end has to stay at the end.
        if !file.is_open {
            order::arrange(&mut file);
        }
        vec![print::print(&file), kept]
    };
    candidates
        .into_iter()
        .find(|candidate| Meaning::of(source, candidate).as_ref() == Some(&before))
        .ok_or_else(|| {
            Diagnostic::error(
                Code::Unsupported,
                format!(
                    "`{}` cannot be formatted: its values or comments would change",
                    source.name()
                ),
            )
            .with_help("write its indentation by hand; the file stays as it is")
            .into()
        })
}

/// What formatting keeps.
#[derive(PartialEq)]
struct Meaning {
    value: Json,
    /// In the order of their text.
    comments: Vec<String>,
}

impl Meaning {
    fn of(source: &Source, text: &str) -> Option<Self> {
        let (node, warnings) = yaml::read(&Source::new(source.name(), text)).ok()?;
        refuse_duplicates(warnings).ok().map(|()| Self {
            value: node.to_json(),
            comments: token::comments(text),
        })
    }
}

/// Why a file cannot be laid out, and where.
#[derive(Debug)]
struct Refusal {
    reason: &'static str,
    range: Range<usize>,
}

fn refused(source: &Source, refusal: &Refusal) -> Report {
    Diagnostic::error(
        Code::Unsupported,
        format!(
            "`{}` cannot be formatted: {}",
            source.name(),
            refusal.reason
        ),
    )
    .at(Place::new(source, refusal.range.clone()))
    .with_help("write it in the usual form; the file stays as it is")
    .into()
}

fn refuse_duplicates(mut warnings: Vec<Diagnostic>) -> Result<(), Report> {
    warnings.retain(|warning| warning.code == Code::DuplicateKey);
    for warning in &mut warnings {
        warning.severity = Severity::Error;
    }
    Report::from_diagnostics(warnings).map_or(Ok(()), Err)
}

fn check_root(source: &Source, node: &Node) -> Result<(), Report> {
    check_is_mapping(node)?;
    if legacy::is_legacy(node) {
        let name = source.name();
        let message =
            format!("`{name}` is of the format before version 1.0, which is not formatted");
        return Err(Diagnostic::error(Code::Unsupported, message)
            .with_help("`polyaxon convert` prints it as an operation")
            .into());
    }
    Ok(())
}
