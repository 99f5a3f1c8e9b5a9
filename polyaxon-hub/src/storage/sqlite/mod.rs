//! SQLite: one process, one writer, readers beside it.

mod access;
mod agents;
mod claim;
mod components;
mod logs;
mod migrations;
mod report;
mod row;
mod run_row;
mod runs;
mod session;
mod sync;
mod writer;

use std::path::Path;

use async_trait::async_trait;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Readiness, StorageError};
use writer::Writer;

/// Connections that only read.
const READERS: u32 = 4;

/// The database of a hub in one file.
#[derive(Debug, Clone)]
pub struct SqliteStorage {
    writer: Writer,
    readers: SqlitePool,
}

impl SqliteStorage {
    /// Opens or creates the file and brings its schema up to date.
    ///
    /// # Errors
    /// When the file cannot be opened or holds a newer schema.
    pub async fn open(file: &Path) -> Result<Self, StorageError> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(std::time::Duration::from_secs(5));
        let writer = Writer::start(&options).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // A file does not hang up.
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await
            .map_err(row::failed)?;
        Ok(Self { writer, readers })
    }

    /// Waits until everything accepted is written, then closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl Readiness for SqliteStorage {
    async fn ready(&self) -> Result<(), StorageError> {
        sqlx::query("SELECT 1")
            .execute(&self.readers)
            .await
            .map_err(row::failed)?;
        self.writer.run(|_| Box::pin(async { Ok(()) })).await
    }
}
