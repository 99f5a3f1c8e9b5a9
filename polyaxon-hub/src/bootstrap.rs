//! What the first start puts into an empty database.

use secrecy::SecretString;
use thiserror::Error;

use crate::clock::new_id;
use crate::data_dir::{DataDir, DataDirError};
use crate::domain::access::{Scope, TokenRecord, admit, hash, secret};
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
    /// The given token was another one once.
    #[error(
        "the token of `--admin-token-file` cannot be an admin's: this hub knows it as `{name}`, which was revoked, has expired or is of another scope; write a new one into the file"
    )]
    Spent {
        /// Name of the token that it was.
        name: String,
    },
}

/// Name of the token that an operator gave. No token that is made through the hub has a dot in its name.
pub const GIVEN: &str = "admin.file";

/// Makes the `given` token an admin's, or makes one up if none can log in any more; and makes the default project if it is missing.
///
/// The token's file is written before its row: a crash between the two leaves a file that the next start replaces.
///
/// # Errors
/// When folder or database cannot be written, or the given token is spent.
pub async fn run(
    data: &DataDir,
    storage: &dyn Storage,
    given: Option<&SecretString>,
    now: Millis,
) -> Result<(), BootstrapError> {
    if let Some(given) = given {
        take_admin(storage, given, now).await?;
    } else if !storage.has_admin(now).await? {
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

/// The token takes the place of the one that was given before.
async fn take_admin(
    storage: &dyn Storage,
    given: &SecretString,
    now: Millis,
) -> Result<(), BootstrapError> {
    let hash = hash(given);
    if let Some(known) = storage.token_by_hash(&hash).await? {
        return match admit(Some(&known), &hash, now) {
            Ok(principal) if principal.scope == Scope::Admin => Ok(()),
            _ => Err(BootstrapError::Spent { name: known.name }),
        };
    }
    if storage.revoke_token(GIVEN, now).await?.is_some() {
        tracing::info!("the admin's token of before is revoked: the file has another one");
    }
    storage
        .insert_token(TokenRecord {
            id: new_id(),
            name: GIVEN.into(),
            scope: Scope::Admin,
            hash,
            created_at: now,
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
        })
        .await?;
    tracing::info!(name = GIVEN, "took the admin's token of the file");
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
