use std::io::Read as _;

use clap::Args;
use polyaxon_proto::hub::v1::WhoAmIRequest;
use secrecy::{ExposeSecret as _, SecretString};

use crate::app::App;
use crate::client::Hub;
use crate::commands::version::check_skew;
use crate::commands::whoami::document;
use crate::config::Key;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::Format;
use crate::view::access::scope_name;

/// Check a token with the hub and keep it in the settings
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon login --token plx_…
  polyaxon login --host https://hub.example.org --token - < token.txt")]
pub(crate) struct Arguments {
    /// The token; `-` reads it from standard input
    #[arg(short, long)]
    token: String,
    /// Address of the hub, kept as well
    #[arg(long)]
    host: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) async fn run(arguments: Arguments, app: &mut App) -> Outcome {
    let token = if arguments.token == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| CommandError::Usage(format!("cannot read the token: {error}")))?;
        SecretString::from(text.trim().to_owned())
    } else {
        SecretString::from(arguments.token.trim().to_owned())
    };
    if token.expose_secret().is_empty() {
        return Err(CommandError::Usage(
            "the token is empty; an admin makes one with `polyaxon admin token create`".to_owned(),
        ));
    }
    let host = arguments
        .host
        .unwrap_or_else(|| app.config.host().to_owned());
    let hub = Hub::lazy(&host, Some(&token))?;
    let who = hub.answer(hub.access().who_am_i(WhoAmIRequest {}).await)?;
    check_skew(&who.hub_version)?;
    app.config.update(|settings| {
        settings.set(Key::Host, Some(host.clone()));
        settings.set(Key::Token, Some(token.expose_secret().to_owned()));
    })?;
    if arguments.output == Format::Text {
        app.ui.talk(format_args!(
            "logged in at {host} as `{}` (scope {})",
            who.name,
            scope_name(who.scope())
        ))?;
    } else {
        app.ui.document(arguments.output, &document(&host, &who))?;
    }
    Ok(Exit::Succeeded)
}
