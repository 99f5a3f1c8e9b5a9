//! All logs of the hub.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::Mutex;

use super::blobs::Blobs;
use super::file_work::FileWork;
use super::growing::Growing;
use crate::domain::log::{Content, Entry, LogKey, MAX_RUN_BYTES, new_part};
use crate::storage::logs::{LogSegment, LogStream};
use crate::storage::{Storage, StorageError};
use crate::topics::{Subscription, Topics};

/// Size of a file from which on it is sealed.
const SEAL_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes that are read at once; more than the largest entry takes.
const READ_BYTES: u64 = 256 * 1024;

/// Why a log cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// A file.
    #[error("the log file `{path}` cannot be used: {reason}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The log store.
    #[error("the log store failed at `{key}`: {reason}")]
    Store {
        /// What was wanted.
        key: String,
        /// Why.
        reason: String,
    },
    /// The disk has no room.
    #[error("there is no room for the log `{place}`")]
    Full {
        /// Which one.
        place: String,
    },
    /// The index.
    #[error(transparent)]
    Index(#[from] StorageError),
    /// The process is ending.
    #[error("the hub is shutting down")]
    Stopped,
}

impl LogError {
    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        if is_full(error) {
            return Self::Full {
                place: path.display().to_string(),
            };
        }
        Self::Io {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }

    pub(super) fn store(key: &str, error: &object_store::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if error.downcast_ref().is_some_and(is_full) {
                return Self::Full {
                    place: key.to_owned(),
                };
            }
            cause = error.source();
        }
        Self::Store {
            key: key.to_owned(),
            reason: error.to_string(),
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Output for one log.
#[derive(Debug, Clone)]
pub struct Append {
    /// Which.
    pub key: LogKey,
    /// What was written, each with its offset, in order.
    pub entries: Vec<Entry>,
    /// Offset after the last entry.
    pub end: u64,
    /// The container has ended and this is all.
    pub eof: bool,
}

/// Where somebody reads a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Bytes of output that were read.
    pub offset: u64,
    /// The piece that was read last, by its first offset, and the place in it.
    piece: Option<(u64, u64)>,
}

impl Cursor {
    /// Begins after this many bytes of output.
    #[must_use]
    pub fn at(offset: u64) -> Self {
        Self {
            offset,
            piece: None,
        }
    }
}

#[derive(Debug)]
struct Open {
    growing: Growing,
    ended: bool,
    /// The index knows the log.
    known: bool,
}

type Slot = Arc<Mutex<Option<Open>>>;

/// All logs.
pub struct LogStore {
    folder: PathBuf,
    blobs: Blobs,
    index: Arc<dyn Storage>,
    open: SyncMutex<HashMap<LogKey, Slot>>,
    /// Bytes on disk of runs that write now.
    sizes: SyncMutex<HashMap<String, u64>>,
    changes: Topics,
    limit: u64,
    file_work: FileWork,
}

impl LogStore {
    /// Opens the folder of growing files; it is made if it is absent.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path, blobs: Blobs, index: Arc<dyn Storage>) -> Result<Self, LogError> {
        std::fs::create_dir_all(folder).map_err(|error| LogError::io(folder, &error))?;
        Ok(Self {
            folder: folder.to_owned(),
            blobs,
            index,
            open: SyncMutex::default(),
            sizes: SyncMutex::default(),
            changes: Topics::default(),
            limit: MAX_RUN_BYTES,
            file_work: FileWork::default(),
        })
    }

    /// The same with another limit of bytes per run.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The same with another place for work on files.
    #[must_use]
    pub fn with_file_work(self, file_work: FileWork) -> Self {
        Self { file_work, ..self }
    }

    /// Wakes when a log of the run grows or ends.
    pub fn subscribe(&self, run: &str) -> Subscription {
        self.changes.subscribe(run)
    }

    /// Logs of a run, in the order in which they began.
    ///
    /// # Errors
    /// When the index fails.
    pub async fn streams(&self, run: &str) -> Result<Vec<LogStream>, LogError> {
        Ok(self.index.log_streams(run).await?)
    }

    /// Offsets at which the pieces of a log begin, that of the growing one last.
    pub(super) async fn piece_starts(&self, key: &LogKey) -> Result<Vec<u64>, LogError> {
        let sealed = self.index.segments(key).await?;
        let growing = sealed.last().map_or(0, |segment| segment.last);
        let starts = sealed.iter().map(|segment| segment.first);
        Ok(starts.chain([growing]).collect())
    }

