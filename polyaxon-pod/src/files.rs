//! Writing the files of init steps.

use std::io;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

/// Why a file could not be written.
#[derive(Debug, Error)]
pub(crate) enum FilesError {
    #[error(
        "the file name `{0}` leaves its folder: give a name without `..` that does not begin with `/`"
    )]
    Name(String),
    #[error(
        "could not write `{path}`: {source}; check that the volume is mounted and has room", path = path.display()
    )]
    Write { path: PathBuf, source: io::Error },
}

/// Writes `content` to the file `name` (which may have folders in it) under `folder`.
pub(crate) fn write(folder: &Path, name: &str, content: &[u8]) -> Result<PathBuf, FilesError> {
    let relative = Path::new(name);
    let stays = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !stays || relative.file_name().is_none() || name.ends_with('/') {
        return Err(FilesError::Name(name.to_owned()));
    }
    let path = folder.join(relative);
    let failed = |source| FilesError::Write {
        path: path.clone(),
        source,
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    std::fs::write(&path, content).map_err(failed)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("../a")]
    #[case("/etc/passwd")]
    #[case("a/../../b")]
    #[case("a/")]
    #[case(".")]
    #[case("")]
    fn a_name_stays_in_its_folder(#[case] name: &str) {
        let folder = tempfile::tempdir().unwrap();
        let error = write(folder.path(), name, b"x").unwrap_err();
        assert!(error.to_string().contains("leaves its folder"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn folders_are_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = write(&folder.path().join("new"), "sub/Dockerfile", b"FROM a\n").unwrap();
        assert_eq!(path, folder.path().join("new/sub/Dockerfile"));
        assert_eq!(std::fs::read(path).unwrap(), b"FROM a\n");
    }
}
