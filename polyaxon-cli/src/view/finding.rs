//! What the hub found in a document that was sent to it.

use std::io;

use polyaxon_spec::diagnostic;
use serde::{Deserialize, Serialize};

use crate::ui::{BAD, BOLD, DIM, Ui, WARNING};

/// One finding, as the hub's diagnostics carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    code: String,
    #[serde(default)]
    severity: String,
    message: String,
    /// Where in the document, as `params.destination`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// Where in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    source: String,
    line: usize,
    column: usize,
}

impl Finding {
    /// Adds the place of the field, if it has none.
    pub(crate) fn locate(&mut self, locate: impl Fn(&str) -> Option<diagnostic::Place>) {
        if self.place.is_none() && !self.field.is_empty() {
            self.place = locate(&self.field).map(|place| Place {
                source: place.source.name().to_owned(),
                line: place.line,
                column: place.column,
            });
        }
    }

    /// Prints the finding in the form of local diagnostics.
    pub(crate) fn show(&self, ui: &Ui) -> io::Result<()> {
        let (colour, word) = if self.severity == "warning" {
            (WARNING, "warning")
        } else {
            (BAD, "error")
        };
        ui.talk(format_args!(
            "{colour}{word}[{}]{colour:#}{BOLD}: {}{BOLD:#}",
            self.code, self.message
        ))?;
        if let Some(place) = &self.place {
            ui.talk(format_args!(
                "  {DIM}-->{DIM:#} {}:{}:{}",
                place.source, place.line, place.column
            ))?;
        }
        if !self.field.is_empty() {
            ui.talk(format_args!("  {DIM}in{DIM:#} `{}`", self.field))?;
        }
        match &self.help {
            Some(help) => ui.talk(format_args!("  {DIM}help:{DIM:#} {help}")),
            None => Ok(()),
        }
    }
}
