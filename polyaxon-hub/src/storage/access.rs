//! Tokens and projects.

use async_trait::async_trait;

use super::StorageError;
use crate::domain::access::TokenRecord;
use crate::domain::page::Page;
use crate::domain::time::Millis;

/// A project of an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    /// 32 hex digits.
    pub uuid: String,
    /// Who it belongs to.
    pub owner: String,
    /// Unique within the owner.
    pub name: String,
    /// Free text.
    pub description: String,
    /// When it was made.
    pub created_at: Millis,
}

/// Storage of tokens and projects.
#[async_trait]
pub trait AccessStorage: Send + Sync + 'static {
    /// Adds a token; [`StorageError::Exists`] when a live one has the name.
    async fn insert_token(&self, token: TokenRecord) -> Result<(), StorageError>;

    /// The token with this hash.
    async fn token_by_hash(&self, hash: &str) -> Result<Option<TokenRecord>, StorageError>;

    /// Tokens in the order they were made, keyed by id.
    async fn tokens(&self, page: &Page) -> Result<Vec<TokenRecord>, StorageError>;

    /// Takes back the token with this id, or the live one with this name.
    async fn revoke_token(
        &self,
        id_or_name: &str,
        now: Millis,
    ) -> Result<Option<TokenRecord>, StorageError>;

    /// Whether a token of the scope `admin` is neither revoked nor expired.
    async fn has_admin(&self, now: Millis) -> Result<bool, StorageError>;

    /// Notes when tokens were last used: pairs of id and time.
    async fn touch_tokens(&self, uses: Vec<(String, Millis)>) -> Result<(), StorageError>;

    /// Adds a project; [`StorageError::Exists`] when the owner has one of that name.
    async fn insert_project(&self, project: ProjectRecord) -> Result<(), StorageError>;

    /// One project.
    async fn project(&self, owner: &str, name: &str)
    -> Result<Option<ProjectRecord>, StorageError>;

    /// Projects of an owner by name.
    async fn projects(&self, owner: &str, page: &Page) -> Result<Vec<ProjectRecord>, StorageError>;
}
