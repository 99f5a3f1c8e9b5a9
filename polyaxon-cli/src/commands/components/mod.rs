//! Versioned components of the hub.

mod get;
mod ls;
mod register;

use clap::{Args, Subcommand};

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::view::component::{TypedRef, parse_ref};

/// List, read and register versioned components (`hub` is the same command)
#[derive(Args)]
pub(crate) struct Arguments {
    /// The component, `[OWNER/]NAME[:VERSION]`
    #[arg(short, long, visible_short_alias = 'c', visible_alias = "component", alias = "project", global = true, value_name = "NAME", value_parser = parse_ref)]
    path: Option<TypedRef>,
    /// The version (also `-ver`); without it `latest`
    #[arg(long = "version", global = true, value_name = "VERSION")]
    version: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    #[command(alias = "list")]
    Ls(ls::Arguments),
    Get(get::Arguments),
    Register(register::Arguments),
}

pub(crate) async fn run(arguments: Arguments, app: &App) -> Outcome {
    let Arguments {
        path,
        version,
        command,
    } = arguments;
    match command {
        Command::Ls(arguments) => ls::run(arguments, path, app).await,
        Command::Get(arguments) => {
            let target = target(arguments.positional().or(path), version)?;
            get::run(&arguments, target, app).await
        }
        Command::Register(arguments) => register::run(arguments, target(path, version)?, app).await,
    }
}

/// What `-p`, `-ver` or an argument name together. `-ver OWNER/NAME:VERSION` names all by itself.
fn target(path: Option<TypedRef>, version: Option<String>) -> Result<TypedRef, CommandError> {
    let usage = |text: &str| CommandError::Usage(text.to_owned());
    let Some(version) = version else {
        return path.ok_or_else(|| usage("no component is named; pass `-p OWNER/NAME`"));
    };
    if version.contains(['/', ':']) {
        return parse_ref(&version).map_err(CommandError::Usage);
    }
    let mut target = path.ok_or_else(|| {
        usage("no component is named; pass `-p OWNER/NAME` beside `-ver VERSION`")
    })?;
    if target.names_version && target.hub_ref.version != version {
        return Err(CommandError::Usage(format!(
            "two versions are named, `{}` and `{version}`; leave one out",
            target.hub_ref.version
        )));
    }
    target.hub_ref.version = version;
    target.names_version = true;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Some("acme/kaniko"), Some("1.0"), Some("acme/kaniko:1.0"))]
    #[case(Some("acme/kaniko"), None, Some("acme/kaniko:latest"))]
    #[case(Some("acme/kaniko:1.0"), Some("1.0"), Some("acme/kaniko:1.0"))]
    #[case(Some("acme/kaniko:1.0"), Some("2.0"), None)]
    #[case(None, Some("acme/kaniko:2.0"), Some("acme/kaniko:2.0"))]
    #[case(None, Some("2.0"), None)]
    #[case(None, None, None)]
    fn targets(
        #[case] path: Option<&str>,
        #[case] version: Option<&str>,
        #[case] expected: Option<&str>,
    ) {
        let path = path.map(|path| parse_ref(path).unwrap());
        let target = target(path, version.map(ToOwned::to_owned)).ok();
        let shown = target.map(|target| {
            let hub_ref = target.hub_ref;
            format!("{}/{}:{}", hub_ref.owner, hub_ref.name, hub_ref.version)
        });
        assert_eq!(shown.as_deref(), expected);
    }
}
