//! Changed files to a layer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::root::parents;
use super::{Error, Root};
use crate::registry::manifest::hex;

/// The attribute of files that layers keep.
const CAPABILITY: &str = "security.capability";

/// What a layer holds. Paths are absolute inside the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Files that are new or differ.
    pub present: BTreeSet<PathBuf>,
    /// Files that are gone.
    pub removed: BTreeSet<PathBuf>,
}

/// A compressed layer on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The file.
    pub path: PathBuf,
    /// Digest of the file.
    pub digest: String,
    /// Digest of the archive before compression.
    pub diff_id: String,
    /// Bytes of the file.
    pub size: u64,
}

/// Writes a layer; the folders above what changed are in it, too.
///
/// # Errors
///
/// `write PATH: …` when the layer cannot be written, else what cannot be read.
pub(crate) fn write(root: &Root, changes: &Changes, out: &Path) -> Result<Layer, Error> {
    let failed = |error: io::Error| Error::operation("write", out, &error);
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = BufWriter::new(File::create(out).map_err(failed)?);
    let compressed = GzEncoder::new(Digesting::new(file), Compression::fast());
    let mut builder = Builder::new(Digesting::new(compressed));
    let mut inodes = HashMap::new();
    for (path, removed) in entries(changes) {
        if removed {
            whiteout(&mut builder, &path).map_err(failed)?;
        } else {
            append(&mut builder, root, &path, &mut inodes, out)?;
        }
    }
    let (compressed, diff_id, _) = builder.into_inner().map_err(failed)?.finish();
    let (mut file, digest, size) = compressed.finish().map_err(failed)?.finish();
    file.flush().map_err(failed)?;
    Ok(Layer {
        path: out.to_owned(),
        digest,
        diff_id,
        size,
    })
}

/// The entries in the order of their paths; `true`: a removal.
fn entries(changes: &Changes) -> BTreeMap<PathBuf, bool> {
    let mut entries = BTreeMap::new();
    for path in &changes.present {
        entries.extend(parents(path).into_iter().map(|parent| (parent, false)));
        if path.parent().is_some() {
            entries.insert(path.clone(), false);
        }
    }
    for path in &changes.removed {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            continue;
        };
        entries.extend(parents(path).into_iter().map(|parent| (parent, false)));
        let mut hidden = std::ffi::OsString::from(".wh.");
        hidden.push(name);
        entries.insert(parent.join(hidden), true);
    }
    entries
}

fn whiteout<W: Write>(builder: &mut Builder<W>, path: &Path) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    let mut records = Records::default();
    name(&mut header, path, false, &mut records);
    builder.append_pax_extensions(records.iter())?;
    header.set_cksum();
    builder.append(&header, io::empty())
}

/// Records of a PAX header.
#[derive(Default)]
struct Records(Vec<(String, Vec<u8>)>);

impl Records {
    fn add(&mut self, key: &str, value: impl Into<Vec<u8>>) {
        self.0.push((key.to_owned(), value.into()));
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_slice()))
    }
}

/// Sets the name of an entry, in a record when the header is too short for it.
fn name(header: &mut Header, path: &Path, folder: bool, records: &mut Records) {
    let mut text = path
        .strip_prefix("/")
        .unwrap_or(path)
        .as_os_str()
        .to_owned();
    if folder {
        text.push("/");
    }
    if header.set_path(&text).is_err() {
        records.add("path", text.as_encoded_bytes());
    }
}

