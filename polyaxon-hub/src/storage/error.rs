//! What can go wrong below the storage traits.

use thiserror::Error;

/// Failure of a storage call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StorageError {
    /// The name is taken.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A row does not hold what the schema promises.
    #[error("the database holds {what} that this version cannot read: `{value}`")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// What stood there.
        value: String,
    },
    /// The database did not do it.
    #[error("the database failed: {0}")]
    Database(String),
    /// The disk has no room; what was acknowledged is there, and it works again when there is room.
    #[error("the disk of the database is full")]
    Full,
    /// The process is ending.
    #[error("the hub is shutting down")]
    Closed,
}
