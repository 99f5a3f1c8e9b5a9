//! Layers to files.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Timespec, Timestamps, Uid, XattrFlags};
use tar::{Archive, Entry, EntryType};

use super::root::absolute;
use super::{Error, Root};

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// Extended attributes in a PAX header.
const XATTR_PREFIX: &str = "SCHILY.xattr.";

/// Unpacks the tar stream of a layer over a tree; removals of the layer are carried out.
pub(crate) fn layer(root: &Root, reader: impl Read) -> Result<(), Error> {
    let mut archive = Archive::new(reader);
    let mut own: HashSet<PathBuf> = HashSet::new();
    let mut folders = Vec::new();
    let entries = archive.entries().map_err(|error| Error::stream(&error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| Error::stream(&error))?;
        let path = absolute(&entry.path().map_err(|error| Error::stream(&error))?);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            continue;
        };
        let parent = root.resolve(parent, true)?;
        let path = parent.join(name);
        if root.is_ignored(&path) {
            continue;
        }
        if let Some(hidden) = name.to_str().and_then(|name| name.strip_prefix(WHITEOUT)) {
            if name == OPAQUE {
                hide_lower(root, &parent, &own)?;
            } else if !own.contains(&parent.join(hidden)) {
                root.remove(&parent.join(hidden))?;
            }
            continue;
        }
        make_folders(root, &parent)?;
        if place(root, &path, &mut entry)? {
            if entry.header().entry_type() == EntryType::Directory {
                folders.push((path.clone(), modified(&mut entry)?));
            }
            own.insert(path);
        }
    }
    // Files that came after a folder changed its time.
    for (folder, time) in folders.iter().rev() {
        set_times(root, folder, *time)?;
    }
    Ok(())
}

/// Removes what lower layers put into a folder.
fn hide_lower(root: &Root, folder: &Path, own: &HashSet<PathBuf>) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(root.at(folder)) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let path = folder.join(entry.file_name());
        if !own.iter().any(|kept| kept.starts_with(&path)) {
            root.remove(&path)?;
        }
    }
    Ok(())
}

fn make_folders(root: &Root, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(root.at(folder)).map_err(|error| Error::operation("mkdir", folder, &error))
}

/// Puts one entry in its place; `false` for kinds that are left out.
fn place<R: Read>(root: &Root, path: &Path, entry: &mut Entry<'_, R>) -> Result<bool, Error> {
    let kind = entry.header().entry_type();
    let target = root.at(path);
    let existing = fs::symlink_metadata(&target).ok();
    let folder_stays =
        kind == EntryType::Directory && existing.as_ref().is_some_and(fs::Metadata::is_dir);
    if existing.is_some() && !folder_stays {
        if root.holds_ignored(path) {
            return Ok(false);
        }
        root.remove(path)?;
    }
    match kind {
        EntryType::Directory => {
            if !folder_stays {
                fs::create_dir(&target).map_err(|error| Error::operation("mkdir", path, &error))?;
            }
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            let mut file = File::create_new(&target)
                .map_err(|error| Error::operation("open", path, &error))?;
            copy(entry, &mut file, path)?;
        }
        EntryType::Symlink => {
            let link = link_name(entry)?;
            std::os::unix::fs::symlink(link, &target)
                .map_err(|error| Error::operation("symlink", path, &error))?;
        }
        EntryType::Link => {
            let source = root.resolve(&absolute(&link_name(entry)?), false)?;
            if root.is_ignored(&source) {
                return Ok(false);
            }
            return fs::hard_link(root.at(&source), &target)
                .map(|()| true)
                .map_err(|error| Error::operation("link", path, &error));
        }
        _ => return Ok(false),
    }
    set_owner(root, path, entry)?;
    if kind != EntryType::Symlink {
        let mode = entry
            .header()
            .mode()
            .map_err(|error| Error::stream(&error))?;
        fs::set_permissions(&target, fs::Permissions::from_mode(mode & 0o7777))
            .map_err(|error| Error::operation("chmod", path, &error))?;
        set_attributes(&target, path, entry)?;
    }
    let time = modified(entry)?;
    set_times(root, path, time)?;
    Ok(true)
}

fn copy(reader: &mut impl Read, file: &mut File, path: &Path) -> Result<(), Error> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let amount = match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(amount) => amount,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::stream(&error)),
        };
        io::Write::write_all(file, buffer.get(..amount).unwrap_or_default())
            .map_err(|error| Error::operation("write", path, &error))?;
    }
}

fn link_name<R: Read>(entry: &Entry<'_, R>) -> Result<PathBuf, Error> {
    entry
        .link_name()
        .map_err(|error| Error::stream(&error))?
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| Error::Stream("archive/tar: invalid tar header".to_owned()))
}

fn set_owner<R: Read>(root: &Root, path: &Path, entry: &Entry<'_, R>) -> Result<(), Error> {
    let number = |value: io::Result<u64>| {
        value
            .ok()
            .and_then(|value| u32::try_from(value).ok())
            .unwrap_or_default()
    };
    let uid = number(entry.header().uid());
    let gid = number(entry.header().gid());
    chown(root, path, uid, gid)
}

/// Gives a file, not what a link points to, to somebody.
pub(crate) fn chown(root: &Root, path: &Path, uid: u32, gid: u32) -> Result<(), Error> {
    rustix::fs::chownat(
        CWD,
        root.at(path),
        Some(Uid::from_raw(uid)),
        Some(Gid::from_raw(gid)),
        AtFlags::SYMLINK_NOFOLLOW,
    )
    .map_err(|error| Error::operation("chown", path, &error.into()))
}

fn set_attributes<R: Read>(
    target: &Path,
    path: &Path,
    entry: &mut Entry<'_, R>,
) -> Result<(), Error> {
    let Some(extensions) = entry
        .pax_extensions()
        .map_err(|error| Error::stream(&error))?
    else {
        return Ok(());
    };
    for extension in extensions.flatten() {
        let Some(name) = extension
            .key()
            .ok()
            .and_then(|key| key.strip_prefix(XATTR_PREFIX))
        else {
            continue;
        };
        match rustix::fs::lsetxattr(target, name, extension.value_bytes(), XattrFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(Error::operation("lsetxattr", path, &error.into())),
        }
    }
    Ok(())
}

/// Seconds and nanoseconds of the last change.
type Time = (i64, i64);

fn modified<R: Read>(entry: &mut Entry<'_, R>) -> Result<Time, Error> {
    let seconds = entry.header().mtime().unwrap_or_default();
    let exact = entry
        .pax_extensions()
        .map_err(|error| Error::stream(&error))?
        .and_then(|extensions| {
            extensions
                .flatten()
                .find(|extension| extension.key() == Ok("mtime"))
                .and_then(|extension| pax_time(extension.value().ok()?))
        });
    Ok(exact.unwrap_or((i64::try_from(seconds).unwrap_or_default(), 0)))
}

/// Reads `seconds.fraction`.
fn pax_time(text: &str) -> Option<Time> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    Some((seconds.parse().ok()?, digits.parse().ok()?))
}

/// Sets both times of a file, not of what a link points to.
pub(crate) fn set_times(root: &Root, path: &Path, time: Time) -> Result<(), Error> {
    let stamp = Timespec {
        tv_sec: time.0,
        tv_nsec: time.1,
    };
    let times = Timestamps {
        last_access: stamp,
        last_modification: stamp,
    };
    rustix::fs::utimensat(CWD, root.at(path), &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|error| Error::operation("chtimes", path, &error.into()))
}
