use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::app::{App, connected};
use crate::commands::project;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::folder::{Binding, GitBinding};
use crate::submission::files;
use crate::ui::Format;
use crate::view::name::{Named, parse_name};

const POLYAXONFILE: &str = include_str!("polyaxonfile.yaml");
const IGNORE: &str = include_str!("polyaxonignore");

/// Bind this folder to a project, and write files to start from
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon init -p images                      commands in this folder mean the project `images`
  polyaxon init -p acme/images --polyaxonfile  and a commented polyaxonfile.yaml
  polyaxon init -p images --git-url https://example.org/team/images.git
                                               and `polyaxon run --git-preset` clones it into the run

The binding is in `.polyaxon/project.yaml`. `-p` and the variable POLYAXON_PROJECT overrule it, and it
overrules the settings. Files that exist are kept.")]
pub(crate) struct Arguments {
    /// Project, `NAME` or `OWNER/NAME`
    #[arg(short, long, value_parser = parse_name, required_unless_present_any = ["polyaxonfile", "polyaxonignore"])]
    project: Option<Named>,
    /// Address of the repository that the folder's files come from, for `--git-preset`
    #[arg(long, value_name = "URL", requires = "project")]
    git_url: Option<String>,
    /// Git connection of the agent that reaches the repository, for `--git-preset`
    #[arg(long, value_name = "CONNECTION", requires = "project")]
    git_connection: Option<String>,
    /// Write a commented polyaxonfile.yaml and a .polyaxonignore
    #[arg(long)]
    polyaxonfile: bool,
    /// Write a .polyaxonignore
    #[arg(long)]
    polyaxonignore: bool,
    /// Bind the folder anew without asking
    #[arg(short, long)]
    yes: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Arguments {
    fn git(&self) -> Option<GitBinding> {
        (self.git_url.is_some() || self.git_connection.is_some()).then(|| GitBinding {
            url: self.git_url.clone(),
            connection: self.git_connection.clone(),
        })
    }
}

pub(crate) fn run(arguments: &Arguments, app: &App) -> Outcome {
    let folder = Path::new("");
    let mut written: Vec<PathBuf> = Vec::new();
    if let Some(named) = &arguments.project {
        let binding = Binding {
            owner: named.owner.clone(),
            project: named.name.clone(),
            git: arguments.git(),
        };
        written.extend(bind(binding, folder, arguments.yes, app)?);
    }
    if arguments.polyaxonfile {
        // A second file would not be the one that runs.
        let path =
            files::default_file_of(folder).unwrap_or_else(|| folder.join("polyaxonfile.yaml"));
        written.extend(write_new(path, POLYAXONFILE, app)?);
    }
    if arguments.polyaxonfile || arguments.polyaxonignore {
        written.extend(write_new(folder.join(".polyaxonignore"), IGNORE, app)?);
    }
    if arguments.output == Format::Text {
        for path in &written {
            app.ui
                .talk(format_args!("`{}` is written", path.display()))?;
        }
    } else {
        let binding = Binding::read(folder)?;
        let document = json!({
            "owner": binding.as_ref().and_then(|binding| binding.owner.as_deref()),
            "project": binding.as_ref().map(|binding| &binding.project),
            "git": binding.as_ref().and_then(|binding| binding.git.as_ref()),
            "written": written,
        });
        app.ui.document(arguments.output, &document)?;
    }
    Ok(Exit::Succeeded)
}

/// Binds the folder; the answer is the file if it has changed.
fn bind(
    mut binding: Binding,
    folder: &Path,
    is_sure: bool,
    app: &App,
) -> Result<Option<PathBuf>, CommandError> {
    let before = Binding::read(folder)?;
    if let Some(before) = &before
        && before.full_name() == binding.full_name()
        && binding.git.is_none()
    {
        binding.git.clone_from(&before.git);
    }
    match before {
        Some(before) if before == binding => return Ok(None),
        Some(before) if !is_sure && before.full_name() != binding.full_name() => {
            let question = format!(
                "this folder is bound to the project `{}`; bind it to `{}`?",
                before.full_name(),
                binding.full_name()
            );
            match app.ui.confirm(&question)? {
                Some(true) => {}
                Some(false) => return Err(CommandError::Interrupted),
                None => {
                    return Err(CommandError::Usage(format!(
                        "this folder is bound to the project `{}`; pass `-y` to bind it to `{}`",
                        before.full_name(),
                        binding.full_name()
                    )));
                }
            }
        }
        _ => {}
    }
    if app.config.asks_hub() {
        must_exist(&binding, app)?;
    }
    Ok(Some(binding.write(folder)?))
}

/// Asks the hub for the project. One that does not answer is no reason not to bind.
fn must_exist(binding: &Binding, app: &App) -> Result<(), CommandError> {
    let owner = binding.owner.clone().unwrap_or_else(|| app.config.owner());
    let mut found = None;
    connected(async {
        let hub = app.hub()?;
        match project::of_owner(&owner, &hub).await {
            Ok(projects) => {
                found = Some(
                    projects
                        .iter()
                        .any(|project| project.name == binding.project),
                );
            }
            Err(error) if error.is_passing() => {
                app.ui.warn(format_args!(
                    "{error}; whether the project exists was not checked"
                ))?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Exit::Succeeded)
    })?;
    if found == Some(false) {
        let name = binding.full_name();
        return Err(CommandError::NotFound(format!(
            "there is no project `{name}`; create it with `polyaxon project create {name}`"
        )));
    }
    Ok(())
}

/// Writes a file unless it exists.
fn write_new(path: PathBuf, text: &str, app: &App) -> Result<Option<PathBuf>, CommandError> {
    let failed = |error: &std::io::Error| {
        CommandError::System(format!("cannot write `{}`: {error}", path.display()))
    };
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes())
                .map_err(|error| failed(&error))?;
            Ok(Some(path))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            app.ui
                .warn(format_args!("`{}` exists and is kept", path.display()))?;
            Ok(None)
        }
        Err(error) => Err(failed(&error)),
    }
}
