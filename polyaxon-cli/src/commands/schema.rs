use clap::{Args, ValueEnum};
use polyaxon_spec::schema;

use crate::error::Outcome;
use crate::exit::Exit;
use crate::ui::{Format, Ui};

/// Print the JSON Schema of a file, for editors
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon schema > operation.schema.json
  polyaxon schema agent-config > agent.schema.json

An editor with a YAML language server uses the schema that the first line of a file names:
  # yaml-language-server: $schema=operation.schema.json")]
pub(crate) struct Arguments {
    /// What the file holds
    #[arg(value_enum, default_value_t)]
    file: File,
    /// How to print; `text` is JSON
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Files that have a schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum File {
    /// A request to run a component
    #[default]
    Operation,
    /// Something that can be run
    Component,
    /// The settings of an agent
    AgentConfig,
}

pub(crate) fn run(arguments: &Arguments, ui: &Ui) -> Outcome {
    let schema = match arguments.file {
        File::Operation => schema::operation(),
        File::Component => schema::component(),
        File::AgentConfig => schema::agent_config(),
    };
    ui.document(arguments.output, &schema)?;
    Ok(Exit::Succeeded)
}
