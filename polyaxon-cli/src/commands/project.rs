use clap::{Args, Subcommand};
use polyaxon_proto::hub::v1::{CreateProjectRequest, ListProjectsRequest, Project};

use crate::app::App;
use crate::client::{Hub, HubError};
use crate::error::Outcome;
use crate::exit::Exit;
use crate::ui::{Format, Table, time};
use crate::view::access::ProjectView;
use crate::view::name::{Named, parse_name};

/// List and create projects
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(Ls),
    Create(Create),
}

/// List the projects of an owner
#[derive(Args)]
#[command(
    after_help = "Examples:\n  polyaxon project ls\n  polyaxon project ls --owner acme -o json"
)]
struct Ls {
    /// Owner; without it the configured one, else the hub's default
    #[arg(long)]
    owner: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Create a project
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon project create images
  polyaxon project create --name acme/images --description \"base images\"")]
struct Create {
    /// `NAME` or `OWNER/NAME`
    #[arg(value_name = "NAME", required_unless_present = "name", value_parser = parse_name)]
    positional: Option<Named>,
    /// The same as the argument NAME
    #[arg(short, long, conflicts_with = "positional", value_parser = parse_name)]
    name: Option<Named>,
    /// One line on what it is for
    #[arg(long, default_value = "")]
    description: String,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) async fn run(arguments: Arguments, app: &App) -> Outcome {
    match arguments.command {
        Command::Ls(arguments) => ls(arguments, app).await,
        Command::Create(arguments) => create(arguments, app).await,
    }
}

async fn ls(arguments: Ls, app: &App) -> Outcome {
    let hub = app.hub()?;
    let owner = arguments.owner.unwrap_or_else(|| app.config.owner());
    let projects = of_owner(&owner, &hub).await?;
    if arguments.output != Format::Text {
        let views: Vec<ProjectView> = projects.iter().map(ProjectView::from).collect();
        app.ui.document(arguments.output, &views)?;
        return Ok(Exit::Succeeded);
    }
    let now = time::now();
    let mut table = Table::new(&["OWNER", "NAME", "CREATED", "DESCRIPTION"]);
    for project in &projects {
        table.push([
            project.owner.clone(),
            project.name.clone(),
            time::ago(project.created_at.as_ref(), now),
            project.description.clone(),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Succeeded)
}

/// All projects of an owner; an empty one is the hub's default.
pub(super) async fn of_owner(owner: &str, hub: &Hub) -> Result<Vec<Project>, HubError> {
    let mut projects = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListProjectsRequest {
            owner: owner.to_owned(),
            page_size: 200,
            page_token,
        };
        let page = hub.answer(hub.access().list_projects(request).await)?;
        projects.extend(page.projects);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(projects);
        }
    }
}

async fn create(arguments: Create, app: &App) -> Outcome {
    let hub = app.hub()?;
    let named = arguments.positional.or(arguments.name).unwrap_or_default();
    let request = CreateProjectRequest {
        owner: named.owner.unwrap_or_else(|| app.config.owner()),
        name: named.name,
        description: arguments.description,
    };
    let project = hub.answer(hub.access().create_project(request).await)?;
    if arguments.output == Format::Text {
        app.ui.talk(format_args!(
            "project `{}/{}` is created",
            project.owner, project.name
        ))?;
    } else {
        app.ui
            .document(arguments.output, &ProjectView::from(&project))?;
    }
    Ok(Exit::Succeeded)
}
