use clap::Args;
use polyaxon_proto::hub::v1::ResolveRequest;

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::Format;
use crate::view::component::{TypedRef, full_name, parse_ref, readable};

/// Print a version as a file that runs
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon components get kaniko -o yaml > my-kaniko.yaml
  polyaxon components get -p acme/kaniko -ver 1.0 -o json")]
pub(super) struct Arguments {
    /// The same as `-p`
    #[arg(value_name = "NAME", value_parser = parse_ref)]
    positional: Option<TypedRef>,
    /// How to print; `text` is YAML with its origin on the first line
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Arguments {
    pub(super) fn positional(&self) -> Option<TypedRef> {
        self.positional.clone()
    }
}

pub(super) async fn run(arguments: &Arguments, target: TypedRef, app: &App) -> Outcome {
    let hub = app.hub()?;
    let request = ResolveRequest {
        reference: target.hub_ref.to_string(),
    };
    let answer = hub.answer(hub.components().resolve(request).await)?;
    for warning in &answer.warnings {
        app.ui.warn(warning)?;
    }
    let version = answer.version.unwrap_or_default();
    let content = serde_json::from_slice(&version.content).map_err(|error| {
        CommandError::System(format!(
            "the hub sent a component that is not JSON ({error}); compare versions with `polyaxon version`"
        ))
    })?;
    let content = readable(content);
    match arguments.output {
        Format::Json => app.ui.document(Format::Json, &content)?,
        Format::Yaml => app
            .ui
            .data_bytes(polyaxon_spec::yaml::write(&content).as_bytes())?,
        Format::Text => {
            app.ui
                .data(format_args!("# {} {}", full_name(&version), version.digest))?;
            app.ui
                .data_bytes(polyaxon_spec::yaml::write(&content).as_bytes())?;
        }
    }
    Ok(Exit::Succeeded)
}
