//! From rows and errors of the driver to ours; nothing above this folder sees the driver.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::domain::time::Millis;
use crate::storage::StorageError;

/// Extended result codes of a broken unique constraint or primary key.
const UNIQUE_CODES: [&str; 2] = ["2067", "1555"];

/// Codes of a disk without room: `SQLITE_FULL`, and `SQLITE_IOERR_SHMSIZE` of the file beside the database.
const FULL_CODES: [&str; 2] = ["13", "4874"];

pub(super) fn failed(error: sqlx::Error) -> StorageError {
    match error {
        sqlx::Error::PoolClosed => StorageError::Closed,
        other if has_code(&other, &FULL_CODES) => StorageError::Full,
        other => StorageError::Database(other.to_string()),
    }
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| codes.contains(&code.as_ref()))
}

/// As [`failed`], but a broken unique constraint says what exists.
pub(super) fn exists(error: sqlx::Error, what: &'static str, name: &str) -> StorageError {
    if has_code(&error, &UNIQUE_CODES) {
        StorageError::Exists {
            what,
            name: name.into(),
        }
    } else {
        failed(error)
    }
}

/// Reading one column with our errors.
pub(super) trait Columns {
    fn text(&self, column: &'static str) -> Result<String, StorageError>;
    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StorageError>;
    fn integer(&self, column: &'static str) -> Result<i64, StorageError>;
    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>, StorageError>;
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StorageError>;

    fn millis(&self, column: &'static str) -> Result<Millis, StorageError> {
        self.integer(column).map(Millis)
    }
    fn maybe_millis(&self, column: &'static str) -> Result<Option<Millis>, StorageError> {
        Ok(self.maybe_integer(column)?.map(Millis))
    }
    fn flag(&self, column: &'static str) -> Result<bool, StorageError> {
        Ok(self.integer(column)? != 0)
    }
    fn count(&self, column: &'static str) -> Result<u64, StorageError> {
        let value = self.integer(column)?;
        u64::try_from(value).map_err(|_| StorageError::Corrupt {
            what: column,
            value: value.to_string(),
        })
    }
    fn small(&self, column: &'static str) -> Result<u32, StorageError> {
        let value = self.integer(column)?;
        u32::try_from(value).map_err(|_| StorageError::Corrupt {
            what: column,
            value: value.to_string(),
        })
    }
    fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<T, StorageError> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|_| StorageError::Corrupt {
            what: column,
            value: text,
        })
    }
    fn word<T>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StorageError> {
        let text = self.text(column)?;
        parse(&text).ok_or(StorageError::Corrupt {
            what: column,
            value: text,
        })
    }
}

impl Columns for SqliteRow {
    fn text(&self, column: &'static str) -> Result<String, StorageError> {
        self.try_get(column).map_err(failed)
    }
    fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StorageError> {
        self.try_get(column).map_err(failed)
    }
    fn integer(&self, column: &'static str) -> Result<i64, StorageError> {
        self.try_get(column).map_err(failed)
    }
    fn maybe_integer(&self, column: &'static str) -> Result<Option<i64>, StorageError> {
        self.try_get(column).map_err(failed)
    }
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StorageError> {
        self.try_get(column).map_err(failed)
    }
}

/// A counter as the database keeps it; counters of ours never reach the limit.
pub(super) fn as_integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_has_an_error_of_its_own() {
        let mut connection = sqlx::SqliteConnection::connect("sqlite::memory:")
            .await
            .unwrap();
        let mut run = async |statement: &'static str| {
            let done = sqlx::query(statement).execute(&mut connection).await;
            done.map(|_| ()).map_err(failed)
        };
        run("CREATE TABLE one (data BLOB)").await.unwrap();
        run("PRAGMA max_page_count = 3").await.unwrap();
        let full = run("INSERT INTO one VALUES (zeroblob(100000))").await;
        assert_eq!(full, Err(StorageError::Full));
        let wrong = run("INSERT INTO two VALUES (1)").await;
        assert!(matches!(wrong, Err(StorageError::Database(_))), "{wrong:?}");
    }
}
