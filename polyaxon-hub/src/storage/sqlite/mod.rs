//! SQLite: one process, one writer, readers beside it.

mod access;
mod agents;
mod claim;
mod components;
mod logs;
mod migrations;
mod readers;
mod report;
mod row;
mod run_row;
mod runs;
mod session;
mod sync;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Mutex;

use super::{Readiness, StorageError};
use readers::Readers;
use writer::Writer;

/// Connections that only read.
const READERS: u32 = 4;

/// The database of a hub in one file.
#[derive(Debug, Clone)]
pub struct SqliteStorage {
    writer: Writer,
    readers: Readers,
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
        let readers = Readers::Pool(readers);
        Ok(Self { writer, readers })
    }

    /// An empty database in memory, with one connection. Each call is done on the caller's thread before anything else
    /// happens there, which a simulation wants and nobody who serves does.
    ///
    /// # Errors
    /// When the schema cannot be made.
    pub async fn in_memory() -> Result<Self, StorageError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true);
        let mut connection = options.connect().await.map_err(row::failed)?;
        migrations::run(&mut connection).await?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Self {
            writer: Writer::Inline(connection.clone()),
            readers: Readers::Inline(connection),
        })
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
