//! A file that was read and checked.

use serde_json::{Map, Value as Json};

use super::checker::Checker;
use super::root::check_file;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::legacy;
use crate::source::Source;
use crate::yaml::{self, Node, Value};

/// The root of a file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The file as it was written.
    pub(crate) node: Node,
    /// Its fields in normal form.
    pub(crate) fields: Map<String, Json>,
    /// What is probably not meant.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Document {
    /// Reads and checks a file.
    pub(crate) fn read(source: &Source) -> Result<Self, Report> {
        let (mut node, mut warnings) = yaml::read(source)?;
        let is_nothing = match &node.value {
            Value::Mapping(fields) => fields.is_empty(),
            value => value.is_null(),
        };
        if is_nothing {
            let message = format!("`{}` is empty", source.name());
            return Err(Diagnostic::error(Code::Empty, message)
                .with_help("write an operation or a component into it")
                .into());
        }
        if legacy::is_legacy(&node) {
            let (operation, notes) = legacy::translate(&node)?;
            node = operation;
            warnings.extend(notes);
        }
        Self::check(node, warnings)
    }

    /// Checks values that come from no text: flags, or an operation that was sent.
    pub(crate) fn from_json(value: &Json) -> Result<Self, Report> {
        Self::check(Node::from_json(value), Vec::new())
    }

    fn check(node: Node, warnings: Vec<Diagnostic>) -> Result<Self, Report> {
        check_is_mapping(&node)?;
        let mut checker = Checker {
            diagnostics: warnings,
            ..Checker::default()
        };
        let json = check_file(&mut checker, &node);
        let warnings = refuse_errors(checker.diagnostics)?;
        let Json::Object(fields) = json else {
            return Err(Report::error(
                Code::NotAMapping,
                "a Polyaxonfile is a mapping",
            ));
        };
        Ok(Self {
            node,
            fields,
            warnings,
        })
    }

    /// The `kind`, if the file says it.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.fields.get("kind").and_then(Json::as_str)
    }

    /// An error about the `kind` of the file.
    pub(crate) fn wrong_kind(&self, message: &str, help: &str) -> Report {
        let mut diagnostic = Diagnostic::error(Code::UnknownKind, message)
            .in_field("kind")
            .with_help(help);
        diagnostic.place = self.node.find("kind").and_then(Node::place);
        diagnostic.into()
    }
}

/// Refuses what is no mapping as the root of a file.
pub(crate) fn check_is_mapping(node: &Node) -> Result<(), Report> {
    if node.value.as_mapping().is_some() {
        return Ok(());
    }
    let message = format!("a Polyaxonfile is a mapping, not {}", node.value.describe());
    let mut diagnostic = Diagnostic::error(Code::NotAMapping, message)
        .with_help("it starts with fields such as `kind: operation`");
    diagnostic.place = node.place();
    Err(diagnostic.into())
}

/// The warnings, where there is no error among them.
pub(crate) fn refuse_errors(diagnostics: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Report> {
    match Report::from_diagnostics(diagnostics.clone()) {
        Some(report) => Err(report.shortened()),
        None => Ok(diagnostics),
    }
}
