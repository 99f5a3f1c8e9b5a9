//! The tree that a build works on: `/` in a container, a folder for images that are copied from.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{Error, mounts};

/// The folder of the executor's own files, inside the root.
pub(crate) const OWN_FOLDER: &str = "/kaniko";
/// Paths that no layer holds, besides mount points.
const IGNORED: &[&str] = &[OWN_FOLDER, "/etc/mtab", "/var/run", "/proc", "/sys", "/dev"];
/// Links that are followed before a path counts as a loop.
const LINK_LIMIT: usize = 255;

/// A tree of files. Paths of its methods are absolute inside of it.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    base: PathBuf,
    ignored: Vec<PathBuf>,
}

impl Root {
    /// A tree in a folder, without any ignored path.
    pub(crate) fn plain(base: impl Into<PathBuf>) -> Self {
        Self {
            base: base.into(),
            ignored: Vec::new(),
        }
    }

    /// The tree of the process, or a folder that stands for it; mount points, the executor's own
    /// files and some more paths are left alone.
    pub(crate) fn of_process(base: impl Into<PathBuf>, more: &[String]) -> Self {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut ignored: Vec<_> = IGNORED.iter().map(PathBuf::from).collect();
        ignored.extend(mounts::parse(&mountinfo));
        ignored.extend(more.iter().map(|path| absolute(Path::new(path))));
        Self {
            base: base.into(),
            ignored,
        }
    }

    /// Where a path of the tree is for the process.
    pub(crate) fn at(&self, path: &Path) -> PathBuf {
        self.base.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A path below the executor's own folder, for the process.
    pub(crate) fn own(&self, rest: &str) -> PathBuf {
        self.at(&Path::new(OWN_FOLDER).join(rest))
    }

    /// Whether a path is left alone.
    pub(crate) fn is_ignored(&self, path: &Path) -> bool {
        self.ignored.iter().any(|ignored| path.starts_with(ignored))
    }

    /// Whether something at or below a path is left alone.
    pub(crate) fn holds_ignored(&self, path: &Path) -> bool {
        self.ignored.iter().any(|ignored| ignored.starts_with(path))
    }

    /// The path without symbolic links among its folders and, with `follow`, at its end. Links
    /// never lead out of the tree.
    pub(crate) fn resolve(&self, path: &Path, follow: bool) -> Result<PathBuf, Error> {
        let mut done = PathBuf::from("/");
        let mut rest: VecDeque<OsString> = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop_front() {
            if part == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            if rest.is_empty() && !follow {
                return Ok(next);
            }
            let Ok(target) = fs::read_link(self.at(&next)) else {
                done = next;
                continue;
            };
            links += 1;
            if links > LINK_LIMIT {
                return Err(Error::Operation {
                    operation: "open",
                    path: path.display().to_string(),
                    reason: "too many levels of symbolic links".to_owned(),
                });
            }
            if target.is_absolute() {
                done = PathBuf::from("/");
            }
            for part in parts(&target).into_iter().rev() {
                rest.push_front(part);
            }
        }
        Ok(done)
    }

    /// Removes a path and what is below it, but for what is left alone.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), Error> {
        if self.is_ignored(path) {
            return Ok(());
        }
        let place = self.at(path);
        let Ok(metadata) = fs::symlink_metadata(&place) else {
            return Ok(());
        };
        let failed = |error: &io::Error| Error::operation("unlinkat", path, error);
        if !metadata.is_dir() {
            return fs::remove_file(&place).map_err(|error| failed(&error));
        }
        if !self.holds_ignored(path) {
            return fs::remove_dir_all(&place).map_err(|error| failed(&error));
        }
        self.clear(path)?;
        // It stays if something is left in it.
        let _ = fs::remove_dir(&place);
        Ok(())
    }

    /// Removes what a folder holds, but for what is left alone.
    pub(crate) fn clear(&self, folder: &Path) -> Result<(), Error> {
        let failed = |error: &io::Error| Error::operation("open", folder, error);
        for entry in fs::read_dir(self.at(folder)).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            self.remove(&folder.join(entry.file_name()))?;
        }
        Ok(())
    }
}

/// The names of a path; `..` stays, `.` and the root go.
fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}

/// A path from the root of the tree, `.` and `..` worked out by name.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in parts(path) {
        if part == ".." {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

/// The folders above a path, outermost first, without the root.
pub(crate) fn parents(path: &Path) -> Vec<PathBuf> {
    let mut parents: Vec<_> = path
        .ancestors()
        .skip(1)
        .filter(|parent| parent.parent().is_some())
        .map(Path::to_path_buf)
        .collect();
    parents.reverse();
    parents
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_never_lead_out_of_the_tree() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::plain(folder.path());
        fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
        symlink("usr/bin", folder.path().join("bin")).unwrap();
        symlink("/../../etc", folder.path().join("out")).unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        let resolve = |path: &str, follow| {
            root.resolve(Path::new(path), follow)
                .map(|p| p.display().to_string())
        };
        assert_eq!(resolve("/bin/sh", false).unwrap(), "/usr/bin/sh");
        assert_eq!(resolve("/bin", false).unwrap(), "/bin");
        assert_eq!(resolve("/bin", true).unwrap(), "/usr/bin");
        assert_eq!(resolve("/out/passwd", false).unwrap(), "/etc/passwd");
        assert!(resolve("/loop/x", false).is_err());
    }

    #[test]
    fn clearing_spares_what_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::of_process(folder.path(), &["/keep/this".to_owned()]);
        for path in ["kaniko/executor", "keep/this", "keep/that", "etc/x"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        root.clear(Path::new("/")).unwrap();
        assert!(folder.path().join("kaniko/executor").exists());
        assert!(folder.path().join("keep/this").exists());
        assert!(!folder.path().join("keep/that").exists());
        assert!(!folder.path().join("etc").exists());
    }
}
