//! The schema, forward only.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr as _, SqliteConnection};

use crate::storage::StorageError;

/// Version, name and statements of every step.
const STEPS: [(i64, &str, &str); 4] = [
    (
        1,
        "first schema",
        include_str!("migrations/0001_first_schema.sql"),
    ),
    (2, "retries", include_str!("migrations/0002_retries.sql")),
    (
        3,
        "earlier attempts",
        include_str!("migrations/0003_earlier_attempts.sql"),
    ),
    (
        4,
        "isolation and incomplete logs",
        include_str!("migrations/0004_isolation_and_incomplete_logs.sql"),
    ),
];

pub(super) async fn run(connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let steps = STEPS.iter().map(|&(version, name, sql)| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    });
    let mut migrator = Migrator::with_migrations(steps.collect());
    // A hub of the previous minor version reads the schema of this one.
    migrator.set_ignore_missing(true);
    migrator
        .run_direct(None, connection, false)
        .await
        .map_err(|error| StorageError::Database(format!("migration: {error}")))
}
