use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::app::App;
use crate::config::{Config, ConfigError, Key, masked};
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::ui::{Format, Table, Ui};

/// Read and change the settings of this command line
#[derive(Args)]
#[command(
    after_help = "Settings stand in `config.yaml` under `~/.polyaxon` (or `POLYAXON_HOME`). The variables
POLYAXON_HOST, POLYAXON_AUTH_TOKEN, POLYAXON_OWNER and POLYAXON_PROJECT override them."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Set(Set),
    Get(Get),
    Show(Show),
    Purge(Purge),
}

/// Change settings
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:
  polyaxon config set --host https://hub.example.org
  polyaxon config set --owner acme --project images
  polyaxon config set --project \"\"            back to the hub's default project"
)]
struct Set {
    /// Address of the hub, `http://HOST:PORT` or `https://HOST:PORT`; a new one removes the token
    #[arg(long)]
    host: Option<String>,
    /// Owner of names that are typed without one
    #[arg(long)]
    owner: Option<String>,
    /// Project of commands without `-p`
    #[arg(long)]
    project: Option<String>,
    /// Keep the token although the host changes
    #[arg(long)]
    no_purge: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Print single settings
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon config get host
  polyaxon config get host owner -o json")]
struct Get {
    /// Names: host, token, owner, project
    #[arg(required = true)]
    keys: Vec<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Print all settings and where each comes from
#[derive(Args)]
#[command(after_help = "Example:\n  polyaxon config show")]
struct Show {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Remove all settings, the token included
#[derive(Args)]
#[command(after_help = "Example:\n  polyaxon config purge")]
struct Purge {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: Arguments, app: &mut App) -> Outcome {
    match arguments.command {
        Command::Set(arguments) => set(arguments, app),
        Command::Get(arguments) => get(&arguments, app),
        Command::Show(arguments) => show(&arguments, app),
        Command::Purge(arguments) => {
            app.config.purge()?;
            removed(&arguments, &app.config.path(), &app.ui)
        }
    }
}

/// Removes settings that cannot be read; everything else needs settings that can.
pub(crate) fn run_broken(arguments: &Arguments, ui: &Ui, error: ConfigError) -> Outcome {
    match (&arguments.command, error) {
        (Command::Purge(arguments), ConfigError::Invalid { path, .. }) => {
            std::fs::remove_file(&path)?;
            removed(arguments, &path, ui)
        }
        (_, error) => Err(error.into()),
    }
}

fn removed(arguments: &Purge, path: &Path, ui: &Ui) -> Outcome {
    if arguments.output == Format::Text {
        ui.talk("the settings are removed")?;
    } else {
        ui.document(arguments.output, &json!({ "removed": path }))?;
    }
    Ok(Exit::Succeeded)
}

fn set(arguments: Set, app: &mut App) -> Outcome {
    let host_changes = arguments
        .host
        .as_deref()
        .is_some_and(|host| host != app.config.host());
    let drops_token = host_changes && !arguments.no_purge;
    let non_empty = |value: String| Some(value).filter(|value| !value.is_empty());
    app.config.update(|settings| {
        for (key, value) in [
            (Key::Host, arguments.host),
            (Key::Owner, arguments.owner),
            (Key::Project, arguments.project),
        ] {
            if let Some(value) = value {
                settings.set(key, non_empty(value));
            }
        }
        if drops_token {
            settings.set(Key::Token, None);
        }
    })?;
    if arguments.output == Format::Text {
        app.ui.talk(format_args!(
            "the settings are in `{}`",
            app.config.path().display()
        ))?;
    } else {
        app.ui
            .document(arguments.output, &values(&app.config, &Key::ALL))?;
    }
    if drops_token {
        app.ui.talk(
            "the token of the former host is removed; log in with `polyaxon login --token TOKEN`",
        )?;
    }
    Ok(Exit::Succeeded)
}

fn get(arguments: &Get, app: &App) -> Outcome {
    let mut keys = Vec::new();
    for name in &arguments.keys {
        keys.push(Key::parse(name).ok_or_else(|| {
            let known: Vec<&str> = Key::ALL.into_iter().map(Key::name).collect();
            CommandError::NotFound(format!(
                "no setting is named `{name}`; there are {}",
                known.join(", ")
            ))
        })?);
    }
    if arguments.output == Format::Text {
        for key in keys {
            app.ui.data(shown(&app.config, key).unwrap_or_default())?;
        }
    } else {
        app.ui
            .document(arguments.output, &values(&app.config, &keys))?;
    }
    Ok(Exit::Succeeded)
}

fn show(arguments: &Show, app: &App) -> Outcome {
    if arguments.output != Format::Text {
        app.ui
            .document(arguments.output, &values(&app.config, &Key::ALL))?;
        return Ok(Exit::Succeeded);
    }
    let mut table = Table::new(&["SETTING", "VALUE", "FROM"]);
    table.push([
        "home".to_owned(),
        app.config.home().display().to_string(),
        match app.config.environment().get("POLYAXON_HOME") {
            Some(_) => "environment".to_owned(),
            None => "default".to_owned(),
        },
    ]);
    for key in Key::ALL {
        let origin = match app.config.value(key) {
            Some(_) if app.config.environment().is_of_folder(key.variable()) => "folder",
            Some((_, origin)) => origin.name(),
            None => "-",
        };
        table.push([
            key.name().to_owned(),
            shown(&app.config, key).unwrap_or_else(|| "-".to_owned()),
            origin.to_owned(),
        ]);
    }
    app.ui.table(&table)?;
    Ok(Exit::Succeeded)
}

/// Settings as a document, the token masked.
pub(super) fn values(config: &Config, keys: &[Key]) -> serde_json::Map<String, serde_json::Value> {
    keys.iter()
        .map(|key| (key.name().to_owned(), shown(config, *key).into()))
        .collect()
}

fn shown(config: &Config, key: Key) -> Option<String> {
    let (value, _) = config.value(key)?;
    Some(match key {
        Key::Token => masked(value),
        Key::Host | Key::Owner | Key::Project => value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    #[test]
    fn a_token_is_never_shown_whole() {
        let home = tempfile::tempdir().unwrap();
        let config = Config::load(Environment::of([
            ("POLYAXON_HOME", home.path().to_str().unwrap()),
            ("POLYAXON_AUTH_TOKEN", "plx_0123456789abcdefghijklmnop"),
        ]))
        .unwrap();
        let text = serde_json::to_string(&values(&config, &Key::ALL)).unwrap();
        assert!(
            text.contains("plx_0123…") && !text.contains("6789"),
            "{text}"
        );
    }
}