fn append<W: Write>(
    builder: &mut Builder<W>,
    root: &Root,
    path: &Path,
    inodes: &mut HashMap<(u64, u64), PathBuf>,
    out: &Path,
) -> Result<(), Error> {
    let place = root.at(path);
    let metadata = match fs::symlink_metadata(&place) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::operation("lstat", path, &error)),
    };
    let Some(kind) = kind(&metadata) else {
        return Ok(());
    };
    let mut header = Header::new_ustar();
    let mut records = Records::default();
    records.add("atime", time(metadata.atime(), metadata.atime_nsec()));
    records.add("ctime", time(metadata.ctime(), metadata.ctime_nsec()));
    records.add("mtime", time(metadata.mtime(), metadata.mtime_nsec()));
    header.set_entry_type(kind);
    header.set_mode(metadata.mode() & 0o7777);
    header.set_uid(metadata.uid().into());
    header.set_gid(metadata.gid().into());
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
    header.set_size(0);
    name(
        &mut header,
        path,
        kind == EntryType::Directory,
        &mut records,
    );
    let mut content: Box<dyn io::Read> = Box::new(io::empty());
    match kind {
        EntryType::Symlink => {
            let target = fs::read_link(&place)
                .map_err(|error| Error::operation("readlink", path, &error))?;
            link(&mut header, &target, &mut records);
        }
        EntryType::Char | EntryType::Block => {
            let device = metadata.rdev();
            // A ustar header always has fields for both numbers.
            let _ = header.set_device_major(rustix::fs::major(device));
            let _ = header.set_device_minor(rustix::fs::minor(device));
        }
        EntryType::Regular => {
            let inode = (metadata.dev(), metadata.ino());
            let first = (metadata.nlink() > 1)
                .then(|| inodes.get(&inode).cloned())
                .flatten();
            if let Some(first) = first {
                header.set_entry_type(EntryType::Link);
                link(
                    &mut header,
                    first.strip_prefix("/").unwrap_or(&first),
                    &mut records,
                );
            } else {
                inodes.insert(inode, path.to_owned());
                header.set_size(metadata.size());
                let file =
                    File::open(&place).map_err(|error| Error::operation("open", path, &error))?;
                // A file that shrinks meanwhile is filled up, so that the archive stays whole.
                content = Box::new(file.chain(io::repeat(0)).take(metadata.size()));
                capability(&place, &mut records);
            }
        }
        _ => {}
    }
    header.set_cksum();
    builder
        .append_pax_extensions(records.iter())
        .and_then(|()| builder.append(&header, content))
        .map_err(|error| Error::operation("write", out, &error))
}

fn kind(metadata: &Metadata) -> Option<EntryType> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        Some(EntryType::Directory)
    } else if kind.is_symlink() {
        Some(EntryType::Symlink)
    } else if kind.is_file() {
        Some(EntryType::Regular)
    } else if kind.is_fifo() {
        Some(EntryType::Fifo)
    } else if kind.is_char_device() {
        Some(EntryType::Char)
    } else if kind.is_block_device() {
        Some(EntryType::Block)
    } else {
        None
    }
}

fn link(header: &mut Header, target: &Path, records: &mut Records) {
    if header
        .set_link_name_literal(target.as_os_str().as_encoded_bytes())
        .is_err()
    {
        records.add("linkpath", target.as_os_str().as_encoded_bytes());
    }
}

fn capability(place: &Path, records: &mut Records) {
    let mut buffer = [0_u8; 256];
    if let Ok(length) = rustix::fs::lgetxattr(place, CAPABILITY, &mut buffer[..]) {
        let value = buffer.get(..length).unwrap_or_default();
        records.add(&format!("SCHILY.xattr.{CAPABILITY}"), value);
    }
}

/// Seconds with as many decimals as there are.
fn time(seconds: i64, nanoseconds: i64) -> String {
    let text = format!("{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A writer that takes the digest of what it passes on.
struct Digesting<W> {
    inner: W,
    hasher: Sha256,
    size: u64,
}

impl<W> Digesting<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            size: 0,
        }
    }

    fn finish(self) -> (W, String, u64) {
        let digest = format!("sha256:{}", hex(&self.hasher.finalize()));
        (self.inner, digest, self.size)
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let amount = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..amount).unwrap_or_default());
        self.size += u64::try_from(amount).unwrap_or_default();
        Ok(amount)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
