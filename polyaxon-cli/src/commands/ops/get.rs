use clap::Args;

use super::fetch;
use crate::app::App;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::ui::log_line::message;
use crate::ui::{Format, Table, time};
use crate::view::run::{RunView, status_name};
use crate::view::summary;

/// Show a run: status, result, failure
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon ops get -uid UUID
  polyaxon ops get -uid UUID -o json           with the operation and what it was compiled to")]
pub(crate) struct Arguments {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(super) async fn run(arguments: &Arguments, uuid: &str, app: &App) -> Outcome {
    let hub = app.hub()?;
    let run = fetch(&hub, uuid).await?;
    if arguments.output != Format::Text {
        app.ui.document(arguments.output, &RunView::from(&run))?;
        return Ok(Exit::Succeeded);
    }
    let build = run.build.clone().unwrap_or_default();
    let failure = run.failure.clone().unwrap_or_default();
    let exact = |time| time::exact(time).unwrap_or_default();
    let rows = [
        ("uuid", run.uuid.clone()),
        ("name", run.name.clone()),
        ("project", format!("{}/{}", run.owner, run.project)),
        ("description", run.description.clone()),
        ("tags", run.tags.join(", ")),
        ("status", status_name(run.status())),
        ("reason", run.reason.clone()),
        ("message", run.message.clone()),
        ("attempt", run.attempt.to_string()),
        ("queue", run.queue.clone()),
        ("agent", run.agent.clone()),
        ("component", run.component.clone()),
        ("component digest", run.component_digest.clone()),
        ("created", exact(run.created_at.as_ref())),
        ("started", exact(run.started_at.as_ref())),
        ("finished", exact(run.finished_at.as_ref())),
        ("duration", summary::duration(&run).unwrap_or_default()),
        ("image", build.image),
        ("digest", build.digest),
        ("digest (not confirmed)", build.digest_claimed),
        ("executor image", build.executor_image),
        (
            "exit status",
            if failure.has_exit_code {
                failure.exit_code.to_string()
            } else {
                String::new()
            },
        ),
    ];
    let mut table = Table::new(&["FIELD", "VALUE"]);
    for (name, value) in rows {
        if !value.is_empty() {
            table.push([name.to_owned(), value]);
        }
    }
    app.ui.table(&table)?;
    if !failure.last_lines.is_empty() {
        app.ui.talk("last lines of the log:")?;
        for line in &failure.last_lines {
            app.ui.talk(format_args!("  {}", message(line)))?;
        }
    }
    Ok(Exit::Succeeded)
}
