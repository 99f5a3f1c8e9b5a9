use clap::Args;
use polyaxon_proto::hub::v1::{WhoAmIRequest, WhoAmIResponse};
use serde_json::{Map, Value};

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
    if arguments.output == Format::Text {
        let mut table = Table::new(&["FIELD", "VALUE"]);
        for (name, value) in rows(hub.host(), &who) {
            table.push([name.to_owned(), value]);
        }
        app.ui.table(&table)?;
    } else {
        app.ui
            .document(arguments.output, &document(hub.host(), &who))?;
    }
    check_skew(&who.hub_version)?;
    Ok(Exit::Succeeded)
}

/// Who the hub says that we are, for programs.
pub(super) fn document(host: &str, who: &WhoAmIResponse) -> Map<String, Value> {
    rows(host, who)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

fn rows(host: &str, who: &WhoAmIResponse) -> [(&'static str, String); 6] {
    [
        ("name", who.name.clone()),
        ("scope", scope_name(who.scope()).to_owned()),
        ("owner", who.owner.clone()),
        ("project", who.default_project.clone()),
        ("host", host.to_owned()),
        ("hub_version", who.hub_version.clone()),
    ]
}
