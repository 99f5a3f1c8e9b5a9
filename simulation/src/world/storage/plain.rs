//! What goes through as it is.

use super::SimStorage;
use async_trait::async_trait;
use polyaxon_hub::domain::access::TokenRecord;
use polyaxon_hub::domain::components::{ComponentRecord, Registration, VersionRecord};
use polyaxon_hub::domain::log::LogKey;
use polyaxon_hub::domain::page::Page;
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::access::{AccessStorage, ProjectRecord};
use polyaxon_hub::storage::components::{ComponentStorage, Registered};
use polyaxon_hub::storage::logs::{LogSegment, LogStorage, LogStream};
use polyaxon_hub::storage::{Readiness, StorageError};

#[async_trait]
impl Readiness for SimStorage {
    async fn ready(&self) -> Result<(), StorageError> {
        self.read(self.inner.ready()).await
    }
}

#[async_trait]
impl AccessStorage for SimStorage {
    async fn insert_token(&self, token: TokenRecord) -> Result<(), StorageError> {
        self.write(self.inner.insert_token(token)).await
    }

    async fn token_by_hash(&self, hash: &str) -> Result<Option<TokenRecord>, StorageError> {
        self.read(self.inner.token_by_hash(hash)).await
    }

    async fn tokens(&self, page: &Page) -> Result<Vec<TokenRecord>, StorageError> {
        self.read(self.inner.tokens(page)).await
    }

    async fn revoke_token(
        &self,
        id_or_name: &str,
        now: Millis,
    ) -> Result<Option<TokenRecord>, StorageError> {
        self.write(self.inner.revoke_token(id_or_name, now)).await
    }

    async fn has_admin(&self, now: Millis) -> Result<bool, StorageError> {
        self.read(self.inner.has_admin(now)).await
    }

    async fn touch_tokens(&self, uses: Vec<(String, Millis)>) -> Result<(), StorageError> {
        self.write(self.inner.touch_tokens(uses)).await
    }

    async fn insert_project(&self, project: ProjectRecord) -> Result<(), StorageError> {
        self.write(self.inner.insert_project(project)).await
    }

    async fn project(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Option<ProjectRecord>, StorageError> {
        self.read(self.inner.project(owner, name)).await
    }

    async fn projects(&self, owner: &str, page: &Page) -> Result<Vec<ProjectRecord>, StorageError> {
        self.read(self.inner.projects(owner, page)).await
    }
}

#[async_trait]
impl ComponentStorage for SimStorage {
    async fn register(&self, registration: Registration) -> Result<Registered, StorageError> {
        self.write(self.inner.register(registration)).await
    }

    async fn version(
        &self,
        owner: &str,
        component: &str,
        version: &str,
    ) -> Result<Option<VersionRecord>, StorageError> {
        self.read(self.inner.version(owner, component, version))
            .await
    }

    async fn pinned(
        &self,
        owner: &str,
        component: &str,
        digest: &str,
    ) -> Result<Option<VersionRecord>, StorageError> {
        self.read(self.inner.pinned(owner, component, digest)).await
    }

    async fn revision(&self, digest: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.read(self.inner.revision(digest)).await
    }

    async fn versions(
        &self,
        owner: &str,
        component: &str,
        page: &Page,
    ) -> Result<Vec<VersionRecord>, StorageError> {
        self.read(self.inner.versions(owner, component, page)).await
    }

    async fn component(
        &self,
        owner: &str,
        component: &str,
    ) -> Result<Option<ComponentRecord>, StorageError> {
        self.read(self.inner.component(owner, component)).await
    }

    async fn components(
        &self,
        owner: &str,
        page: &Page,
    ) -> Result<Vec<ComponentRecord>, StorageError> {
        self.read(self.inner.components(owner, page)).await
    }

    async fn component_names(&self) -> Result<Vec<String>, StorageError> {
        self.read(self.inner.component_names()).await
    }
}

#[async_trait]
impl LogStorage for SimStorage {
    async fn open_log(&self, key: &LogKey) -> Result<(), StorageError> {
        self.write(self.inner.open_log(key)).await
    }

    async fn end_log(&self, key: &LogKey) -> Result<(), StorageError> {
        self.write(self.inner.end_log(key)).await
    }

    async fn mark_incomplete(&self, run: &str) -> Result<(), StorageError> {
        self.write(self.inner.mark_incomplete(run)).await
    }

    async fn log_streams(&self, run: &str) -> Result<Vec<LogStream>, StorageError> {
        self.read(self.inner.log_streams(run)).await
    }

    async fn add_segment(&self, key: &LogKey, segment: LogSegment) -> Result<(), StorageError> {
        self.write(self.inner.add_segment(key, segment)).await
    }

    async fn segments(&self, key: &LogKey) -> Result<Vec<LogSegment>, StorageError> {
        self.read(self.inner.segments(key)).await
    }

    async fn sealed_size(&self, run: &str) -> Result<u64, StorageError> {
        self.read(self.inner.sealed_size(run)).await
    }
}
