//! `COPY`, and `ADD` of local files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::errno_text;
use crate::files::accounts::Owner;
use crate::files::pattern::{IgnoreRules, Pattern, is_wild};
use crate::files::root::{absolute, parents};
use crate::files::unpack::{chown, set_times};
use crate::files::{self, Root};
use crate::log::Log;
use crate::registry::manifest::hex;

/// First bytes of archives that `ADD` would unpack.
const ARCHIVES: &[&[u8]] = &[b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"];
/// Where a tar archive says that it is one.
const TAR_MAGIC: std::ops::Range<usize> = 257..262;

/// Why a copy failed, after `failed to execute command: ` or the prefix of its lookup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// A source is not there.
    #[error("failed to get fileinfo for {path}: lstat {path}: {reason}")]
    Source {
        /// The source.
        path: String,
        /// Why.
        reason: String,
    },
    /// Several sources and no folder to copy them to.
    #[error(
        "when specifying multiple sources in a COPY command, destination must be a directory and end in '/'"
    )]
    Destination,
    /// Files.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The real executor would unpack it.
    #[error("ADD of an archive")]
    Archive,
}

/// Where sources are looked for.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The folder.
    pub folder: PathBuf,
    /// What it leaves out.
    pub ignore: IgnoreRules,
}

/// A source that was found, relative to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    path: PathBuf,
}

/// How files are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    /// Destination as written, variables expanded.
    pub destination: &'a str,
    /// The working folder.
    pub working_dir: &'a Path,
    /// Owner of files and new folders.
    pub owner: Owner,
    /// Mode of files and folders, instead of their own.
    pub mode: Option<u32>,
    /// Whether archives are refused.
    pub add: bool,
}

impl Place {
    /// Finds the sources of an instruction: wildcards are worked out, plain names must exist.
    /// What the place leaves out is skipped without a word.
    pub(super) fn find(&self, sources: &[String], log: &Log) -> Result<Vec<Source>, Error> {
        if sources.iter().any(|source| is_wild(source)) {
            log.info(format_args!("Resolving srcs [{}]...", sources.join(" ")));
        }
        let mut found = Vec::new();
        for source in sources {
            let clean = absolute(Path::new(source));
            let relative = clean.strip_prefix("/").unwrap_or(&clean).to_path_buf();
            if is_wild(source) {
                found.extend(self.wild(&relative)?);
                continue;
            }
            let path = self.folder.join(&relative);
            if let Err(error) = fs::symlink_metadata(&path) {
                return Err(Error::Source {
                    path: path.display().to_string(),
                    reason: errno_text(&error),
                });
            }
            if relative.as_os_str().is_empty() || !self.is_left_out(&relative) {
                found.push(Source { path: relative });
            }
        }
        Ok(found)
    }

    /// A folder that is left out may hold files that are not.
    fn is_left_out(&self, relative: &Path) -> bool {
        self.ignore.excludes(relative) && !self.folder.join(relative).is_dir()
    }

    fn wild(&self, relative: &Path) -> Result<Vec<Source>, Error> {
        let Some(pattern) = relative.to_str().and_then(Pattern::new) else {
            return Ok(Vec::new());
        };
        let depth = relative.components().count();
        let mut all = Vec::new();
        self.walk(Path::new(""), &mut all)?;
        Ok(all
            .into_iter()
            .filter(|path| path.components().count() == depth && pattern.matches(path))
            .map(|path| Source { path })
            .collect())
    }

