//! Components, their versions and revisions.

use async_trait::async_trait;

use super::StorageError;
use crate::domain::components::{Change, ComponentRecord, Registration, VersionRecord};
use crate::domain::page::Page;

/// Most names that are read to find near ones.
pub const NAMES_FOR_SUGGESTIONS: u32 = 1000;

/// What a registration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// What happened to the name; after [`Change::Refuse`] nothing has changed.
    pub change: Change,
    /// The version as it is now.
    pub version: VersionRecord,
}

/// Storage of components.
#[async_trait]
pub trait ComponentStorage: Send + Sync + 'static {
    /// Makes the component, the revision and the version where they are missing, moves the name where it may, and
    /// writes the history, all in one step. [`crate::domain::components::change`] decides.
    async fn register(&self, registration: Registration) -> Result<Registered, StorageError>;

    /// One version.
    async fn version(
        &self,
        owner: &str,
        component: &str,
        version: &str,
    ) -> Result<Option<VersionRecord>, StorageError>;

    /// A version of this component that points, or once pointed, at the revision; its `digest` is the one asked for.
    async fn pinned(
        &self,
        owner: &str,
        component: &str,
        digest: &str,
    ) -> Result<Option<VersionRecord>, StorageError>;

    /// Content of a revision.
    async fn revision(&self, digest: &str) -> Result<Option<Vec<u8>>, StorageError>;

    /// Versions of a component, newest update first, keyed by [`version_key`].
    async fn versions(
        &self,
        owner: &str,
        component: &str,
        page: &Page,
    ) -> Result<Vec<VersionRecord>, StorageError>;

    /// One component.
    async fn component(
        &self,
        owner: &str,
        component: &str,
    ) -> Result<Option<ComponentRecord>, StorageError>;

    /// Components of an owner by name, keyed by name.
    async fn components(
        &self,
        owner: &str,
        page: &Page,
    ) -> Result<Vec<ComponentRecord>, StorageError>;

    /// `owner/name` of components of all owners, at most [`NAMES_FOR_SUGGESTIONS`].
    async fn component_names(&self) -> Result<Vec<String>, StorageError>;
}

/// Key of a version in lists.
#[must_use]
pub fn version_key(version: &VersionRecord) -> String {
    let updated = version.updated_at.unwrap_or_default().0;
    format!("{updated}.{}", version.id)
}
