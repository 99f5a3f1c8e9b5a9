use std::path::PathBuf;

use clap::Args;
use polyaxon_spec::diagnostic::render;
use polyaxon_spec::{legacy, yaml};

use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::submission::files;
use crate::ui::{Format, Ui};

/// Print a file of the format before version 1.0 as an operation
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon convert old.yaml > polyaxonfile.yaml
  polyaxon convert - < old.yaml

Notes on standard error name the new form of what has changed, and what to add. What has no form in
an operation is an error.")]
pub(crate) struct Arguments {
    /// The old file; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print; `text` is YAML
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: &Arguments, ui: &Ui) -> Outcome {
    let source = files::read(&arguments.file)?;
    let Some(conversion) = legacy::convert(&source)? else {
        return Err(CommandError::Usage(format!(
            "`{}` is not of the format before version 1.0; there is nothing to convert, check it with `polyaxon check`",
            source.name()
        )));
    };
    if !conversion.notes.is_empty() {
        ui.talk(render(&conversion.notes, ui.talk_has_colour()))?;
    }
    match arguments.output {
        Format::Json => ui.document(Format::Json, &conversion.operation)?,
        Format::Text | Format::Yaml => {
            ui.data_bytes(yaml::write(&conversion.operation).as_bytes())?;
        }
    }
    Ok(Exit::Succeeded)
}
