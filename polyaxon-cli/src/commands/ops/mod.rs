//! Runs: what is known of them, their log, their end.

mod get;
mod logs;
mod ls;
mod statuses;
mod stop;

use clap::{Args, Subcommand};
use polyaxon_proto::runs::v1::{GetRequest, Run};

use crate::app::App;
use crate::client::{Hub, HubError};
use crate::error::{CommandError, Outcome};
use crate::view::name::{Named, parse_name};
use crate::view::run::parse_uuid;

/// List runs, read their logs and stop them
#[derive(Args)]
#[command(after_help = "Without `-uid` a command takes the run that was last created from here.")]
pub(crate) struct Arguments {
    /// Project, `NAME` or `OWNER/NAME`
    #[arg(short, long, global = true, value_parser = parse_name)]
    project: Option<Named>,
    /// The run: 32 hexadecimal digits (also `-uid`)
    #[arg(long, alias = "uuid", global = true, value_name = "UUID", value_parser = parse_uuid)]
    uid: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(alias = "list")]
    Ls(ls::Arguments),
    Get(get::Arguments),
    Logs(logs::Arguments),
    Statuses(statuses::Arguments),
    Stop(stop::Arguments),
}

pub(crate) async fn run(arguments: Arguments, app: &App) -> Outcome {
    let Arguments {
        project,
        uid,
        command,
    } = arguments;
    match command {
        Command::Ls(arguments) => ls::run(&arguments, project, app).await,
        Command::Get(arguments) => get::run(&arguments, &chosen(uid, app)?, app).await,
        Command::Logs(arguments) => logs::run(arguments, &chosen(uid, app)?, app).await,
        Command::Statuses(arguments) => statuses::run(&arguments, &chosen(uid, app)?, app).await,
        Command::Stop(arguments) => stop::run(&arguments, &chosen(uid, app)?, app).await,
    }
}

/// The run that was named, else the one that was last created.
fn chosen(uid: Option<String>, app: &App) -> Result<String, CommandError> {
    if let Some(uid) = uid {
        return Ok(uid);
    }
    let Some(last) = app.config.last_run() else {
        return Err(CommandError::Usage(
            "no run is named and none was created from here; pass `-uid UUID`, `polyaxon ops ls` lists them"
                .to_owned(),
        ));
    };
    app.ui.talk(format_args!(
        "run `{last}`, the last one that was created here"
    ))?;
    Ok(last)
}

async fn fetch(hub: &Hub, uuid: &str) -> Result<Run, HubError> {
    let request = GetRequest {
        uuid: uuid.to_owned(),
    };
    hub.answer(hub.runs().get(request).await)
}
