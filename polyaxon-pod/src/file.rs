//! The step `file`: writes a file with a given content, name and mode.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::cli::FileArgs;
use crate::environment::Environment;
use crate::files::{self, FilesError};
use crate::lineage::{self, Kind};
use crate::mode::{self, ModeError};
use crate::ui;

const DEFAULT_NAME: &str = "file";

/// The fields of a file initializer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileContext {
    content: String,
    #[serde(default)]
    filename: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    chmod: Option<String>,
}

/// Why there is no file.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error("received a non valid file context: {0}; check the `file` of `init`")]
    Json(#[from] serde_json::Error),
    #[error("field `chmod`: {0}")]
    Mode(#[from] ModeError),
    #[error("could not set the mode of `{path}`: {source}; check the volume of the pod", path = path.display())]
    Chmod {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Files(#[from] FilesError),
}

pub(crate) fn run(arguments: &FileArgs, environment: &Environment) -> Result<(), StepError> {
    let context: FileContext = serde_json::from_str(&arguments.file_context)?;
    let name = context.filename.as_deref().filter(|name| !name.is_empty());
    let name = name.unwrap_or(DEFAULT_NAME);
    let path = write(&arguments.filepath, name, &context)?;
    if let Some(folder) = &arguments.copy_path {
        write(folder, name, &context)?;
    }
    if arguments.track {
        let summary = serde_json::json!({ "path": path, "kind": context.kind });
        lineage::record(environment, Kind::File, name, Some(&path), summary)?;
    }
    ui::result(&format!("File was generated, path: `{}`", path.display()));
    Ok(())
}

fn write(folder: &Path, name: &str, context: &FileContext) -> Result<PathBuf, StepError> {
    let path = files::write(folder, name, context.content.as_bytes())?;
    if let Some(change) = &context.chmod {
        let failed = |source| StepError::Chmod {
            path: path.clone(),
            source,
        };
        let before = std::fs::metadata(&path).map_err(failed)?.permissions();
        let after = mode::apply(change, before.mode() & 0o7777)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(after)).map_err(failed)?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(folder: &Path, context: &str) -> FileArgs {
        FileArgs {
            file_context: context.to_owned(),
            filepath: folder.join("context"),
            copy_path: Some(folder.join("run/outputs")),
            track: true,
        }
    }

    #[test]
    fn content_name_and_mode_are_set_on_both_copies() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let variables = [("POLYAXON_RUN_INSTANCE", "a.b.runs.run")];
        let environment = Environment::new(&variables, folder.path());
        let context = r##"{"content":"#!/bin/sh\n","filename":"build.sh","chmod":"+x"}"##;
        run(&arguments(folder.path(), context), &environment).unwrap();
        for name in ["context/build.sh", "run/outputs/build.sh"] {
            let path = folder.path().join(name);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\n");
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o111, 0o111);
        }
        let record = std::fs::read(folder.path().join("run/lineage/file-build.sh.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["kind"], "file");
        assert_eq!(record["name"], "build.sh");
    }

    #[test]
    fn the_default_name_is_file() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::new(&[], folder.path());
        run(
            &arguments(folder.path(), r#"{"content":"a"}"#),
            &environment,
        )
        .unwrap();
        assert!(folder.path().join("context/file").is_file());
    }

    #[test]
    fn a_context_without_content_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::new(&[], folder.path());
        let error = run(&arguments(folder.path(), "{}"), &environment).unwrap_err();
        assert!(error.to_string().contains("content"), "{error}");
    }
}
