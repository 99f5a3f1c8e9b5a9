//! Storage: one trait per aggregate, and the backends.
//!
//! Every method is one transaction. What a method acknowledges survives a crash of the process.

pub mod access;
pub mod components;
pub mod error;
pub mod sqlite;

pub use error::StorageError;

/// All of the hub's storage.
pub trait Storage: access::AccessStorage + components::ComponentStorage {}

impl<T: access::AccessStorage + components::ComponentStorage> Storage for T {}
