//! What the first start puts into an empty database.

use thiserror::Error;

use crate::clock::new_id;
use crate::data_dir::{DataDir, DataDirError};
use crate::domain::access::{Scope, TokenRecord, hash, secret};
use crate::domain::names::{DEFAULT_OWNER, DEFAULT_PROJECT};
use crate::domain::time::Millis;
use crate::storage::access::ProjectRecord;
use crate::storage::{Storage, StorageError};

/// Why the first start failed.
#[derive(Debug, Error)]
pub enum BootstrapError {
    /// The folder.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Makes an admin's token if none can log in any more, and the default project if it is missing.
///
/// The token's file is written before its row: a crash between the two leaves a file that the next start replaces.
///
/// # Errors
/// When folder or database cannot be written.
pub async fn run(data: &DataDir, storage: &dyn Storage, now: Millis) -> Result<(), BootstrapError> {
    if !storage.has_admin(now).await? {
        make_admin(data, storage, now).await?;
    }
    if storage
        .project(DEFAULT_OWNER, DEFAULT_PROJECT)
        .await?
        .is_none()
    {
        storage
            .insert_project(ProjectRecord {
                uuid: new_id(),
                owner: DEFAULT_OWNER.into(),
                name: DEFAULT_PROJECT.into(),
                description: String::new(),
                created_at: now,
            })
            .await?;
    }
    Ok(())
}

async fn make_admin(
    data: &DataDir,
    storage: &dyn Storage,
    now: Millis,
) -> Result<(), BootstrapError> {
    let secret = secret(rand::random());
    data.write_admin_token(&secret)?;
    let id = new_id();
    let record = |name: String| TokenRecord {
        id: id.clone(),
        name,
        scope: Scope::Admin,
        hash: hash(&secret),
        created_at: now,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    match storage.insert_token(record("admin".into())).await {
        // An expired token, or one of another scope, has the name.
        Err(StorageError::Exists { .. }) => {
            storage.insert_token(record(format!("admin-{id}"))).await?;
        }
        other => other?,
    }
    tracing::info!(file = %data.admin_token().display(), "wrote the admin's token");
    Ok(())
}
