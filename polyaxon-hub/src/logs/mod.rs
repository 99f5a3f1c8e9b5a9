//! Logs: what is acknowledged is on disk, and every byte is there once.
//!
//! A log that grows is one file, appended to and synced before the answer. A piece that is large enough, or complete,
//! is sealed: it goes to the log store under a name of its own, and the database gets a row.

mod blobs;
mod extent;
mod file_work;
mod growing;
mod store;
#[cfg(test)]
mod tests;

pub use blobs::Blobs;
pub use extent::Extent;
pub use file_work::FileWork;
pub use store::{Append, Cursor, LogError, LogStore};
