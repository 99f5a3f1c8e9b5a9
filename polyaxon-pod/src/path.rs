//! The step `path`: copies a file or a folder from a mounted store.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::cli::PathArgs;
use crate::copy::{self, CopyError};
use crate::ui;

/// Why nothing was copied.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error(
        "connection `{name}` has the kind `{kind}`, which is not mounted into the pod; use a `volume_claim` or `host_path` connection"
    )]
    Kind { name: String, kind: String },
    #[error("connection `{name}` has no `{path}`: {source}; check the path", path = path.display())]
    Missing {
        name: String,
        path: PathBuf,
        source: io::Error,
    },
    #[error("`{path}` is no file; leave out `--is-file`", path = path.display())]
    NotAFile { path: PathBuf },
    #[error("`{path}` is neither a file nor a folder; only these can be copied", path = path.display())]
    Special { path: PathBuf },
    #[error("could not write `{path}`: {source}; check that the volume is mounted and has room", path = path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Copy(#[from] CopyError),
}

pub(crate) fn run(arguments: &PathArgs) -> Result<(), StepError> {
    let name = arguments.connection_name.as_deref().unwrap_or("store");
    if let Some(kind) = arguments.connection_kind.as_deref()
        && !["volume_claim", "host_path"].contains(&kind)
    {
        return Err(StepError::Kind {
            name: name.to_owned(),
            kind: kind.to_owned(),
        });
    }
    let (from, to) = (&arguments.path_from, &arguments.path_to);
    let metadata = std::fs::metadata(from).map_err(|source| StepError::Missing {
        name: name.to_owned(),
        path: from.clone(),
        source,
    })?;
    let path = from.clone();
    if metadata.is_file() {
        copy_file(from, to)
    } else if arguments.is_file {
        Err(StepError::NotAFile { path })
    } else if metadata.is_dir() {
        let copied = copy::folder(from, to)?;
        ui::note(&format!("copied {} files of `{name}`", copied.files));
        Ok(())
    } else {
        Err(StepError::Special { path })
    }
}

fn copy_file(from: &Path, to: &Path) -> Result<(), StepError> {
    let failed = |source| StepError::Write {
        path: to.to_owned(),
        source,
    };
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::copy(from, to).map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn arguments(from: PathBuf, to: PathBuf) -> PathArgs {
        PathArgs {
            connection_name: Some("data".to_owned()),
            connection_kind: Some("host_path".to_owned()),
            path_from: from,
            path_to: to,
            is_file: false,
            sync_fw: false,
            check_path: true,
        }
    }

    #[test]
    fn files_and_folders_are_copied() {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("store/a");
        std::fs::create_dir_all(&store).unwrap();
        std::fs::write(store.join("b"), "x").unwrap();
        let to = root.path().join("to");
        run(&arguments(store.clone(), to.join("folder"))).unwrap();
        run(&arguments(store.join("b"), to.join("new/file"))).unwrap();
        assert_eq!(std::fs::read(to.join("folder/b")).unwrap(), b"x");
        assert_eq!(std::fs::read(to.join("new/file")).unwrap(), b"x");
    }

    #[rstest]
    #[case("s3", false, "which is not mounted")]
    #[case("volume_claim", false, "has no")]
    fn what_cannot_be_copied_says_why(
        #[case] kind: &str,
        #[case] is_file: bool,
        #[case] reason: &str,
    ) {
        let root = tempfile::tempdir().unwrap();
        let mut arguments = arguments(root.path().join("nothing"), root.path().join("to"));
        arguments.connection_kind = Some(kind.to_owned());
        arguments.is_file = is_file;
        let error = run(&arguments).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }

    #[test]
    fn a_folder_is_no_file() {
        let root = tempfile::tempdir().unwrap();
        let mut arguments = arguments(root.path().to_owned(), root.path().join("to"));
        arguments.is_file = true;
        let error = run(&arguments).unwrap_err();
        assert!(matches!(error, StepError::NotAFile { .. }), "{error}");
    }
}