    /// Writes output and answers up to which offset the log is durable.
    ///
    /// # Errors
    /// When it is not; nothing is acknowledged then.
    pub async fn append(&self, append: Append) -> Result<u64, LogError> {
        let key = append.key.clone();
        let slot = self.slot(&key);
        let mut guard = slot.lock().await;
        let mut open = match guard.take() {
            Some(open) => open,
            None => self.load(&key).await?,
        };
        let outcome = self.write(&key, &mut open, append).await;
        if open.ended {
            // Whoever holds the slot loads again.
            self.open
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
            self.sizes().remove(&key.run);
        } else if outcome.is_ok() {
            *guard = Some(open);
        }
        drop(guard);
        self.changes.wake(&key.run);
        outcome
    }

    async fn write(&self, key: &LogKey, open: &mut Open, append: Append) -> Result<u64, LogError> {
        if !open.known {
            self.index.open_log(key).await?;
            open.known = true;
        }
        let ended = open.ended || append.eof;
        let mut acknowledged = append.end;
        // What comes after its end is kept all the same: whoever has it would offer it for ever.
        if !open.growing.full {
            let entries = self
                .within_limit(key, new_part(open.growing.end, append.entries))
                .await?;
            if entries.iter().any(Entry::is_mark) {
                // First, so that no crash leaves a mark of which the run does not know.
                self.index.mark_incomplete(&key.run).await?;
            }
            let mut growing = open.growing.clone();
            let before = growing.size;
            let appended = self.file_work.run(move || {
                growing.append(&entries)?;
                Ok::<_, LogError>(growing)
            });
            let growing = appended.await??;
            self.grow(&key.run, growing.size - before);
            open.growing = growing;
        }
        if !open.growing.full {
            acknowledged = open.growing.end;
        }
        if ended || open.growing.size >= SEAL_BYTES {
            self.seal(key, &mut open.growing).await?;
        }
        if ended && !open.ended {
            self.index.end_log(key).await?;
            open.ended = true;
        }
        Ok(acknowledged)
    }

    /// Cuts what goes beyond the limit of the run and says so in the log.
    async fn within_limit(
        &self,
        key: &LogKey,
        entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, LogError> {
        let known = self.sizes().get(&key.run).copied();
        let mut size = match known {
            Some(size) => size,
            None => self.size_on_disk(&key.run).await?,
        };
        self.sizes().insert(key.run.clone(), size);
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Content::Data { data, .. } = &entry.content {
                size = size.saturating_add(data.len() as u64);
            }
            if size > self.limit {
                kept.push(Entry {
                    offset: entry.offset,
                    at_ns: entry.at_ns,
                    content: Content::Limit {
                        why: format!(
                            "the logs of this run have reached {} bytes: nothing after this is kept",
                            self.limit
                        ),
                    },
                });
                break;
            }
            kept.push(entry);
        }
        Ok(kept)
    }

    async fn size_on_disk(&self, run: &str) -> Result<u64, LogError> {
        let sealed = self.index.sealed_size(run).await?;
        let (folder, prefix) = (self.folder.clone(), format!("{run}."));
        let growing = self.file_work.run(move || -> std::io::Result<u64> {
            let mut total = 0;
            for file in std::fs::read_dir(folder)? {
                let file = file?;
                if file.file_name().to_string_lossy().starts_with(&prefix) {
                    total += file.metadata()?.len();
                }
            }
            Ok(total)
        });
        let growing = growing
            .await?
            .map_err(|error| LogError::io(&self.folder, &error))?;
        Ok(sealed.saturating_add(growing))
    }

