use clap::Args;
use polyaxon_proto::runs::v1::EventsRequest;
use serde_json::json;

use super::fetch;
use crate::app::App;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::follow::outcome::{goes_on, summarise};
use crate::follow::screen::{Followed, Shown, show};
use crate::ui::{Format, Table, time};
use crate::view::attempts::{self, EarlierView};
use crate::view::failure::{self, Extent};
use crate::view::result::FailureView;
use crate::view::run::{EventView, status_name};

/// Show how the status of a run changed
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon ops statuses -uid UUID
  polyaxon ops statuses -uid UUID -w           until the run ends")]
pub(crate) struct Arguments {
    /// Go on until the run ends, and end as it does
    #[arg(short, long)]
    watch: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(super) async fn run(arguments: &Arguments, uuid: &str, app: &App) -> Outcome {
    let hub = app.hub()?;
    let mut exit = Exit::Succeeded;
    if arguments.watch {
        let shown = Shown {
            events: true,
            ..Shown::default()
        };
        match show(&app.ui, &hub, uuid, shown).await? {
            Followed::Ended(run) if arguments.output == Format::Text => {
                summarise(app, &run, true)?;
                return Ok(Exit::of_run(run.status()));
            }
            Followed::Ended(run) => exit = Exit::of_run(run.status()),
            Followed::LogShown => {}
            Followed::Interrupted => return goes_on(app, uuid),
        }
    }
    let run = fetch(&hub, uuid).await?;
    let request = EventsRequest {
        uuid: uuid.to_owned(),
    };
    let events = hub.answer(hub.runs().events(request).await)?.events;
    if arguments.output != Format::Text {
        let views: Vec<EventView> = events.iter().map(EventView::from).collect();
        let document = json!({
            "uuid": run.uuid,
            "status": status_name(run.status()),
            "attempt": run.attempt,
            "max_attempts": run.max_attempts,
            "next_attempt_at": time::exact(run.next_attempt_at.as_ref()),
            "earlier_attempts": run
                .earlier_attempts
                .iter()
                .map(EarlierView::from)
                .collect::<Vec<_>>(),
            "failure": run.failure.as_ref().map(FailureView::from),
            "events": views,
        });
        app.ui.document(arguments.output, &document)?;
        return Ok(exit);
    }
    let mut table = Table::new(&["AT", "STATUS", "ATTEMPT", "REASON", "MESSAGE", "SOURCE"]);
    for event in events.iter().filter(|event| !event.ignored) {
        table.push([
            time::exact(event.at.as_ref()).unwrap_or_default(),
            status_name(event.status()),
            event.attempt.to_string(),
            event.reason.clone(),
            event.message.clone(),
            event.source.clone(),
        ]);
    }
    app.ui.table(&table)?;
    let extent = Extent {
        log: false,
        excerpt: app.ui.talk_is_terminal(),
    };
    for line in attempts::lines(&run)
        .into_iter()
        .chain(failure::lines(&run, extent))
    {
        app.ui.talk(line)?;
    }
    Ok(exit)
}
