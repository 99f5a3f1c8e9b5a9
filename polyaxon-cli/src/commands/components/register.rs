use std::path::PathBuf;

use clap::Args;
use polyaxon_proto::hub::v1::RegisterRequest;
use serde_json::json;

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::Format;
use crate::view::component::{TypedRef, VersionView, full_name};

/// Give a component file a name and a version in the hub
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon components register -f my-kaniko.yaml -p acme/kaniko
  polyaxon components register -f my-kaniko.yaml -p acme/kaniko -ver 1.0 --tags build,images")]
pub(super) struct Arguments {
    /// The file of the component
    #[arg(short, long)]
    file: PathBuf,
    /// One line on what it is for
    #[arg(long, default_value = "")]
    description: String,
    /// Words to find it by, separated by commas
    #[arg(long, value_delimiter = ',')]
    tags: Vec<String>,
    /// Move an existing name to the new content where its owner allows it
    #[arg(long)]
    force: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(super) async fn run(arguments: Arguments, target: TypedRef, app: &App) -> Outcome {
    let content = std::fs::read(&arguments.file).map_err(|error| {
        CommandError::Usage(format!(
            "cannot read `{}`: {error}",
            arguments.file.display()
        ))
    })?;
    let source =
        polyaxon_spec::source::Source::from_bytes(arguments.file.display().to_string(), &content)?;
    let (_, warnings) = polyaxon_spec::component::Component::read(&source)?;
    if !warnings.is_empty() {
        let colour = app.ui.talk_has_colour();
        app.ui
            .talk(polyaxon_spec::diagnostic::render(&warnings, colour))?;
    }
    let hub = app.hub()?;
    let request = RegisterRequest {
        owner: if target.names_owner {
            target.hub_ref.owner
        } else {
            app.config.owner()
        },
        name: target.hub_ref.name,
        version: target.hub_ref.version,
        content: content.into(),
        description: arguments.description,
        tags: arguments.tags,
        force: arguments.force,
    };
    let answer = hub.answer(hub.components().register(request).await)?;
    let version = answer.version.unwrap_or_default();
    if arguments.output != Format::Text {
        let document = json!({ "version": VersionView::from(&version), "created": answer.created });
        app.ui.document(arguments.output, &document)?;
        return Ok(Exit::Succeeded);
    }
    let name = full_name(&version);
    app.ui.talk(if answer.created {
        format!("version `{name}` is registered as {}", version.digest)
    } else {
        format!("version `{name}` was registered before with the same content")
    })?;
    Ok(Exit::Succeeded)
}
