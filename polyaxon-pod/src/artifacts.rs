//! The steps `artifacts` and `fswatch`: the folders that a run finds when it begins.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::cli::{ArtifactsArgs, FswatchArgs};
use crate::copy::{self, CopyError};
use crate::ui;

/// Main may run as any user and has to write here.
const FOLDER_MODE: u32 = 0o777;

/// Why the folders are not there.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error("could not create `{path}`: {source}; check that the volume is mounted", path = path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("could not read `{path}`: {source}; check that the volume is mounted", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Copy(#[from] CopyError),
}

pub(crate) fn run(arguments: &ArtifactsArgs) -> Result<(), StepError> {
    create(&arguments.path)?;
    create(&arguments.path.join("outputs"))?;
    let earlier = arguments.from.as_deref().filter(|from| from.is_dir());
    if let Some(from) = earlier {
        let copied = copy::folder(from, &arguments.path)?;
        ui::note(&format!("resumed with {} files of the store", copied.files));
    }
    Ok(())
}

/// The sidecar compares with the store itself, so there is no state to keep: this only makes sure
/// that what a run resumes with can be read.
pub(crate) fn watch(arguments: &FswatchArgs) -> Result<(), StepError> {
    let path = &arguments.path;
    let entries = std::fs::read_dir(path).map_err(|source| StepError::Read {
        path: path.clone(),
        source,
    })?;
    ui::note(&format!("resumed with {} entries", entries.count()));
    Ok(())
}

fn create(path: &Path) -> Result<(), StepError> {
    let failed = |source| StepError::Create {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(path).map_err(failed)?;
    let mode = std::fs::Permissions::from_mode(FOLDER_MODE);
    std::fs::set_permissions(path, mode).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_open_for_all_and_an_earlier_attempt_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let store = root.path().join("store/run");
        std::fs::create_dir_all(&store).unwrap();
        std::fs::write(store.join("model.bin"), "weights").unwrap();
        let path = root.path().join("artifacts/run");
        let arguments = ArtifactsArgs {
            path: path.clone(),
            from: Some(store),
        };
        run(&arguments).unwrap();
        for folder in [&path, &path.join("outputs")] {
            let mode = folder.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, FOLDER_MODE);
        }
        assert_eq!(
            std::fs::read_to_string(path.join("model.bin")).unwrap(),
            "weights"
        );
    }

    #[test]
    fn a_store_without_the_run_is_no_error() {
        let root = tempfile::tempdir().unwrap();
        let arguments = ArtifactsArgs {
            path: root.path().join("run"),
            from: Some(root.path().join("nothing")),
        };
        run(&arguments).unwrap();
        assert!(root.path().join("run/outputs").is_dir());
    }

    #[test]
    fn watching_a_missing_folder_fails() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("nothing");
        let error = watch(&FswatchArgs { path }).unwrap_err();
        assert!(error.to_string().contains("could not read"), "{error}");
    }
}
