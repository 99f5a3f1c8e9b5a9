//! The file of a log that grows.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::LogError;
use crate::domain::log::{Content, Entry, LogKey};

/// What is known of the file without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Growing {
    path: PathBuf,
    /// Offset of its first byte of output.
    pub(super) first: u64,
    /// Offset after its last byte of output.
    pub(super) end: u64,
    /// Bytes of the file.
    pub(super) size: u64,
    /// The limit of the run was reached.
    pub(super) full: bool,
}

impl Growing {
    /// Looks at the file after a start: what a crash left torn at its end is cut off.
    ///
    /// Output before `sealed` is in the log store already, so a file with nothing else is removed.
    pub(super) fn open(folder: &Path, key: &LogKey, sealed: u64) -> Result<Self, LogError> {
        let name = format!("{}.{}.{}.log", key.run, key.attempt, key.container);
        let path = folder.join(name);
        let mut growing = Self {
            path,
            first: sealed,
            end: sealed,
            size: 0,
            full: false,
        };
        let mut bytes = match std::fs::read(&growing.path) {
            Ok(bytes) => Bytes::from(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(growing),
            Err(error) => return Err(LogError::io(&growing.path, &error)),
        };
        let length = bytes.len();
        let mut first = None;
        while let Some(entry) = Entry::decode(&mut bytes) {
            first.get_or_insert(entry.offset);
            growing.end = growing.end.max(entry.end());
            growing.full |= matches!(entry.content, Content::Limit { .. });
        }
        growing.size = (length - bytes.len()) as u64;
        growing.first = first.unwrap_or(sealed);
        if growing.end <= sealed && !growing.full {
            growing.remove()?;
        } else if !bytes.is_empty() {
            let file = OpenOptions::new().write(true).open(&growing.path);
            file.and_then(|file| {
                file.set_len(growing.size)?;
                file.sync_all()
            })
            .map_err(|error| LogError::io(&growing.path, &error))?;
        }
        Ok(growing)
    }

    /// Appends entries and returns once they are on disk.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), LogError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for entry in entries {
            entry.encode(&mut bytes);
        }
        self.write(&bytes)
            .map_err(|error| LogError::io(&self.path, &error))?;
        self.size += bytes.len() as u64;
        self.end = entries.last().map_or(self.end, Entry::end);
        self.full |= entries
            .iter()
            .any(|entry| matches!(entry.content, Content::Limit { .. }));
        Ok(())
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&self.path)?;
        // A write that failed half-way is written over.
        file.seek(SeekFrom::Start(self.size))?;
        file.write_all(bytes)?;
        file.set_len(self.size + bytes.len() as u64)?;
        file.sync_data()?;
        if self.size == 0
            && let Some(folder) = self.path.parent()
        {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Bytes of the file from a place on, at most `limit`; the last entry may be cut.
    pub(super) fn read(&self, from: u64, limit: u64) -> Result<Bytes, LogError> {
        let length = self.size.saturating_sub(from).min(limit);
        if length == 0 {
            return Ok(Bytes::new());
        }
        let read = || -> std::io::Result<Bytes> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            Ok(bytes.into())
        };
        read().map_err(|error| LogError::io(&self.path, &error))
    }

    /// Removes the file; the next output begins a new one.
    pub(super) fn remove(&mut self) -> Result<(), LogError> {
        match std::fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(LogError::io(&self.path, &error)),
        }
        self.first = self.end;
        self.size = 0;
        Ok(())
    }
}
