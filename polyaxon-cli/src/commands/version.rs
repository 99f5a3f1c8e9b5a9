use std::time::Duration;

use clap::Args;
use polyaxon_proto::hub::v1::WhoAmIRequest;
use polyaxon_proto::version;
use serde_json::json;

use crate::app::App;
use crate::client::HubError;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::Format;

/// How long the hub may take to name its version before it is left out.
const HUB_PATIENCE: Duration = Duration::from_secs(1);

/// Print the versions of this program and of the hub
#[derive(Args)]
#[command(after_help = "Examples:\n  polyaxon version\n  polyaxon version --client -o json")]
pub(crate) struct Arguments {
    /// Do not ask the hub
    #[arg(long)]
    client: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) async fn run(arguments: &Arguments, app: &App) -> Outcome {
    let hub = if arguments.client {
        None
    } else {
        Some(ask(app).await)
    };
    match arguments.output {
        Format::Text => {
            app.ui
                .data(format_args!("polyaxon {}", version::current()))?;
            match &hub {
                Some(Ok(version)) => app
                    .ui
                    .data(format_args!("hub {version} at {}", app.config.host()))?,
                Some(Err(reason)) => app.ui.talk(format_args!("hub unknown: {reason}"))?,
                None => {}
            }
        }
        Format::Json | Format::Yaml => {
            let version = hub.as_ref().and_then(|hub| hub.as_ref().ok());
            let document = json!({ "client": version::current(), "hub": version });
            app.ui.document(arguments.output, &document)?;
        }
    }
    if let Some(Ok(version)) = hub {
        check_skew(&version)?;
    }
    Ok(Exit::Succeeded)
}

async fn ask(app: &App) -> Result<String, String> {
    let question = async {
        let hub = app.hub()?;
        let who = hub.answer(hub.access().who_am_i(WhoAmIRequest {}).await)?;
        Ok::<_, HubError>(who.hub_version)
    };
    match tokio::time::timeout(HUB_PATIENCE, question).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "no answer from {} within {} ms",
            app.config.host(),
            HUB_PATIENCE.as_millis()
        )),
    }
}

/// A hub serves command lines of its own minor version and of the one before it.
/// A version that is not three numbers is taken as fitting.
pub(crate) fn check_skew(hub: &str) -> Result<(), CommandError> {
    let (Some((hub_major, hub_minor)), Some((major, minor))) =
        (minor_of(hub), minor_of(version::current()))
    else {
        return Ok(());
    };
    if hub_major == major && (hub_minor == minor || hub_minor == minor + 1) {
        return Ok(());
    }
    Err(CommandError::VersionSkew(format!(
        "the hub has version {hub}, this program {}; a hub serves its own minor version and the one before it",
        version::current()
    )))
}

fn minor_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, true)]
    #[case(1, true)]
    #[case(2, false)]
    fn newer_hubs(#[case] ahead: u32, #[case] fits: bool) {
        let (major, minor) = minor_of(version::current()).unwrap();
        let hub = format!("{major}.{}.7", minor + ahead);
        assert_eq!(check_skew(&hub).is_ok(), fits, "{hub}");
    }

    #[test]
    fn another_major_version_does_not_fit() {
        let (major, minor) = minor_of(version::current()).unwrap();
        assert!(check_skew(&format!("{}.{minor}.0", major + 1)).is_err());
        assert!(check_skew("unknown").is_ok());
    }
}
