//! The state of a tree, and what changed since.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::layer::Changes;
use super::root::parents;
use super::{Error, Root};

/// What tells one state of a file from another. A change of the content changes the time of the
/// last status change, which no program can set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    /// Inode, size and status change; nothing for folders, whose children speak for themselves.
    content: Option<(u64, u64, i64, i64)>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            mode: metadata.mode(),
            owner: (metadata.uid(), metadata.gid()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            content: (!metadata.is_dir()).then(|| {
                (
                    metadata.ino(),
                    metadata.size(),
                    metadata.ctime(),
                    metadata.ctime_nsec(),
                )
            }),
        }
    }

    fn is_folder(&self) -> bool {
        self.content.is_none()
    }
}

/// The state of all files of a tree but for those that are left alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Stamp>);

impl Snapshot {
    /// Looks at every file.
    pub(crate) fn take(root: &Root) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        let mut folders = vec![PathBuf::from("/")];
        while let Some(folder) = folders.pop() {
            let failed = |error: std::io::Error| Error::operation("open", &folder, &error);
            for entry in fs::read_dir(root.at(&folder)).map_err(failed)? {
                let path = folder.join(entry.map_err(failed)?.file_name());
                if root.is_ignored(&path) {
                    continue;
                }
                // A file may go while its folder is read.
                let Ok(metadata) = fs::symlink_metadata(root.at(&path)) else {
                    continue;
                };
                if metadata.is_dir() {
                    folders.push(path.clone());
                }
                files.insert(path, Stamp::of(&metadata));
            }
        }
        Ok(Self(files))
    }

    /// What a later state has that this one has not, and the other way round.
    pub(crate) fn changes_to(&self, later: &Self) -> Changes {
        let present = later
            .0
            .iter()
            .filter(|(path, stamp)| self.0.get(*path) != Some(stamp))
            .map(|(path, _)| path.clone())
            .collect();
        let removed = self
            .0
            .keys()
            .filter(|path| !later.0.contains_key(*path))
            .filter(|path| {
                path.parent().is_none_or(|parent| {
                    parent.parent().is_none() || later.0.get(parent).is_some_and(Stamp::is_folder)
                })
            })
            .cloned()
            .collect();
        Changes { present, removed }
    }

    /// Takes note of files that are in a layer already, with the folders above them.
    pub(crate) fn note(&mut self, root: &Root, paths: impl IntoIterator<Item = PathBuf>) {
        for path in paths {
            for path in parents(&path).into_iter().chain([path]) {
                self.note_one(root, &path);
            }
        }
    }

    fn note_one(&mut self, root: &Root, path: &Path) {
        if let Ok(metadata) = fs::symlink_metadata(root.at(path)) {
            self.0.insert(path.to_owned(), Stamp::of(&metadata));
        }
    }
}
