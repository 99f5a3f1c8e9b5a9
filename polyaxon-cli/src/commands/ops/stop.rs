use clap::Args;
use polyaxon_proto::runs::v1::StopRequest;

use super::fetch;
use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::Format;
use crate::view::run::{RunView, is_final, status_name};

/// Stop a run, whatever its status
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon ops stop -uid UUID
  polyaxon ops stop -uid UUID -y --reason \"wrong branch\"
  polyaxon ops stop -uid UUID --abandon        when its agent never comes back")]
pub(crate) struct Arguments {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// A sentence for those who look at the run later
    #[arg(long, default_value = "")]
    reason: String,
    /// End the run although its agent cannot: its containers may go on in the cluster
    #[arg(long)]
    abandon: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(super) async fn run(arguments: &Arguments, uuid: &str, app: &App) -> Outcome {
    let hub = app.hub()?;
    if !arguments.yes {
        let run = fetch(&hub, uuid).await?;
        let what = if arguments.abandon {
            "give up the run, whose containers may go on,"
        } else {
            "stop the run"
        };
        let question = format!(
            "{what} `{}` ({}, {})?",
            uuid,
            if run.name.is_empty() {
                "no name"
            } else {
                &run.name
            },
            status_name(run.status())
        );
        let Some(confirmed) = app.ui.confirm(&question)? else {
            return Err(CommandError::Usage(
                "nobody is there to confirm; pass `-y` to stop without a question".to_owned(),
            ));
        };
        if !confirmed {
            app.ui.talk("the run goes on")?;
            return Ok(Exit::Succeeded);
        }
    }
    let request = StopRequest {
        uuid: uuid.to_owned(),
        reason: arguments.reason.clone(),
        abandon: arguments.abandon,
    };
    let run = hub.answer(hub.runs().stop(request).await)?;
    if arguments.output != Format::Text {
        app.ui.document(arguments.output, &RunView::brief(&run))?;
    } else if is_final(run.status()) {
        app.ui.talk(format_args!(
            "run `{uuid}` has ended: {}",
            status_name(run.status())
        ))?;
        if run.reason == "Abandoned" {
            app.ui.warn(&run.message)?;
        }
    } else {
        app.ui.talk(format_args!("run `{uuid}` is being stopped"))?;
    }
    Ok(Exit::Succeeded)
}