    /// Everything below a folder that is not left out, in order.
    fn walk(&self, folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), Error> {
        let place = self.folder.join(folder);
        let failed = |error: io::Error| files::Error::operation("open", &place, &error);
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&place).map_err(failed)? {
            names.insert(entry.map_err(failed)?.file_name());
        }
        for name in names {
            let path = folder.join(name);
            if !self.ignore.excludes(&path) {
                into.push(path.clone());
            }
            if fs::symlink_metadata(self.folder.join(&path)).is_ok_and(|m| m.is_dir()) {
                self.walk(&path, into)?;
            }
        }
        Ok(())
    }

    /// A source and, for a folder, all that it holds.
    fn tree(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        let mut all = vec![source.path.clone()];
        let place = self.folder.join(&source.path);
        if fs::symlink_metadata(place).is_ok_and(|metadata| metadata.is_dir()) {
            self.walk(&source.path, &mut all)?;
        }
        Ok(all)
    }

    /// A digest of names, modes and contents.
    pub(super) fn digest(&self, sources: &[Source]) -> Result<String, Error> {
        let mut hasher = Sha256::new();
        for source in sources {
            for path in self.tree(source)? {
                self.digest_one(&path, &mut hasher)?;
            }
        }
        Ok(hex(&hasher.finalize()))
    }

    fn digest_one(&self, path: &Path, hasher: &mut Sha256) -> Result<(), Error> {
        let place = self.folder.join(path);
        let failed = |error: io::Error| files::Error::operation("open", &place, &error);
        let metadata = fs::symlink_metadata(&place).map_err(failed)?;
        hasher.update(path.as_os_str().as_bytes());
        hasher.update([0]);
        hasher.update(metadata.mode().to_le_bytes());
        if metadata.is_symlink() {
            let target = fs::read_link(&place).map_err(failed)?;
            hasher.update(target.as_os_str().as_bytes());
        } else if metadata.is_file() {
            hasher.update(metadata.len().to_le_bytes());
            let mut file = File::open(&place).map_err(failed)?;
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let amount = file.read(&mut buffer).map_err(failed)?;
                if amount == 0 {
                    break;
                }
                hasher.update(buffer.get(..amount).unwrap_or_default());
            }
        }
        Ok(())
    }
}

/// Copies sources into a tree.
///
/// # Returns
///
/// The files and folders that were written.
pub(super) fn copy(
    root: &Root,
    place: &Place,
    sources: &[Source],
    target: &Target<'_>,
) -> Result<Vec<PathBuf>, Error> {
    if sources.len() > 1 && !target.destination.ends_with('/') && target.destination != "." {
        return Err(Error::Destination);
    }
    let wanted = absolute(&target.working_dir.join(target.destination));
    let destination = root.resolve(&wanted, true)?;
    let is_folder = target.destination.ends_with('/')
        || target.destination == "."
        || target.destination.ends_with("/.")
        || root.at(&destination).is_dir();
    let mut written = Vec::new();
    for source in sources {
        let from = place.folder.join(&source.path);
        let metadata = fs::symlink_metadata(&from)
            .map_err(|error| files::Error::operation("lstat", &from, &error))?;
        if metadata.is_dir() {
            copy_folder(root, place, source, &destination, target, &mut written)?;
            continue;
        }
        let to = match source.path.file_name().filter(|_| is_folder) {
            Some(name) => destination.join(name),
            None => destination.clone(),
        };
        copy_one(root, &from, &to, target, &mut written)?;
    }
    Ok(written)
}

/// Copies sources with owners and folders above them to the same place of another tree.
pub(super) fn keep(root: &Root, to: &Root, place: &Place, sources: &[Source]) -> Result<(), Error> {
    for source in sources {
        for path in place.tree(source)? {
            let path = absolute(&Path::new("/").join(path));
            if root.is_ignored(&path) {
                continue;
            }
            let from = root.at(&path);
            let metadata = fs::symlink_metadata(&from)
                .map_err(|error| files::Error::operation("lstat", &path, &error))?;
            let target = Target {
                destination: "",
                working_dir: Path::new("/"),
                owner: Owner {
                    uid: metadata.uid(),
                    gid: metadata.gid(),
                },
                mode: None,
                add: false,
            };
            fs::create_dir_all(to.at(Path::new("/")))
                .map_err(|error| files::Error::operation("mkdir", &path, &error))?;
            copy_one(to, &from, &path, &target, &mut Vec::new())?;
        }
    }
    Ok(())
}

