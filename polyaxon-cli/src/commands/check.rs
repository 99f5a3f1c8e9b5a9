use std::time::Duration;

use clap::Args;
use polyaxon_proto::runs::v1::{CheckRequest, CheckResponse};
use polyaxon_spec::diagnostic::{Diagnostic, Severity};
use polyaxon_spec::refs::HubRef;
use serde_json::json;

use crate::app::{App, connected};
use crate::client::HubError;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::submission::official::{self, Known};
use crate::submission::{Submission, SubmissionArguments};
use crate::ui::Format;

/// How long the hub may take before the check goes on without it.
const HUB_PATIENCE: Duration = Duration::from_millis(500);

/// Check an operation or a component; nothing is created
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon check -f build.yaml
  polyaxon check -f build.yaml --offline       without a hub, with the official components

A configured hub is asked as well, because it knows components, connections and queues; if it
does not answer within half a second, a warning says what was not checked.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    submission: SubmissionArguments,
    /// Do not ask the hub
    #[arg(long)]
    offline: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: &Arguments, app: &App) -> Outcome {
    connected(async {
        match check(arguments, app).await {
            Ok(findings) => {
                report(arguments.output, &findings, true, app)?;
                Ok(Exit::Succeeded)
            }
            Err(error) if arguments.output != Format::Text => match error.to_json() {
                Some(findings) => {
                    report(arguments.output, &findings, false, app)?;
                    Ok(error.exit())
                }
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    })
}

fn report(
    output: Format,
    findings: &[serde_json::Value],
    valid: bool,
    app: &App,
) -> std::io::Result<()> {
    if output == Format::Text {
        return app.ui.data("valid");
    }
    let document = json!({ "valid": valid, "diagnostics": findings });
    app.ui.document(output, &document)
}

/// Checks, prints warnings for people, and answers the warnings for programs.
async fn check(arguments: &Arguments, app: &App) -> Result<Vec<serde_json::Value>, CommandError> {
    let mut submission = arguments.submission.gather().await?;
    submission.compiled()?;
    if !arguments.offline && app.config.has_host() {
        match ask(arguments, &submission, app).await {
            Ok(answer) => {
                for warning in &answer.warnings {
                    app.ui.warn(warning)?;
                }
                return warnings(arguments, &submission, app);
            }
            Err(error) if error.is_passing() => app.ui.warn(format_args!(
                "{error}; connections, queues and components of the hub were not checked"
            ))?,
            Err(error) => return Err(CommandError::located(error, &submission.operation)),
        }
    }
    attach_official(&mut submission, app)?;
    submission.compiled()?;
    warnings(arguments, &submission, app)
}

fn warnings(
    arguments: &Arguments,
    submission: &Submission,
    app: &App,
) -> Result<Vec<serde_json::Value>, CommandError> {
    if arguments.output == Format::Text {
        submission.show_warnings(&app.ui)?;
    }
    let of_warnings = submission
        .warnings
        .iter()
        .filter(|finding| finding.severity == Severity::Warning);
    Ok(of_warnings.map(Diagnostic::to_json).collect())
}

async fn ask(
    arguments: &Arguments,
    submission: &Submission,
    app: &App,
) -> Result<CheckResponse, HubError> {
    let hub = app.hub()?;
    let (owner, project) = app.owner_and_project(arguments.submission.project.clone());
    let request = CheckRequest {
        owner,
        project,
        operation: submission
            .operation
            .to_json()
            .to_string()
            .into_bytes()
            .into(),
    };
    let mut runs = hub.runs();
    match tokio::time::timeout(HUB_PATIENCE, runs.check(request)).await {
        Ok(answer) => hub.answer(answer),
        Err(_) => Err(HubError::Unreachable {
            host: hub.host().to_owned(),
            reason: format!("no answer within {} ms", HUB_PATIENCE.as_millis()),
        }),
    }
}

/// Puts official components into their places; others stay references, with a warning.
fn attach_official(submission: &mut Submission, app: &App) -> Result<(), CommandError> {
    let mut unknown: Vec<String> = Vec::new();
    loop {
        let references = submission.operation.references();
        let next = references
            .into_iter()
            .find(|reference| !unknown.contains(&reference.value));
        let Some(reference) = next else { break };
        let hub_ref = HubRef::parse(&reference.value)
            .map_err(|error| CommandError::Usage(error.to_string()))?;
        match official::find(&hub_ref) {
            Known::Component(source) => submission.operation.attach(&reference, &source)?,
            Known::Absent(reason) => return Err(CommandError::NotFound(reason)),
            Known::OfTheHub => unknown.push(reference.value),
        }
    }
    for reference in unknown {
        app.ui.warn(format_args!(
            "the component `{reference}` is in a hub; without it params and fields of the run were not checked"
        ))?;
    }
    Ok(())
}
