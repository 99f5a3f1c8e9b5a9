use clap::Args;
use polyaxon_proto::hub::v1::WhoAmIRequest;
use serde_json::json;

use crate::app::App;
use crate::commands::version::check_skew;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::ui::{Format, Table};
use crate::view::access::scope_name;

/// Show which token is used and what it may do
#[derive(Args)]
#[command(after_help = "Examples:\n  polyaxon whoami\n  polyaxon whoami -o json")]
pub(crate) struct Arguments {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) async fn run(arguments: &Arguments, app: &App) -> Outcome {
    let hub = app.hub()?;
    let who = hub.answer(hub.access().who_am_i(WhoAmIRequest {}).await)?;
    let rows = [
        ("name", who.name.clone()),
        ("scope", scope_name(who.scope()).to_owned()),
        ("owner", who.owner.clone()),
        ("project", who.default_project.clone()),
        ("host", hub.host().to_owned()),
        ("hub_version", who.hub_version.clone()),
    ];
    if arguments.output == Format::Text {
        let mut table = Table::new(&["FIELD", "VALUE"]);
        for (name, value) in rows {
            table.push([name.to_owned(), value]);
        }
        app.ui.table(&table)?;
    } else {
        let document: serde_json::Map<String, serde_json::Value> = rows
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        app.ui.document(arguments.output, &document)?;
    }
    check_skew(&who.hub_version)?;
    Ok(Exit::Succeeded)
}
