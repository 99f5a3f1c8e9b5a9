use clap::Args;
use polyaxon_proto::runs::v1::{ListRequest, Run, Status};
use serde_json::json;

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::{Format, Table, time};
use crate::view::name::Named;
use crate::view::run::{RunView, is_final, parse_status, status_name};

/// List runs, newest first
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon ops ls
  polyaxon ops ls -p images --status failed,stopped --limit 5 -o json")]
pub(crate) struct Arguments {
    /// Show at most this many
    #[arg(short, long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only runs with these statuses, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = status)]
    status: Vec<Status>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

fn status(name: &str) -> Result<Status, String> {
    parse_status(name).ok_or_else(|| {
        "no such status; there are created, queued, running, succeeded, failed, stopped and others"
            .to_owned()
    })
}

pub(super) async fn run(arguments: &Arguments, project: Option<Named>, app: &App) -> Outcome {
    let (runs, more) = list(arguments, project, app).await?;
    if arguments.output != Format::Text {
        let views: Vec<RunView> = runs.iter().map(RunView::brief).collect();
        let document = json!({ "runs": views, "more": more });
        app.ui.document(arguments.output, &document)?;
        return Ok(Exit::Succeeded);
    }
    let now = time::now();
    let mut table = Table::new(&["UUID", "NAME", "STATUS", "COMPONENT", "CREATED", "DURATION"]);
    for run in &runs {
        table.push([
            run.uuid.clone(),
            run.name.clone(),
            status_name(run.status()),
            if run.component.is_empty() {
                "-".to_owned()
            } else {
                run.component.clone()
            },
            time::ago(run.created_at.as_ref(), now),
            duration(run, now),
        ]);
    }
    if table.is_empty() {
        app.ui.talk("no runs")?;
        return Ok(Exit::Succeeded);
    }
    app.ui.table(&table)?;
    if more {
        app.ui.talk(format_args!(
            "there are more; `--limit {}` shows them",
            arguments.limit.saturating_mul(2)
        ))?;
    }
    Ok(Exit::Succeeded)
}

async fn list(
    arguments: &Arguments,
    project: Option<Named>,
    app: &App,
) -> Result<(Vec<Run>, bool), CommandError> {
    let hub = app.hub()?;
    let (owner, project) = app.owner_and_project(project);
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let mut runs = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRequest {
            owner: owner.clone(),
            project: project.clone(),
            page_size: i32::try_from((limit - runs.len()).min(200)).unwrap_or(200),
            page_token,
            statuses: arguments
                .status
                .iter()
                .map(|status| (*status).into())
                .collect(),
        };
        let page = hub.answer(hub.runs().list(request).await)?;
        runs.extend(page.runs);
        page_token = page.next_page_token;
        if page_token.is_empty() || runs.len() >= limit {
            let more = !page_token.is_empty() || runs.len() > limit;
            runs.truncate(limit);
            return Ok((runs, more));
        }
    }
}

fn duration(run: &Run, now: jiff::Timestamp) -> String {
    let Some(start) = time::timestamp(run.started_at.as_ref()) else {
        return "-".to_owned();
    };
    match time::timestamp(run.finished_at.as_ref()) {
        Some(end) => time::between(start, end),
        None if is_final(run.status()) => "-".to_owned(),
        None => time::between(start, now),
    }
}
