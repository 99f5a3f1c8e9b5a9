//! Copies a folder into another one, without following a link on either side.
//!
//! The source may be written by a build while it is read, and the target may be a store that
//! others share: so every step of the way goes by the descriptor of its folder, links and special
//! files are left out, and a file appears in the target only when it is complete.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;
use thiserror::Error;

/// Deeper folders are an error; the limit is far above what people nest and below what a
/// recursive walk can take.
const MAX_DEPTH: usize = 128;
/// Name of the unfinished copy in each folder of the target.
const PART: &CStr = c".polyaxon-part";

/// What a copy did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    /// Files that were new or changed.
    pub(crate) files: u64,
    /// Their size in bytes.
    pub(crate) bytes: u64,
    /// Links and special files that were left out, relative to the source.
    pub(crate) left_out: Vec<PathBuf>,
}

/// Why a folder could not be copied.
#[derive(Debug, Error)]
pub(crate) enum CopyError {
    #[error(
        "could not copy `{path}`: {source}; check that both volumes are mounted and have room", path = path.display()
    )]
    Io { path: PathBuf, source: io::Error },
    #[error("`{path}` lies more than {MAX_DEPTH} folders deep; move it up", path = path.display())]
    Depth { path: PathBuf },
}

impl CopyError {
    fn at(path: &Path) -> impl FnOnce(Errno) -> Self {
        let path = path.to_owned();
        move |errno| Self::Io {
            path,
            source: errno.into(),
        }
    }
}

/// Copies what is in `from` and not, or not as new, in `to`. Nothing is deleted in `to`.
pub(crate) fn folder(from: &Path, to: &Path) -> Result<Copied, CopyError> {
    let failed = |source| CopyError::Io {
        path: to.to_owned(),
        source,
    };
    std::fs::create_dir_all(to).map_err(failed)?;
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let source = rustix::fs::open(from, flags, Mode::empty()).map_err(CopyError::at(from))?;
    let target = rustix::fs::open(to, flags, Mode::empty()).map_err(CopyError::at(to))?;
    let mut copied = Copied::default();
    walk(&source, &target, Path::new(""), 0, &mut copied)?;
    Ok(copied)
}

fn walk(
    source: &OwnedFd,
    target: &OwnedFd,
    relative: &Path,
    depth: usize,
    copied: &mut Copied,
) -> Result<(), CopyError> {
    if depth > MAX_DEPTH {
        return Err(CopyError::Depth {
            path: relative.to_owned(),
        });
    }
    let entries = Dir::read_from(source).map_err(CopyError::at(relative))?;
    for entry in entries {
        let entry = entry.map_err(CopyError::at(relative))?;
        let name = entry.file_name();
        if [c".", c"..", PART].contains(&name) {
            continue;
        }
        let path = relative.join(Path::new(&*name.to_string_lossy()));
        match copy_entry(source, target, name, &path, depth, copied) {
            // The build removed it, or put a link in its place, after the folder was read.
            Err(CopyError::Io { source, .. })
                if [Errno::NOENT, Errno::LOOP]
                    .map(io::Error::from)
                    .iter()
                    .any(|gone| gone.raw_os_error() == source.raw_os_error()) =>
            {
                copied.left_out.push(path);
            }
            done => done?,
        }
    }
    Ok(())
}

fn copy_entry(
    source: &OwnedFd,
    target: &OwnedFd,
    name: &CStr,
    path: &Path,
    depth: usize,
    copied: &mut Copied,
) -> Result<(), CopyError> {
    let stat =
        rustix::fs::statat(source, name, AtFlags::SYMLINK_NOFOLLOW).map_err(CopyError::at(path))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let mode = Mode::from_raw_mode(stat.st_mode) & Mode::from_raw_mode(0o777);
            match rustix::fs::mkdirat(target, name, mode | Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(CopyError::at(path)(errno)),
            }
            let inner_source = open(source, name, OFlags::DIRECTORY, path)?;
            let inner_target = open(target, name, OFlags::DIRECTORY, path)?;
            walk(&inner_source, &inner_target, path, depth + 1, copied)
        }
        FileType::RegularFile if is_current(target, name, &stat) => Ok(()),
        FileType::RegularFile => {
            copied.bytes += copy_file(source, target, name, path)?;
            copied.files += 1;
            Ok(())
        }
        _ => {
            copied.left_out.push(path.to_owned());
            Ok(())
        }
    }
}

fn is_current(target: &OwnedFd, name: &CStr, source: &Stat) -> bool {
    rustix::fs::statat(target, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|target| {
        FileType::from_raw_mode(target.st_mode) == FileType::RegularFile
            && target.st_size == source.st_size
            && target.st_mtime == source.st_mtime
            && target.st_mtime_nsec == source.st_mtime_nsec
    })
}

