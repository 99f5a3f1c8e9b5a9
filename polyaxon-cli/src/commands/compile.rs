use std::path::PathBuf;

use clap::{Args, ValueEnum};
use polyaxon_proto::hub::v1::ResolveRequest;
use polyaxon_spec::agent_config::AgentConfig;
use polyaxon_spec::catalog::Catalog;
use polyaxon_spec::compose::CompiledOperation;
use polyaxon_spec::diagnostic::{Report, render};
use polyaxon_spec::plan::{distributed, is_distributed, plan};
use polyaxon_spec::refs::HubRef;
use polyaxon_spec::resolve::{RunContext, preview};
use polyaxon_spec::source::Source;
use polyaxon_spec::{k8s, yaml};
use serde_json::Value;

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::submission::official::{self, Known};
use crate::submission::{Submission, SubmissionArguments, files};
use crate::ui::{Format, time};
use crate::view::run::parse_uuid;

/// Names that the hub gives to what has none.
const DEFAULT: &str = "default";

/// Print what an operation becomes on its way to a pod; nothing is created
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon compile -f build.yaml --stage compiled
  polyaxon compile -f build.yaml --agent-config agent.yaml --stage job

The stages from `resolved` on need the connections of an agent. The job is printed without what
the agent adds to builds: its executor image, mirrors and security settings.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    submission: SubmissionArguments,
    /// How far to go
    #[arg(long, value_enum, default_value_t = Stage::Resource)]
    stage: Stage,
    /// The agent's file; without it the one of `polyaxon sandbox`, if there is one
    #[arg(long, value_name = "FILE")]
    agent_config: Option<PathBuf>,
    /// Take official components from this program instead of asking the hub
    #[arg(long)]
    offline: bool,
    /// Id of the run in names, labels and paths (also `-uid`)
    #[arg(long, value_parser = parse_uuid, default_value = "00000000000000000000000000000000")]
    uid: String,
    /// How to print; `text` is YAML
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Stage {
    /// The file as data, as it was read
    Document,
    /// The request, with all components collected
    Operation,
    /// Operation, component and patches put together
    Compiled,
    /// Params applied and templates rendered
    Resolved,
    /// The pod in our own words
    Plan,
    /// The custom resource of the Polyaxon operator
    Resource,
    /// The Job of Kubernetes
    Job,
}

pub(crate) async fn run(arguments: Arguments, app: &App) -> Outcome {
    if arguments.stage == Stage::Document {
        return read(&arguments, app).await;
    }
    let mut submission = arguments.submission.gather().await?;
    submission.show_warnings(&app.ui)?;
    collect(&mut submission, arguments.offline, app).await?;
    let document = document(&arguments, &submission, app)?;
    print(&document, &arguments, app)
}

fn print(document: &Value, arguments: &Arguments, app: &App) -> Outcome {
    match arguments.output {
        Format::Json => app.ui.document(Format::Json, document)?,
        Format::Text | Format::Yaml => {
            app.ui.data_bytes(yaml::write(document).as_bytes())?;
        }
    }
    Ok(Exit::Succeeded)
}

/// Prints what the text of the file says, before anything is made of it.
async fn read(arguments: &Arguments, app: &App) -> Outcome {
    let source = arguments.submission.main_source().await?.ok_or_else(|| {
        let message = "a component of the hub has no file here; `polyaxon hub get` prints its text";
        CommandError::Usage(message.to_owned())
    })?;
    let (node, warnings) = yaml::read(&source)?;
    if !warnings.is_empty() {
        app.ui.talk(render(&warnings, app.ui.talk_has_colour()))?;
    }
    print(&node.to_json(), arguments, app)
}

