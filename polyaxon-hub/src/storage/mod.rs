//! Storage: one trait per aggregate, and the backends.
//!
//! Every method is one transaction. What a method acknowledges survives a crash of the process.

pub mod access;
pub mod agents;
pub mod components;
pub mod error;
pub mod logs;
pub mod runs;
pub mod sqlite;

pub use error::StorageError;

use async_trait::async_trait;

/// Whether the storage works at all.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Reads, and goes once through the path of every write without writing.
    async fn ready(&self) -> Result<(), StorageError>;
}

/// All of the hub's storage.
pub trait Storage:
    access::AccessStorage
    + agents::AgentStorage
    + components::ComponentStorage
    + logs::LogStorage
    + runs::RunStorage
    + Readiness
{
}

impl<T> Storage for T where
    T: access::AccessStorage
        + agents::AgentStorage
        + components::ComponentStorage
        + logs::LogStorage
        + runs::RunStorage
        + Readiness
{
}