fn copy_folder(
    root: &Root,
    place: &Place,
    source: &Source,
    destination: &Path,
    target: &Target<'_>,
    written: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    let mut folders = Vec::new();
    for path in place.tree(source)? {
        let inner = path.strip_prefix(&source.path).unwrap_or(&path);
        let from = place.folder.join(&path);
        let to = if inner.as_os_str().is_empty() {
            destination.to_path_buf()
        } else {
            root.resolve(&destination.join(inner), false)?
        };
        copy_one(root, &from, &to, target, written)?;
        folders.push((from, to));
    }
    for (from, to) in folders.iter().rev() {
        let Ok(metadata) = fs::symlink_metadata(from) else {
            continue;
        };
        if metadata.is_dir() && to.parent().is_some() {
            set_times(root, to, (metadata.mtime(), metadata.mtime_nsec()))?;
        }
    }
    Ok(())
}

/// Copies one file, link or folder without what it holds.
fn copy_one(
    root: &Root,
    from: &Path,
    to: &Path,
    target: &Target<'_>,
    written: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    let failed = |operation, error: &io::Error| files::Error::operation(operation, to, error);
    make_folders(root, &parents(to), target.owner, written)?;
    let metadata = fs::symlink_metadata(from)
        .map_err(|error| files::Error::operation("lstat", from, &error))?;
    let there = root.at(to);
    let existing = fs::symlink_metadata(&there).ok();
    if metadata.is_dir() {
        if to.parent().is_none() {
            return Ok(());
        }
        if !fs::metadata(&there).is_ok_and(|metadata| metadata.is_dir()) {
            fs::create_dir(&there).map_err(|error| failed("mkdir", &error))?;
        }
    } else {
        if existing.as_ref().is_some_and(|old| !old.is_file()) {
            if root.holds_ignored(to) {
                return Err(failed("open", &rustix::io::Errno::ISDIR.into()).into());
            }
            root.remove(to)?;
        }
        if metadata.is_symlink() {
            // An older file of this name is in the way.
            let _ = fs::remove_file(&there);
            let link = fs::read_link(from)
                .map_err(|error| files::Error::operation("readlink", from, &error))?;
            std::os::unix::fs::symlink(link, &there).map_err(|error| failed("symlink", &error))?;
        } else if metadata.is_file() {
            refuse_archive(from, target)?;
            let mut source =
                File::open(from).map_err(|error| files::Error::operation("open", from, &error))?;
            let mut file = File::create(&there).map_err(|error| failed("open", &error))?;
            io::copy(&mut source, &mut file).map_err(|error| failed("write", &error))?;
        } else {
            return Ok(());
        }
    }
    chown(root, to, target.owner.uid, target.owner.gid)?;
    if !metadata.is_symlink() {
        let mode = target.mode.unwrap_or_else(|| metadata.mode()) & 0o7777;
        fs::set_permissions(&there, fs::Permissions::from_mode(mode))
            .map_err(|error| failed("chmod", &error))?;
    }
    set_times(root, to, (metadata.mtime(), metadata.mtime_nsec()))?;
    written.push(to.to_path_buf());
    Ok(())
}

/// Makes the folders that are missing and gives them to an owner.
pub(super) fn make_folders(
    root: &Root,
    folders: &[PathBuf],
    owner: Owner,
    written: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    for folder in folders {
        let there = root.at(folder);
        if fs::symlink_metadata(&there).is_ok() {
            continue;
        }
        fs::create_dir(&there).map_err(|error| files::Error::operation("mkdir", folder, &error))?;
        fs::set_permissions(&there, fs::Permissions::from_mode(0o755))
            .map_err(|error| files::Error::operation("chmod", folder, &error))?;
        chown(root, folder, owner.uid, owner.gid)?;
        written.push(folder.clone());
    }
    Ok(())
}

fn refuse_archive(from: &Path, target: &Target<'_>) -> Result<(), Error> {
    if !target.add {
        return Ok(());
    }
    let mut head = Vec::new();
    File::open(from)
        .and_then(|file| file.take(512).read_to_end(&mut head))
        .map_err(|error| files::Error::operation("open", from, &error))?;
    let archive = ARCHIVES.iter().any(|magic| head.starts_with(magic))
        || head.get(TAR_MAGIC) == Some(b"ustar");
    if archive { Err(Error::Archive) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
