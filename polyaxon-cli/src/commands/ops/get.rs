use clap::Args;
use polyaxon_proto::runs::v1::Status;

use super::fetch;
use crate::app::App;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::ui::{Format, Table, time};
use crate::view::failure::{excerpt, last_lines, outlook, place};
use crate::view::run::{RunView, status_name};
use crate::view::{attempts, build, summary};

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
        ("attempt", attempts::number(&run)),
        ("queue", run.queue.clone()),
        ("agent", run.agent.clone()),
        ("component", run.component.clone()),
        ("component digest", run.component_digest.clone()),
        ("created", exact(run.created_at.as_ref())),
        ("started", exact(run.started_at.as_ref())),
        ("finished", exact(run.finished_at.as_ref())),
        ("duration", summary::duration(&run).unwrap_or_default()),
        ("image", build.image.clone()),
        ("digest", build.digest.clone()),
        ("digest (not confirmed)", build.digest_claimed.clone()),
        ("executor image", build.executor_image.clone()),
        ("isolation", run.isolation.clone()),
        (
            "log",
            if run.log_incomplete {
                format!("a part is missing: `polyaxon ops logs -uid {uuid}` shows where")
            } else {
                String::new()
            },
        ),
        (
            "exit status",
            if failure.has_exit_code {
                failure.exit_code.to_string()
            } else {
                String::new()
            },
        ),
        ("failure", failure.class.clone()),
        ("failed at", place(&failure).unwrap_or_default()),
        (
            "outlook",
            outlook(&failure.retry).unwrap_or_default().to_owned(),
        ),
        ("fix", failure.hint.clone()),
    ];
    let mut table = Table::new(&["FIELD", "VALUE"]);
    for (name, value) in rows.into_iter().chain(build::rows(&build)) {
        if !value.is_empty() {
            table.push([name.to_owned(), value]);
        }
    }
    for (name, value) in attempts::rows(&run) {
        table.push([name, value]);
    }
    app.ui.table(&table)?;
    if app.ui.talk_is_terminal() {
        for line in excerpt(&failure) {
            app.ui.talk(line)?;
        }
    }
    if !failure.last_lines.is_empty() {
        app.ui.talk("last lines of the log:")?;
        for line in last_lines(&failure) {
            app.ui.talk(line)?;
        }
    }
    if run.status() == Status::Unknown {
        app.ui.next(format_args!(
            "wait for the agent `{}`, or give the run up with `polyaxon ops stop -uid {uuid} --abandon`",
            run.agent
        ))?;
    }
    Ok(Exit::Succeeded)
}
