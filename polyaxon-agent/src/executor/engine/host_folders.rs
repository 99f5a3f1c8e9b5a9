//! Folders of the machine in containers.
//!
//! An engine follows every link in the path that it is given, as root. A run that may write to a
//! folder could leave a link to `/` in it, or put one there just after somebody looked. So only
//! what no run can replace is mounted: folders that are inside no other folder of runs.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Links that a path may have, as on Linux.
const MAX_LINKS: usize = 40;

/// The folders that runs may mount.
#[derive(Debug, Clone, Default)]
pub struct HostFolders(Vec<PathBuf>);

impl HostFolders {
    /// The folders of the catalog and of `policy.allowedHostPaths`.
    pub fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        // Whoever may mount all of the machine gains nothing by a link.
        if folders.iter().any(|folder| folder == Path::new("/")) {
            return Self::default();
        }
        Self(folders)
    }

    /// The path without links that is mounted in place of `path`, or why it is not. With `create`
    /// a missing folder is made.
    pub(super) fn resolve(&self, path: &Path, create: bool) -> Result<PathBuf, String> {
        if !path.is_absolute() {
            return Err("it is not absolute".to_owned());
        }
        let found = self.walk(path)?;
        let made = match found.symlink_metadata() {
            Err(error) if create && error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&found)
            }
            other => other.map(drop),
        };
        made.map(|()| found).map_err(|error| error.to_string())
    }

    /// Follows the links of a path one by one, through nothing that a run could replace.
    fn walk(&self, path: &Path) -> Result<PathBuf, String> {
        let mut found = PathBuf::from("/");
        let mut rest: Vec<OsString> = names(path);
        let mut links = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                found.pop();
                continue;
            }
            let entry = found.join(&name);
            self.outside(&entry)?;
            let Ok(target) = std::fs::read_link(&entry) else {
                found = entry;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err("it has too many links".to_owned());
            }
            if target.is_absolute() {
                found = PathBuf::from("/");
            }
            rest.extend(names(&target));
        }
        Ok(found)
    }

    /// Refuses what is inside of a folder of runs, by the folder's written name or by its real one.
    fn outside(&self, entry: &Path) -> Result<(), String> {
        for folder in &self.0 {
            let is_in = |name: &Path| entry.starts_with(name) && entry != name;
            let real = folder.canonicalize().ok();
            let real = real.filter(|real| real != Path::new("/"));
            if is_in(folder) || real.is_some_and(|real| is_in(&real)) {
                return Err(format!(
                    "it is inside of `{}`, which runs may write to, so that a run could have put a link there; \
                     mount that folder whole, or ask the admin of the agent for one that is not inside of it",
                    folder.display()
                ));
            }
        }
        Ok(())
    }
}

/// The names of a path, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_no_run_can_replace_is_mounted() {
        let folder = tempfile::tempdir().expect("folder");
        let root = folder.path().canonicalize().expect("path");
        let at = |name: &str| root.join(name);
        for name in ["store/sub", "data", "other", "store2"] {
            std::fs::create_dir_all(at(name)).expect("folder");
        }
        symlink("/", at("store/evil")).expect("link");
        symlink(at("data"), at("by-link")).expect("link");
        symlink(at("store/sub"), at("into-store")).expect("link");
        symlink("store/../store/evil", at("through-store")).expect("link");
        symlink("loop", at("loop")).expect("link");
        symlink("x/../data", at("x")).expect("link");
        let folders =
            HostFolders::new(["store", "by-link", "new", "store/sub", "through-store"].map(at));

        let resolve = |name: &str| folders.resolve(&at(name), true);
        assert_eq!(resolve("store"), Ok(at("store")));
        assert_eq!(resolve("by-link"), Ok(at("data")));
        assert_eq!(resolve("other"), Ok(at("other")));
        assert_eq!(resolve("store2"), Ok(at("store2")));
        assert_eq!(resolve("store/../other"), Ok(at("other")));
        assert_eq!(resolve("new"), Ok(at("new")));
        assert!(at("new").is_dir());

        for name in [
            "store/evil",
            "store/evil/etc",
            "store/sub",
            "store/made",
            "into-store",
            "through-store",
            "loop",
            "x",
            "data/x",
            "other/../store/sub",
        ] {
            assert!(resolve(name).is_err(), "{name}");
        }
        assert!(!at("store/made").exists());
        assert!(folders.resolve(Path::new("relative"), true).is_err());
        assert!(folders.resolve(&at("missing"), false).is_err());
        assert!(!at("missing").exists());
    }

    #[test]
    fn who_may_mount_everything_may_mount_anything() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().canonicalize().expect("path");
        let folders = HostFolders::new([path.clone(), PathBuf::from("/")]);
        let inside = path.join("inside");
        assert_eq!(folders.resolve(&inside, true), Ok(inside));
    }
}
