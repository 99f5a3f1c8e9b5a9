use clap::{Args, ValueEnum};

use super::fetch;
use crate::app::App;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::follow::LogOptions;
use crate::follow::outcome::{goes_on, summarise};
use crate::follow::screen::{Followed, LogForm, Shown, show};
use crate::view::run::is_final;

/// Print the log of a run and, while it runs, follow it; ends as the run ends
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon ops logs -uid UUID
  polyaxon ops logs -uid UUID -nf --raw        what is there now, as it was written")]
pub(crate) struct Arguments {
    /// Print what is there and end with 0 (also `-nf`)
    #[arg(long)]
    no_follow: bool,
    /// Of this container instead of the main one
    #[arg(short, long, conflicts_with = "all_containers")]
    container: Option<String>,
    /// Of every container, each line with the container's name
    #[arg(long)]
    all_containers: bool,
    /// Print lines as they were written
    #[arg(long)]
    raw: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Form,
}

/// How a log is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Lines for people
    #[default]
    Text,
    /// One JSON object per record
    Json,
}

pub(super) async fn run(arguments: Arguments, uuid: &str, app: &App) -> Outcome {
    let hub = app.hub()?;
    let before = fetch(&hub, uuid).await?;
    let has_ended = is_final(before.status());
    let shown = Shown {
        events: !has_ended && !arguments.no_follow,
        log: Some(LogOptions {
            container: arguments.container.unwrap_or_default(),
            all_containers: arguments.all_containers,
            no_follow: arguments.no_follow,
            has_ended,
        }),
        form: match arguments.output {
            Form::Json => LogForm::Json,
            Form::Text if arguments.raw => LogForm::Raw,
            Form::Text => LogForm::Rendered,
        },
    };
    match show(&app.ui, &hub, uuid, shown).await? {
        Followed::Ended(run) => {
            summarise(app, &run, false)?;
            Ok(Exit::of_run(run.status()))
        }
        Followed::LogShown if arguments.no_follow => Ok(Exit::Succeeded),
        Followed::LogShown => Ok(Exit::of_run(before.status())),
        Followed::Interrupted if has_ended || arguments.no_follow => Ok(Exit::Interrupted),
        Followed::Interrupted => goes_on(app, uuid),
    }
}
