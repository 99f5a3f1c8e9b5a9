//! Prints the Dockerfile of a build, for the agent: it reads the log of the sidecar and cannot look
//! into the volumes of a pod.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use polyaxon_spec::k8s::{MAX_DOCKERFILE, hand_over};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};

use crate::cli::HandOverArgs;
use crate::ui;

/// Whether the file was there. One that cannot be read, or is too large, is left out without a word: main says better
/// what is wrong with it.
pub(crate) fn run(arguments: &HandOverArgs) -> bool {
    let (Some(path), Some(folder), Some(here)) = (
        &arguments.dockerfile,
        &arguments.main_folder,
        &arguments.main_folder_at,
    ) else {
        return true;
    };
    let Ok(relative) = Path::new(path).strip_prefix(folder) else {
        return true;
    };
    let Ok(bytes) = read(here, relative) else {
        return false;
    };
    if bytes.len() <= MAX_DOCKERFILE {
        ui::note(&hand_over(path, &String::from_utf8_lossy(&bytes)));
    }
    true
}

/// Up to one byte more than may be handed over. A link that leads out of the folder is not followed: it could lead to
/// the credentials of the registry.
fn read(folder: &Path, relative: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(folder, flags, Mode::empty())?;
    // Without NONBLOCK, a pipe would never answer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let file = rustix::fs::openat2(folder, relative, flags, Mode::empty(), resolve)?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_DOCKERFILE).unwrap_or(u64::MAX);
    File::from(file)
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    #[test]
    fn only_a_file_of_the_folder_is_read() {
        let root = tempfile::tempdir().unwrap();
        let inside = root.path().join("context");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::write(root.path().join("secret"), "hidden").unwrap();
        std::fs::write(inside.join("sub/Dockerfile"), "FROM a\n").unwrap();
        symlink("sub/Dockerfile", inside.join("link")).unwrap();
        symlink("../secret", inside.join("out")).unwrap();
        symlink(root.path().join("secret"), inside.join("far")).unwrap();
        symlink("..", inside.join("up")).unwrap();
        mkfifoat(CWD, inside.join("pipe"), Mode::RUSR).unwrap();
        let text = |name: &str| read(&inside, Path::new(name)).ok();
        for name in ["sub/Dockerfile", "link"] {
            assert_eq!(text(name).as_deref(), Some(&b"FROM a\n"[..]), "{name}");
        }
        for name in [
            "none",
            "sub",
            "out",
            "far",
            "up/secret",
            "../secret",
            "pipe",
        ] {
            assert_eq!(text(name), None, "{name}");
        }
    }

    #[test]
    fn no_more_is_read_than_may_be_handed_over() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("big"), vec![b'x'; 2 * MAX_DOCKERFILE]).unwrap();
        let bytes = read(root.path(), Path::new("big")).unwrap();
        assert_eq!(bytes.len(), MAX_DOCKERFILE + 1);
    }
}
