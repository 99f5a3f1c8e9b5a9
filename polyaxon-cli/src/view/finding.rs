//! What the hub found in a document that was sent to it.

use std::io;

use serde::Deserialize;

use crate::ui::{BAD, BOLD, DIM, Ui, WARNING};

/// One finding, as the hub's diagnostics carry it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Finding {
    code: String,
    #[serde(default)]
    severity: String,
    message: String,
    /// Where in the document, as `params.destination`.
    #[serde(default)]
    field: String,
    #[serde(default)]
    help: Option<String>,
}

impl Finding {
    /// Prints the finding in the form of local diagnostics.
    pub(crate) fn show(&self, ui: &Ui) -> io::Result<()> {
        let Self {
            code,
            message,
            field,
            help,
            ..
        } = self;
        let (colour, word) = if self.severity == "warning" {
            (WARNING, "warning")
        } else {
            (BAD, "error")
        };
        ui.talk(format_args!(
            "{colour}{word}[{code}]{colour:#}{BOLD}: {message}{BOLD:#}"
        ))?;
        if !field.is_empty() {
            ui.talk(format_args!("  {DIM}in{DIM:#} `{field}`"))?;
        }
        match help {
            Some(help) => ui.talk(format_args!("  {DIM}help{DIM:#} {help}")),
            None => Ok(()),
        }
    }
}