    fn sizes(&self) -> std::sync::MutexGuard<'_, HashMap<String, u64>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn grow(&self, run: &str, by: u64) {
        if let Some(size) = self.sizes().get_mut(run) {
            *size = size.saturating_add(by);
        }
    }

    /// Moves the file to the log store.
    async fn seal(&self, key: &LogKey, growing: &mut Growing) -> Result<(), LogError> {
        if growing.size == 0 {
            return Ok(());
        }
        let file = growing.clone();
        let bytes = self.file_work.run(move || file.read(0, u64::MAX)).await??;
        let segment = LogSegment {
            first: growing.first,
            last: growing.end,
            size: growing.size,
            store_key: format!(
                "{}/{}/{}/{}",
                key.run, key.attempt, key.container, growing.first
            ),
        };
        self.blobs.put(&segment.store_key, bytes).await?;
        self.index.add_segment(key, segment).await?;
        growing.remove()
    }

    fn slot(&self, key: &LogKey) -> Slot {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(open.entry(key.clone()).or_default())
    }

    async fn load(&self, key: &LogKey) -> Result<Open, LogError> {
        let streams = self.index.log_streams(&key.run).await?;
        let stream = streams.iter().find(|stream| stream.key == *key);
        let sealed = self.index.segments(key).await?;
        let end = sealed.last().map_or(0, |segment| segment.last);
        let (folder, owned) = (self.folder.clone(), key.clone());
        let opened = self
            .file_work
            .run(move || Growing::open(&folder, &owned, end));
        let growing = opened.await??;
        Ok(Open {
            growing,
            ended: stream.is_some_and(|stream| stream.ended),
            known: stream.is_some(),
        })
    }

    /// Reads on from a cursor; nothing when all there is was read.
    ///
    /// # Errors
    /// When a piece cannot be read.
    pub async fn read(&self, key: &LogKey, cursor: &mut Cursor) -> Result<Vec<Entry>, LogError> {
        loop {
            let sealed = self.index.segments(key).await?;
            let next = sealed.iter().find(|segment| segment.last > cursor.offset);
            if let Some(segment) = next {
                let place = place_in(*cursor, segment.first);
                let bytes = self.blobs.get(&segment.store_key).await?;
                let bytes = bytes.slice(place.min(bytes.len())..);
                let (read, _) = take(bytes, segment.first, place, cursor, READ_BYTES);
                if !read.is_empty() {
                    return Ok(read);
                }
                if place_in(*cursor, segment.first) == place {
                    // What is left of the piece cannot be read: go on behind it.
                    cursor.offset = cursor.offset.max(segment.last);
                }
                continue;
            }
            let slot = self.slot(key);
            let mut guard = slot.lock().await;
            let open = match guard.take() {
                Some(open) => open,
                None => self.load(key).await?,
            };
            let growing = open.growing.clone();
            let ended = open.ended;
            *guard = Some(open);
            if ended {
                self.open
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(key);
            }
            if growing.first > cursor.offset && growing.first > sealed.last().map_or(0, |s| s.last)
            {
                // It was sealed between the two looks.
                drop(guard);
                continue;
            }
            let place = place_in(*cursor, growing.first);
            let file = growing.clone();
            let from = place as u64;
            // The file must not be sealed while it is read.
            let bytes = self
                .file_work
                .run(move || file.read(from, READ_BYTES))
                .await??;
            drop(guard);
            let (read, moved) = take(bytes, growing.first, place, cursor, READ_BYTES);
            if !read.is_empty() || !moved {
                return Ok(read);
            }
        }
    }
}

/// Where reading goes on in the piece that begins at `first`.
fn place_in(cursor: Cursor, first: u64) -> usize {
    match cursor.piece {
        Some((piece, place)) if piece == first => usize::try_from(place).unwrap_or(usize::MAX),
        _ => 0,
    }
}

/// Decodes entries and moves the cursor over them; answers also whether it moved.
fn take(
    mut bytes: Bytes,
    first: u64,
    place: usize,
    cursor: &mut Cursor,
    limit: u64,
) -> (Vec<Entry>, bool) {
    let length = bytes.len();
    let mut entries = Vec::new();
    let mut place = place as u64;
    while ((length - bytes.len()) as u64) < limit {
        let before = bytes.len();
        let Some(entry) = Entry::decode(&mut bytes) else {
            break;
        };
        place += (before - bytes.len()) as u64;
        let end = entry.end();
        let is_mark = matches!(entry.content, Content::Limit { .. });
        if let Some(entry) = entry
            .from(cursor.offset)
            .filter(|entry| is_mark || entry.end() > cursor.offset)
        {
            entries.push(entry);
        }
        cursor.offset = cursor.offset.max(end);
    }
    cursor.piece = Some((first, place));
    (entries, length > bytes.len())
}
