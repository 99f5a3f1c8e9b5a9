//! How far a log is, for an agent that goes on where another process was.

use super::store::{Cursor, LogError, LogStore};
use crate::domain::log::LogKey;

/// The ends of a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Time of the first record, unix nanoseconds; 0: there is none.
    pub first_at_ns: i64,
    /// Time of the last record.
    pub last_at_ns: i64,
    /// Bytes at the end with that time, as far as they are in one piece.
    pub last_bytes: u64,
    /// The container has ended and everything is here.
    pub ended: bool,
}

impl LogStore {
    /// Looks at the ends of a log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn extent(&self, key: &LogKey) -> Result<Extent, LogError> {
        let streams = self.streams(&key.run).await?;
        let mut extent = Extent {
            ended: streams
                .iter()
                .any(|stream| stream.key == *key && stream.ended),
            first_at_ns: self.first(key).await?.unwrap_or_default(),
            ..Extent::default()
        };
        for start in self.piece_starts(key).await?.into_iter().rev() {
            if let Some((at_ns, bytes)) = self.last(key, start).await? {
                (extent.last_at_ns, extent.last_bytes) = (at_ns, bytes);
                break;
            }
        }
        Ok(extent)
    }

    /// Time of the first record.
    async fn first(&self, key: &LogKey) -> Result<Option<i64>, LogError> {
        let mut cursor = Cursor::default();
        loop {
            let entries = self.read(key, &mut cursor).await?;
            if entries.is_empty() {
                return Ok(None);
            }
            if let Some(entry) = entries.iter().find(|entry| !entry.is_mark()) {
                return Ok(Some(entry.at_ns));
            }
        }
    }

    /// Time of the last record from `start` on, and the bytes at the end with that time.
    async fn last(&self, key: &LogKey, start: u64) -> Result<Option<(i64, u64)>, LogError> {
        let mut cursor = Cursor::at(start);
        let mut last: Option<(i64, u64)> = None;
        loop {
            let entries = self.read(key, &mut cursor).await?;
            if entries.is_empty() {
                return Ok(last);
            }
            for entry in entries {
                if entry.is_mark() {
                    continue;
                }
                let bytes = entry.end() - entry.offset;
                last = match last {
                    Some((at_ns, before)) if at_ns == entry.at_ns => Some((at_ns, before + bytes)),
                    _ => Some((entry.at_ns, bytes)),
                };
            }
        }
    }
}
