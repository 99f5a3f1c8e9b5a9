//! The index of logs in SQLite.

use async_trait::async_trait;

use super::SqliteStorage;
use super::row::{Columns as _, as_integer, failed};
use crate::domain::log::LogKey;
use crate::storage::StorageError;
use crate::storage::logs::{LogSegment, LogStorage, LogStream};

#[async_trait]
impl LogStorage for SqliteStorage {
    async fn open_log(&self, key: &LogKey) -> Result<(), StorageError> {
        let key = key.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO log_stream (run, attempt, container, n, ended) \
                         SELECT ?1, ?2, ?3, count(*), 0 FROM log_stream WHERE run = ?1 AND attempt = ?2 \
                         ON CONFLICT DO NOTHING",
                    )
                    .bind(key.run.as_str())
                    .bind(i64::from(key.attempt))
                    .bind(key.container)
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
                    sqlx::query(
                        "UPDATE run SET acknowledged = 1, launch_deadline = NULL \
                         WHERE uuid = ? AND attempt = ? AND acknowledged = 0 AND rank BETWEEN 3 AND 6",
                    )
                    .bind(key.run)
                    .bind(i64::from(key.attempt))
                    .execute(connection)
                    .await
                    .map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn end_log(&self, key: &LogKey) -> Result<(), StorageError> {
        let key = key.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("UPDATE log_stream SET ended = 1 WHERE run = ? AND attempt = ? AND container = ?")
                        .bind(key.run)
                        .bind(i64::from(key.attempt))
                        .bind(key.container)
                        .execute(connection)
                        .await
                        .map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn mark_incomplete(&self, run: &str) -> Result<(), StorageError> {
        let run = run.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("UPDATE run SET log_incomplete = 1 WHERE uuid = ?")
                        .bind(run)
                        .execute(connection)
                        .await
                        .map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn log_streams(&self, run: &str) -> Result<Vec<LogStream>, StorageError> {
        let rows = sqlx::query("SELECT * FROM log_stream WHERE run = ? ORDER BY attempt, n")
            .bind(run)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.iter()
            .map(|row| {
                Ok(LogStream {
                    key: LogKey {
                        run: row.text("run")?,
                        attempt: row.small("attempt")?,
                        container: row.text("container")?,
                    },
                    ended: row.flag("ended")?,
                })
            })
            .collect()
    }

    async fn add_segment(&self, key: &LogKey, segment: LogSegment) -> Result<(), StorageError> {
        let key = key.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO log_segment (run, attempt, container, first, last, size, store_key) \
                         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    )
                    .bind(key.run)
                    .bind(i64::from(key.attempt))
                    .bind(key.container)
                    .bind(as_integer(segment.first))
                    .bind(as_integer(segment.last))
                    .bind(as_integer(segment.size))
                    .bind(segment.store_key)
                    .execute(connection)
                    .await
                    .map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn segments(&self, key: &LogKey) -> Result<Vec<LogSegment>, StorageError> {
        let rows = sqlx::query(
            "SELECT * FROM log_segment WHERE run = ? AND attempt = ? AND container = ? ORDER BY first",
        )
        .bind(key.run.as_str())
        .bind(i64::from(key.attempt))
        .bind(key.container.as_str())
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.iter()
            .map(|row| {
                Ok(LogSegment {
                    first: row.count("first")?,
                    last: row.count("last")?,
                    size: row.count("size")?,
                    store_key: row.text("store_key")?,
                })
            })
            .collect()
    }

    async fn sealed_size(&self, run: &str) -> Result<u64, StorageError> {
        sqlx::query("SELECT coalesce(sum(size), 0) AS total FROM log_segment WHERE run = ?")
            .bind(run)
            .fetch_one(&self.readers)
            .await
            .map_err(failed)?
            .count("total")
    }
}
