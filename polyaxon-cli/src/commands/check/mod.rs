pub(crate) mod collect;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use polyaxon_proto::runs::v1::{CheckRequest, CheckResponse};
use polyaxon_spec::diagnostic::{Diagnostic, Severity};
use polyaxon_spec::refs::HubRef;
use serde_json::{Value, json};

use crate::app::{App, connected};
use crate::client::HubError;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::submission::official::{self, Known};
use crate::submission::{Submission, SubmissionArguments, files};
use crate::ui::Format;

/// How long the hub may take before the check goes on without it.
const HUB_PATIENCE: Duration = Duration::from_millis(500);

/// Check operations and components; nothing is created
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon check -f build.yaml
  polyaxon check -f build.yaml --offline       without a hub, with the official components
  polyaxon check builds/ train.yaml            each file by itself; of a folder every Polyaxonfile
  polyaxon check builds/ --lint                for files whose params come later

A configured hub is asked as well, because it knows components, connections and queues; if it
does not answer within half a second, a warning says what was not checked.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each one is a switch of the command line"
)]
pub(crate) struct Arguments {
    /// Files that are checked each by itself, `-` for standard input, and folders
    #[arg(value_name = "PATH", conflicts_with_all = ["file", "url", "hub"])]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    submission: SubmissionArguments,
    /// The text alone: warnings are errors, params need no values, the hub is not asked
    #[arg(short, long)]
    lint: bool,
    /// Do not ask the hub
    #[arg(long)]
    offline: bool,
    /// Check again whenever a file changes, until Ctrl-C
    #[arg(short, long, requires = "paths")]
    watch: bool,
    /// Print the `version` that the file says, too (also `-v`; `polyaxon -v check` is verbose)
    #[arg(long, conflicts_with = "paths")]
    version: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: &Arguments, app: &App) -> Outcome {
    connected(async {
        if arguments.watch {
            watch::watch(arguments, app).await
        } else if arguments.paths.is_empty() {
            one(arguments, app).await
        } else {
            let files = collect::collect(&arguments.paths)?;
            several(&files, arguments, app).await
        }
    })
}

/// Checks what the flags name.
async fn one(arguments: &Arguments, app: &App) -> Outcome {
    let checked = async {
        let submission = arguments.submission.gather().await?;
        let version = version_of(&submission);
        let findings = check(submission, arguments.lint, arguments, app).await?;
        Ok::<_, CommandError>((findings, version))
    };
    match checked.await {
        Ok((findings, version)) if arguments.output == Format::Text => {
            let is_valid = findings.is_empty() || !arguments.lint;
            if is_valid {
                app.ui.data("valid")?;
            }
            if arguments.version {
                app.ui.data(format_args!("The version is: {version}"))?;
            }
            Ok(exit_of(is_valid))
        }
        Ok((findings, _)) => {
            let is_valid = findings.is_empty() || !arguments.lint;
            let document = json!({ "valid": is_valid, "diagnostics": findings });
            app.ui.document(arguments.output, &document)?;
            Ok(exit_of(is_valid))
        }
        Err(error) if arguments.output != Format::Text => match error.to_json() {
            Some(findings) => {
                let document = json!({ "valid": false, "diagnostics": findings });
                app.ui.document(arguments.output, &document)?;
                Ok(error.exit())
            }
            None => Err(error),
        },
        Err(error) => Err(error),
    }
}

/// The `version` of a file, which selects nothing any more.
fn version_of(submission: &Submission) -> String {
    match submission.operation.to_json().get("version") {
        None | Some(Value::Null) => "none".to_owned(),
        Some(version) => version.to_string(),
    }
}

/// Checks every file by itself; the first failure gives the exit status.
async fn several(files: &[PathBuf], arguments: &Arguments, app: &App) -> Outcome {
    let mut documents = Vec::new();
    let mut exit = Exit::Succeeded;
    for path in files {
        let (is_valid, status, document) = match file(path, arguments, app).await {
            Ok(findings) => {
                let is_valid = findings.is_empty() || !arguments.lint;
                let document = json!({ "valid": is_valid, "diagnostics": findings });
                (is_valid, exit_of(is_valid), document)
            }
            Err(error) => {
                if arguments.output == Format::Text {
                    error.show(&app.ui)?;
                }
                let document = match error.to_json() {
                    Some(findings) => json!({ "valid": false, "diagnostics": findings }),
                    None => {
                        json!({ "valid": false, "diagnostics": [], "error": error.to_string() })
                    }
                };
                (false, error.exit(), document)
            }
        };
        if arguments.output == Format::Text {
            let word = if is_valid { "valid" } else { "not valid" };
            app.ui.data(format_args!("{}: {word}", path.display()))?;
        }
        documents.push(named(path, document));
        if exit == Exit::Succeeded {
            exit = status;
        }
    }
    if arguments.output != Format::Text {
        app.ui.document(arguments.output, &documents)?;
    }
    Ok(exit)
}

fn exit_of(is_valid: bool) -> Exit {
    if is_valid {
        Exit::Succeeded
    } else {
        Exit::Usage
    }
}

/// What is said about a file, under its name.
fn named(path: &Path, document: Value) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert("file".to_owned(), path.display().to_string().into());
    if let Value::Object(said) = document {
        fields.extend(said);
    }
    fields.into()
}

/// Checks one file by itself. A component is checked as one that is registered: its params come later.
async fn file(path: &Path, arguments: &Arguments, app: &App) -> Result<Vec<Value>, CommandError> {
    let source = files::read(path)?;
    let is_component = collect::is_component(&source);
    let is_open = arguments.lint || (is_component && !arguments.submission.has_params());
    let submission = arguments.submission.gather_file(&source).await?;
    check(submission, is_open, arguments, app).await
}

/// Checks, prints warnings for people, and answers the warnings for programs. What is open has params whose values
/// come later, so that the hub cannot be asked.
async fn check(
    mut submission: Submission,
    is_open: bool,
    arguments: &Arguments,
    app: &App,
) -> Result<Vec<Value>, CommandError> {
    if is_open {
        submission.composed()?;
        attach_official(&mut submission, app)?;
        submission.composed()?;
        return warnings(arguments, &submission, app);
    }
    submission.compiled()?;
    if !arguments.offline && app.config.asks_hub() {
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
) -> Result<Vec<Value>, CommandError> {
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
        operation: submission.to_wire(),
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
