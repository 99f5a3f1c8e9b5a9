use clap::Args;
use polyaxon_proto::hub::v1::{Component, ListComponentsRequest, ListVersionsRequest, Version};
use polyaxon_spec::refs::DEFAULT_OWNER;
use serde_json::json;

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::{Format, Table, time};
use crate::view::component::{ComponentView, TypedRef, VersionView};

/// List components, or the versions of one
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon components ls
  polyaxon hub ls -c kaniko                    the versions of kaniko
  polyaxon components ls -p acme/kaniko -o json")]
pub(super) struct Arguments {
    /// Components of this owner; without it the official ones and yours
    #[arg(long)]
    owner: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(super) async fn run(arguments: Arguments, path: Option<TypedRef>, app: &App) -> Outcome {
    match path {
        Some(path) => versions(&arguments, &path, app).await,
        None => components(arguments, app).await,
    }
}

async fn versions(arguments: &Arguments, path: &TypedRef, app: &App) -> Outcome {
    let hub = app.hub()?;
    let mut versions: Vec<Version> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListVersionsRequest {
            owner: path.hub_ref.owner.clone(),
            name: path.hub_ref.name.clone(),
            page_size: 200,
            page_token,
        };
        let page = hub.answer(hub.components().list_versions(request).await)?;
        versions.extend(page.versions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    if arguments.output != Format::Text {
        let views: Vec<VersionView> = versions.iter().map(VersionView::from).collect();
        let document = json!({ "versions": views });
        app.ui.document(arguments.output, &document)?;
        return Ok(Exit::Succeeded);
    }
    let now = time::now();
    let mut table = Table::new(&[
        "NAME",
        "STAGE",
        "DIGEST",
        "UPDATED",
        "BY",
        "TAGS",
        "DESCRIPTION",
    ]);
    for version in &versions {
        table.push([
            version.version.clone(),
            version.stage.clone(),
            version.digest.clone(),
            time::ago(version.updated_at.as_ref(), now),
            version.created_by.clone(),
            version.tags.join(", "),
            version.description.clone(),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Succeeded)
}

async fn components(arguments: Arguments, app: &App) -> Outcome {
    let owners = match arguments.owner {
        Some(owner) => vec![owner],
        None => vec![DEFAULT_OWNER.to_owned(), app.config.owner()],
    };
    let mut components: Vec<Component> = Vec::new();
    for owner in owners {
        for component in components_of(&owner, app).await? {
            if !components.contains(&component) {
                components.push(component);
            }
        }
    }
    if arguments.output != Format::Text {
        let views: Vec<ComponentView> = components.iter().map(ComponentView::from).collect();
        let document = json!({ "components": views });
        app.ui.document(arguments.output, &document)?;
        return Ok(Exit::Succeeded);
    }
    let now = time::now();
    let mut table = Table::new(&["NAME", "VERSIONS", "UPDATED", "TAGS", "DESCRIPTION"]);
    for component in &components {
        table.push([
            format!("{}/{}", component.owner, component.name),
            component.versions.to_string(),
            time::ago(component.updated_at.as_ref(), now),
            component.tags.join(", "),
            component.description.clone(),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Succeeded)
}

async fn components_of(owner: &str, app: &App) -> Result<Vec<Component>, CommandError> {
    let hub = app.hub()?;
    let mut components = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListComponentsRequest {
            owner: owner.to_owned(),
            page_size: 200,
            page_token,
        };
        let page = hub.answer(hub.components().list_components(request).await)?;
        components.extend(page.components);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(components);
        }
    }
}
