use std::time::Duration;

use clap::Args;
use polyaxon_proto::runs::v1::{CreateRequest, CreateResponse};

use crate::app::App;
use crate::client::{Hub, HubError};
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::follow::LogOptions;
use crate::follow::outcome::{goes_on, summarise};
use crate::follow::screen::{Followed, LogForm, Shown, show};
use crate::submission::SubmissionArguments;
use crate::ui::Format;
use crate::view::run::RunView;

/// How long the hub may take to accept an operation.
const PATIENCE: Duration = Duration::from_secs(30);
/// Waits before the further tries of a creation that got no answer.
const RETRIES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(1)];

/// Run an operation or a component
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon run -f build.yaml -l
  polyaxon run --url=https://example.org/build.yaml -P destination=team/app:1 -w
  polyaxon run --hub acme/kaniko -f params.yaml -l

With `-l` or `-w` the exit status follows the run: 0 succeeded, 1 failed, 3 stopped or skipped.
Ctrl-C ends the following only; the run goes on.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each one is a switch of the command line"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    submission: SubmissionArguments,
    /// Follow the log until the run ends
    #[arg(short, long, visible_alias = "logs")]
    log: bool,
    /// Follow the status until the run ends
    #[arg(short, long)]
    watch: bool,
    /// Print lines of the log as they were written
    #[arg(long, requires = "log")]
    raw: bool,
    /// Kept for old command lines: says that it is missing
    #[arg(short, long, hide = true)]
    upload: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) async fn run(arguments: Arguments, app: &App) -> Outcome {
    if arguments.upload {
        return Err(CommandError::Usage(
            "uploads from this folder are not in this version; bring the context with `runPatch: {init: [{git: ...}]}`"
                .to_owned(),
        ));
    }
    let submission = arguments.submission.gather().await?;
    submission.show_warnings(&app.ui)?;
    submission.compiled()?;
    let hub = app.hub()?;
    let (owner, project) = app.owner_and_project(arguments.submission.project.clone());
    let request = CreateRequest {
        owner,
        project,
        operation: submission.to_wire(),
        idempotency_key: uuid::Uuid::new_v4().simple().to_string(),
    };
    let answer = create(&hub, request)
        .await
        .map_err(|error| CommandError::located(error, &submission.operation))?;
    for warning in &answer.warnings {
        app.ui.warn(warning)?;
    }
    let run = answer.run.unwrap_or_default();
    if let Err(error) = app.config.remember_run(&run.uuid) {
        app.ui.warn(format_args!(
            "cannot keep the run's id for later commands: {error}"
        ))?;
    }
    app.ui.talk(format_args!(
        "run `{}` is created in {}/{}",
        run.uuid, run.owner, run.project
    ))?;
    if !answer.pending.is_empty() {
        app.ui
            .talk(format_args!("it waits for: {}", answer.pending))?;
    }
    if !arguments.log && !arguments.watch {
        match arguments.output {
            Format::Text => app.ui.data(&run.uuid)?,
            format => app.ui.document(format, &RunView::brief(&run))?,
        }
        return Ok(Exit::Succeeded);
    }
    follow(&arguments, &hub, &run.uuid, app).await
}

/// Creates the run. The key makes a repetition after a lost answer harmless.
async fn create(hub: &Hub, request: CreateRequest) -> Result<CreateResponse, HubError> {
    let mut waits = RETRIES.into_iter();
    loop {
        let mut call = tonic::Request::new(request.clone());
        call.set_timeout(PATIENCE);
        match hub.answer(hub.runs().create(call).await) {
            Err(error) if error.is_passing() => match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            },
            answer => return answer,
        }
    }
}

async fn follow(arguments: &Arguments, hub: &Hub, uuid: &str, app: &App) -> Outcome {
    let shown = Shown {
        events: true,
        log: arguments.log.then(LogOptions::default),
        form: match (arguments.output, arguments.raw) {
            (Format::Text, false) => LogForm::Rendered,
            (Format::Text, true) => LogForm::Raw,
            _ => LogForm::Talk,
        },
    };
    match show(&app.ui, hub, uuid, shown).await? {
        Followed::Ended(run) => {
            if arguments.output == Format::Text {
                summarise(app, &run, !arguments.log)?;
            } else {
                app.ui.document(arguments.output, &RunView::brief(&run))?;
            }
            Ok(Exit::of_run(run.status()))
        }
        Followed::Interrupted => goes_on(app, uuid),
        Followed::LogShown => Ok(Exit::Failed),
    }
}