/// Puts the components of the hub into their places.
async fn collect(
    submission: &mut Submission,
    offline: bool,
    app: &App,
) -> Result<(), CommandError> {
    while let Some(reference) = submission.operation.references().into_iter().next() {
        let hub_ref = HubRef::parse(&reference.value)
            .map_err(|error| CommandError::Usage(error.to_string()))?;
        let source = if offline || !app.config.asks_hub() {
            match official::find(&hub_ref) {
                Known::Component(source) => source,
                Known::Absent(reason) => return Err(CommandError::NotFound(reason)),
                Known::OfTheHub => {
                    return Err(CommandError::NotFound(format!(
                        "the component `{hub_ref}` is in a hub, and none is asked"
                    )));
                }
            }
        } else {
            let hub = app.hub()?;
            let request = ResolveRequest {
                reference: hub_ref.to_string(),
            };
            let answer = hub.answer(hub.components().resolve(request).await)?;
            for warning in &answer.warnings {
                app.ui.warn(warning)?;
            }
            let content = answer.version.unwrap_or_default().content;
            Source::from_bytes(hub_ref.to_string(), &content)?
        };
        submission.operation.attach(&reference, &source)?;
    }
    Ok(())
}

fn document(
    arguments: &Arguments,
    submission: &Submission,
    app: &App,
) -> Result<Value, CommandError> {
    if arguments.stage == Stage::Operation {
        return Ok(submission.operation.to_json());
    }
    let Some(compiled) = submission.compiled()? else {
        return Err(CommandError::System(
            "a component is missing although all were collected".to_owned(),
        ));
    };
    if arguments.stage == Stage::Compiled {
        return Ok(compiled.document);
    }
    let catalog = catalog(arguments, app)?;
    let context = context(arguments, &compiled, app);
    let located = |report: Report| submission.operation.located(report, &compiled.document);
    let resolved = preview(&compiled, &context, &catalog).map_err(located)?;
    if arguments.stage == Stage::Resolved {
        return Ok(resolved.document);
    }
    let kind = resolved.document.pointer("/run/kind");
    let kind = kind.and_then(Value::as_str).unwrap_or_default();
    if arguments.stage != Stage::Job && is_distributed(kind) {
        let plan = distributed(&resolved, &context, &catalog, &mut suffixes()).map_err(located)?;
        return Ok(match arguments.stage {
            Stage::Plan => as_json(&plan)?,
            _ => k8s::distributed_resource(&plan),
        });
    }
    let plan = plan(&resolved, &context, &catalog, &mut suffixes()).map_err(located)?;
    Ok(match arguments.stage {
        Stage::Plan => as_json(&plan)?,
        Stage::Job => as_json(&k8s::job(&plan, 1).map_err(located)?)?,
        _ => k8s::resource(&plan),
    })
}

fn as_json(value: &impl serde::Serialize) -> Result<Value, CommandError> {
    serde_json::to_value(value).map_err(|error| CommandError::System(error.to_string()))
}

/// Generated names count up, so that two prints of one operation are equal.
fn suffixes() -> impl FnMut() -> String {
    let mut count = 0_u32;
    move || {
        count += 1;
        format!("{count:010x}")
    }
}

/// The connections of the agent that would run it.
fn catalog(arguments: &Arguments, app: &App) -> Result<Catalog, CommandError> {
    let of_sandbox = app.config.home().join("sandbox").join("agent.yaml");
    let path = match &arguments.agent_config {
        Some(path) => path.clone(),
        None if of_sandbox.is_file() => {
            app.ui.talk(format_args!(
                "with the connections of `{}`",
                of_sandbox.display()
            ))?;
            of_sandbox
        }
        None => return Ok(Catalog::default()),
    };
    let source = files::read(&path)?;
    Ok(AgentConfig::read(&source)?.catalog().clone())
}

fn context(arguments: &Arguments, compiled: &CompiledOperation, app: &App) -> RunContext {
    let (owner, project) = app.owner_and_project(arguments.submission.project.clone());
    let or_default = |name: String| {
        if name.is_empty() {
            DEFAULT.to_owned()
        } else {
            name
        }
    };
    let now = time::now();
    RunContext {
        owner: or_default(owner),
        project: or_default(project),
        run_uuid: arguments.uid.clone(),
        run_name: compiled.name().unwrap_or_default().to_owned(),
        created_at: Some(now),
        compiled_at: Some(now),
        api_host: app.config.host().to_owned(),
        ..RunContext::default()
    }
}
