use clap::Args;

use crate::app::App;
use crate::commands::config::values;
use crate::config::Key;
use crate::error::Outcome;
use crate::exit::Exit;
use crate::ui::Format;

/// Forget the token; it stays valid until it is revoked
#[derive(Args)]
#[command(after_help = "Example:\n  polyaxon logout")]
pub(crate) struct Arguments {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: &Arguments, app: &mut App) -> Outcome {
    app.config
        .update(|settings| settings.set(Key::Token, None))?;
    if arguments.output == Format::Text {
        app.ui
            .talk("the token is forgotten; `polyaxon admin token revoke NAME` makes it useless")?;
    } else {
        app.ui
            .document(arguments.output, &values(&app.config, &Key::ALL))?;
    }
    Ok(Exit::Succeeded)
}
