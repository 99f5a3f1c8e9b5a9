use clap::Args;

use crate::app::App;
use crate::config::Key;
use crate::error::Outcome;
use crate::exit::Exit;

/// Forget the token; it stays valid until it is revoked
#[derive(Args)]
#[command(after_help = "Example:\n  polyaxon logout")]
pub(crate) struct Arguments {}

pub(crate) fn run(app: &mut App) -> Outcome {
    app.config
        .update(|settings| settings.set(Key::Token, None))?;
    app.ui
        .talk("the token is forgotten; `polyaxon admin token revoke NAME` makes it useless")?;
    Ok(Exit::Succeeded)
}
