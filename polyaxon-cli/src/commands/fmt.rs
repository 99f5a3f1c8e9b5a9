use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use polyaxon_spec::format;
use serde_json::{Map, Value};

use crate::commands::check::collect;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::submission::files;
use crate::ui::{Format, Ui};

/// Lay out Polyaxonfiles in one way: order of fields, indentation, blank lines
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon fmt                         the Polyaxonfile of this folder
  polyaxon fmt builds/ train.yaml      of a folder every Polyaxonfile
  polyaxon fmt --check builds/         for continuous integration: exit status 1 if a file would change
  polyaxon fmt --check --diff builds/  and what would change
  polyaxon fmt - < build.yaml          standard input to standard output

Values, quotes and comments stay as they are written; names that you chose keep their order. A file
that cannot be laid out without a change of what it means is left alone, with the reason. Names of
changed files are printed. Exit statuses: 0 done, 1 a file would change, 2 a file is not valid.")]
pub(crate) struct Arguments {
    /// Files, folders, or `-` for standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing; name the files that would change
    #[arg(long)]
    check: bool,
    /// Show what would change
    #[arg(long, requires = "check")]
    diff: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(crate) fn run(arguments: &Arguments, ui: &Ui) -> Outcome {
    let paths = if arguments.paths.is_empty() {
        vec![files::default_file()?]
    } else {
        collect::collect(&arguments.paths)?
    };
    let mut documents = Vec::new();
    let mut exit = Exit::Succeeded;
    for path in &paths {
        let document = match file(path, arguments, ui) {
            Ok(found) => {
                if arguments.check && found.is_changed() && exit == Exit::Succeeded {
                    exit = Exit::Failed;
                }
                found.to_json(path, arguments)
            }
            Err(error @ CommandError::Output(_)) => return Err(error),
            Err(error) => {
                if arguments.output == Format::Text {
                    error.show(ui)?;
                }
                exit = error.exit();
                failure(path, &error)
            }
        };
        documents.push(document);
    }
    if arguments.output != Format::Text {
        ui.document(arguments.output, &documents)?;
    }
    Ok(exit)
}

/// A file before and after.
struct Formatted {
    before: String,
    after: String,
}

impl Formatted {
    fn is_changed(&self) -> bool {
        self.before != self.after
    }

    fn diff(&self, name: &str) -> String {
        similar::TextDiff::from_lines(&self.before, &self.after)
            .unified_diff()
            .header(name, name)
            .to_string()
    }

    fn to_json(&self, path: &Path, arguments: &Arguments) -> Value {
        let mut fields = Map::new();
        fields.insert("file".into(), path.display().to_string().into());
        fields.insert("changed".into(), self.is_changed().into());
        if is_standard_input(path) && !arguments.check {
            fields.insert("text".into(), self.after.as_str().into());
        }
        if arguments.diff {
            fields.insert("diff".into(), self.diff(&path.display().to_string()).into());
        }
        fields.into()
    }
}

/// Formats one file and says so to people.
fn file(path: &Path, arguments: &Arguments, ui: &Ui) -> Result<Formatted, CommandError> {
    let source = files::read(path)?;
    let after = format::format(&source)?;
    let found = Formatted {
        before: source.text().to_owned(),
        after,
    };
    let is_text = arguments.output == Format::Text;
    if is_standard_input(path) && !arguments.check {
        if is_text {
            ui.data_bytes(found.after.as_bytes())?;
        }
        return Ok(found);
    }
    if found.is_changed() {
        if !arguments.check {
            replace(path, &found.after).map_err(|error| {
                CommandError::System(format!("cannot write `{}`: {error}", path.display()))
            })?;
        }
        if is_text && arguments.diff {
            ui.data_bytes(found.diff(source.name()).as_bytes())?;
        } else if is_text {
            ui.data(source.name())?;
        }
    }
    Ok(found)
}

fn failure(path: &Path, error: &CommandError) -> Value {
    let mut fields = Map::new();
    fields.insert("file".into(), path.display().to_string().into());
    fields.insert("changed".into(), false.into());
    match error.to_json() {
        Some(findings) => fields.insert("diagnostics".into(), findings.into()),
        None => fields.insert("error".into(), error.to_string().into()),
    };
    fields.into()
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Replaces the text of a file at once, so that nobody reads half of it; its mode stays, and so does a link to it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path)?;
    let permissions = std::fs::metadata(&target)?.permissions();
    if permissions.readonly() {
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".fmt-{}", std::process::id()));
    let temporary = target.with_file_name(name);
    let written = (|| {
        let mut file = std::fs::File::create_new(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(permissions)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &target)
    })();
    if written.is_err() {
        // What failed is told; a file that is left behind is the lesser trouble.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
