use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::app::App;
use crate::client::check_address;
use crate::config::{Config, ConfigError, Key, Origin, masked, remove};
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::folder::Binding;
use crate::ui::{Format, Table, Ui};

/// Read and change the settings of this command line
#[derive(Args)]
#[command(
    after_help = "Settings stand in `config.yaml` under `~/.polyaxon` (or `POLYAXON_HOME`). The variables
POLYAXON_HOST, POLYAXON_AUTH_TOKEN, POLYAXON_OWNER, POLYAXON_PROJECT, POLYAXON_NO_API and
POLYAXON_DEBUG override them."
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
  polyaxon config set --project \"\"            back to the hub's default project
  polyaxon config set --no-api true           work with files alone
  polyaxon config set --home /data/polyaxon   settings of their own; `--home \"\"` goes back"
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
    /// Never ask the hub: `check` and `compile` work as with `--offline`, other commands refuse
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new())]
    no_api: Option<bool>,
    /// Only `true`: certificates are always verified. An authority of your own: `SSL_CERT_FILE`
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new())]
    verify_ssl: Option<bool>,
    /// Print what happens inside, as `-v` of every command
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new())]
    debug: Option<bool>,
    /// Folder of the settings from now on; `POLYAXON_HOME` overrides it
    #[arg(long, value_name = "FOLDER")]
    home: Option<String>,
    /// Accepted and without effect: errors are reported to nobody
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new())]
    disable_errors_reporting: Option<bool>,
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
    /// Names: home, host, token, owner, project, no-api, verify-ssl, debug
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

/// Remove all settings, the token included, and what is remembered of this folder
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon config purge
  polyaxon config purge --cache-only           the last run and the project of this folder alone")]
struct Purge {
    /// Keep the settings: forget the last run and the project that this folder is bound to
    #[arg(long)]
    cache_only: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: Arguments, app: &mut App) -> Outcome {
    match arguments.command {
        Command::Set(arguments) => set(arguments, app),
        Command::Get(arguments) => get(&arguments, app),
        Command::Show(arguments) => show(&arguments, app),
        Command::Purge(arguments) => purge(&arguments, app),
    }
}

/// Removes settings that cannot be read; everything else needs settings that can.
pub(crate) fn run_broken(arguments: &Arguments, ui: &Ui, error: ConfigError) -> Outcome {
    match (&arguments.command, error) {
        (Command::Purge(arguments), ConfigError::Invalid { path, .. }) => {
            let found = remove(path)?.into_iter().collect();
            removed(arguments, found, ui)
        }
        (_, error) => Err(error.into()),
    }
}

fn purge(arguments: &Purge, app: &mut App) -> Outcome {
    let settings = if arguments.cache_only {
        None
    } else {
        app.config.purge()?
    };
    let run = app.config.forget_run()?;
    let binding = remove(Binding::path(Path::new("")))?;
    let found = [settings, run, binding].into_iter().flatten().collect();
    removed(arguments, found, &app.ui)
}

fn removed(arguments: &Purge, files: Vec<PathBuf>, ui: &Ui) -> Outcome {
    if arguments.output != Format::Text {
        ui.document(arguments.output, &json!({ "removed": files }))?;
    } else if files.is_empty() {
        ui.talk("there is nothing to remove")?;
    } else {
        for file in files {
            ui.talk(format_args!("`{}` is removed", file.display()))?;
        }
    }
    Ok(Exit::Succeeded)
}

fn set(arguments: Set, app: &mut App) -> Outcome {
    let non_empty = |value: String| Some(value).filter(|value| !value.is_empty());
    if let Some(host) = arguments.host.as_deref().filter(|host| !host.is_empty()) {
        check_address(host)?;
    }
    explain_verification(&arguments, app)?;
    if arguments.disable_errors_reporting.is_some() {
        app.ui
            .talk("errors are reported to nobody, whatever `--disable-errors-reporting` says")?;
    }
    let former_home = app.config.home().to_owned();
    if let Some(home) = arguments.home {
        app.config.move_home(folder(&home, &app.config)?)?;
        if app.config.value(Key::Home).map(|(_, origin)| origin) == Some(Origin::Environment) {
            app.ui.warn(format_args!(
                "`POLYAXON_HOME` is set, so that the settings are in `{}` as long as it is",
                app.config.home().display()
            ))?;
        } else if app.config.home() != former_home {
            app.ui.talk(format_args!(
                "the settings in `{}` stay there and are not read",
                former_home.display()
            ))?;
        }
    }
    let host_changes = arguments
        .host
        .as_deref()
        .is_some_and(|host| host != app.config.host());
    let has_token = app
        .config
        .value(Key::Token)
        .is_some_and(|(_, origin)| origin == Origin::File);
    let drops_token = host_changes && has_token && !arguments.no_purge;
    let word = |value: Option<bool>| value.map(|value| value.to_string());
    let changes: Vec<(Key, String)> = [
        (Key::Host, arguments.host),
        (Key::Owner, arguments.owner),
        (Key::Project, arguments.project),
        (Key::NoApi, word(arguments.no_api)),
        (Key::Debug, word(arguments.debug)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect();
    if !changes.is_empty() {
        app.config.update(|settings| {
            for (key, value) in changes {
                settings.set(key, non_empty(value));
            }
            if drops_token {
                settings.set(Key::Token, None);
            }
        })?;
    }
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

/// `--verify-ssl false` is harmless where there is nothing to verify, and refused where somebody would rely on it.
fn explain_verification(arguments: &Set, app: &App) -> Result<(), CommandError> {
    if arguments.verify_ssl != Some(false) {
        return Ok(());
    }
    let host = arguments.host.as_deref().unwrap_or(app.config.host());
    if host.starts_with("https://") {
        return Err(CommandError::Usage(format!(
            "the certificate of `{host}` is always verified: leave `--verify-ssl` out, and name an authority of your own with `SSL_CERT_FILE=FILE`"
        )));
    }
    app.ui.talk(format_args!(
        "`{host}` has no certificate, so that `--verify-ssl false` changes nothing; those of `https://` are always verified"
    ))?;
    Ok(())
}

/// The folder that `--home` names, as an absolute path; nothing is the user's own home. Shells leave `~` after `=` alone.
fn folder(text: &str, config: &Config) -> Result<Option<PathBuf>, CommandError> {
    if text.is_empty() {
        return Ok(None);
    }
    let user = config.environment().get("HOME").map(Path::new);
    let path = match (text.strip_prefix("~/"), user) {
        (Some(rest), Some(user)) => user.join(rest),
        _ => PathBuf::from(text),
    };
    std::path::absolute(&path)
        .map(Some)
        .map_err(|error| CommandError::Usage(format!("`{text}` is not a folder: {error}")))
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
pub(super) fn values(config: &Config, keys: &[Key]) -> serde_json::Map<String, Value> {
    keys.iter()
        .map(|key| {
            let value = if key.is_switch() {
                config.is_on(*key).into()
            } else {
                shown(config, *key).into()
            };
            (key.name().to_owned(), value)
        })
        .collect()
}

fn shown(config: &Config, key: Key) -> Option<String> {
    let (value, _) = config.value(key)?;
    Some(match key {
        Key::Token => masked(value),
        key if key.is_switch() => config.is_on(key).to_string(),
        _ => value.to_owned(),
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
