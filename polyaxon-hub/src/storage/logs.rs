//! The index of logs; their bytes are elsewhere.

use async_trait::async_trait;

use super::StorageError;
use crate::domain::log::LogKey;

/// A sealed piece of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSegment {
    /// Offset of its first byte.
    pub first: u64,
    /// Offset after its last byte.
    pub last: u64,
    /// Bytes that it takes where it is stored.
    pub size: u64,
    /// Where it is stored.
    pub store_key: String,
}

/// A log that something was written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// Which.
    pub key: LogKey,
    /// The container has ended and everything is here.
    pub ended: bool,
}

/// Storage of the index.
#[async_trait]
pub trait LogStorage: Send + Sync + 'static {
    /// Notes a log; one that is known stays as it is. What has a log was launched, also if no other word of that came:
    /// a second object of the attempt would write another log.
    async fn open_log(&self, key: &LogKey) -> Result<(), StorageError>;

    /// Notes that a log is complete.
    async fn end_log(&self, key: &LogKey) -> Result<(), StorageError>;

    /// Notes on the run that something is missing in one of its logs.
    async fn mark_incomplete(&self, run: &str) -> Result<(), StorageError>;

    /// Logs of a run, in the order in which they began within each attempt.
    async fn log_streams(&self, run: &str) -> Result<Vec<LogStream>, StorageError>;

    /// Adds a sealed piece; one that is known stays as it is.
    async fn add_segment(&self, key: &LogKey, segment: LogSegment) -> Result<(), StorageError>;

    /// Sealed pieces of a log, in order.
    async fn segments(&self, key: &LogKey) -> Result<Vec<LogSegment>, StorageError>;

    /// Bytes that all sealed pieces of a run take.
    async fn sealed_size(&self, run: &str) -> Result<u64, StorageError>;
}