fn copy_file(
    source: &OwnedFd,
    target: &OwnedFd,
    name: &CStr,
    path: &Path,
) -> Result<u64, CopyError> {
    let failed = |source| CopyError::Io {
        path: path.to_owned(),
        source,
    };
    // Without NONBLOCK, a pipe put in the file's place would stop the walk.
    let mut reader = File::from(open(source, name, OFlags::NONBLOCK, path)?);
    let stat = rustix::fs::fstat(&reader).map_err(CopyError::at(path))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(CopyError::at(path)(Errno::NOENT));
    }
    remove_part(target);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(stat.st_mode) & Mode::from_raw_mode(0o777);
    let part = rustix::fs::openat(target, PART, flags, mode).map_err(CopyError::at(path))?;
    let mut writer = File::from(part);
    let bytes = io::copy(&mut reader, &mut writer)
        .inspect_err(|_| remove_part(target))
        .map_err(failed)?;
    let times = Timestamps {
        last_access: timespec(stat.st_mtime, stat.st_mtime_nsec),
        last_modification: timespec(stat.st_mtime, stat.st_mtime_nsec),
    };
    rustix::fs::futimens(writer.as_fd(), &times).map_err(CopyError::at(path))?;
    rustix::fs::renameat(target, PART, target, name).map_err(CopyError::at(path))?;
    Ok(bytes)
}

fn remove_part(target: &OwnedFd) {
    // Where it cannot be removed, creating it fails and says why.
    let _ = rustix::fs::unlinkat(target, PART, AtFlags::empty());
}

fn open(folder: &OwnedFd, name: &CStr, flags: OFlags, path: &Path) -> Result<OwnedFd, CopyError> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(CopyError::at(path))
}

fn timespec(seconds: i64, nanoseconds: impl TryInto<i64>) -> Timespec {
    Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds.try_into().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    struct Folders {
        _root: tempfile::TempDir,
        from: PathBuf,
        to: PathBuf,
    }

    fn folders() -> Folders {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/b/c"), "one").unwrap();
        fs::write(from.join("top"), "two").unwrap();
        Folders {
            _root: root,
            from,
            to,
        }
    }

    #[test]
    fn only_what_changed_is_copied_again() {
        let Folders { _root, from, to } = folders();
        let first = folder(&from, &to).unwrap();
        assert_eq!((first.files, first.bytes), (2, 6));
        assert_eq!(fs::read_to_string(to.join("a/b/c")).unwrap(), "one");

        assert_eq!(folder(&from, &to).unwrap(), Copied::default());

        fs::write(from.join("top"), "three").unwrap();
        let third = folder(&from, &to).unwrap();
        assert_eq!((third.files, third.bytes), (1, 5));
        assert_eq!(fs::read_to_string(to.join("top")).unwrap(), "three");
    }

    #[test]
    fn what_is_gone_from_the_source_stays_in_the_target() {
        let Folders { _root, from, to } = folders();
        folder(&from, &to).unwrap();
        fs::remove_file(from.join("top")).unwrap();
        folder(&from, &to).unwrap();
        assert!(to.join("top").is_file());
    }

    #[test]
    fn links_and_pipes_are_left_out() {
        let Folders { _root, from, to } = folders();
        symlink("/etc/passwd", from.join("file-link")).unwrap();
        symlink("/etc", from.join("folder-link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, from.join("pipe"), Mode::RWXU).unwrap();
        let mut copied = folder(&from, &to).unwrap();
        copied.left_out.sort();
        let expected = ["file-link", "folder-link", "pipe"].map(PathBuf::from);
        assert_eq!(copied.left_out, expected);
        assert_eq!(fs::read_dir(&to).unwrap().count(), 2);
    }

    #[test]
    fn a_link_in_the_target_is_not_written_through() {
        let Folders { _root, from, to } = folders();
        let outside = tempfile::tempdir().unwrap();
        fs::create_dir(&to).unwrap();
        symlink(outside.path(), to.join("a")).unwrap();
        let victim = outside.path().join("victim");
        fs::write(&victim, "kept").unwrap();
        symlink(&victim, to.join("top")).unwrap();

        let error = folder(&from, &to).unwrap_err();
        assert!(error.to_string().contains("`a`"), "{error}");
        fs::remove_file(to.join("a")).unwrap();
        folder(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
        assert_eq!(fs::read_to_string(to.join("top")).unwrap(), "two");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unfinished_copy_is_replaced() {
        let Folders { _root, from, to } = folders();
        fs::create_dir(&to).unwrap();
        fs::write(to.join(".polyaxon-part"), "rest of a killed copy").unwrap();
        folder(&from, &to).unwrap();
        assert!(!to.join(".polyaxon-part").exists());
    }

    #[test]
    fn depth_is_limited() {
        let Folders { _root, from, to } = folders();
        let deep = (0..MAX_DEPTH + 2).fold(from.clone(), |path, _| path.join("d"));
        fs::create_dir_all(deep).unwrap();
        assert!(matches!(folder(&from, &to), Err(CopyError::Depth { .. })));
    }
}
