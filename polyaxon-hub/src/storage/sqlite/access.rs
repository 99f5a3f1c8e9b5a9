//! Tokens and projects in SQLite.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;

use super::SqliteStorage;
use super::row::{Columns as _, exists, failed};
use crate::domain::access::{Scope, TokenRecord};
use crate::domain::page::Page;
use crate::domain::time::Millis;
use crate::storage::StorageError;
use crate::storage::access::{AccessStorage, ProjectRecord};

#[async_trait]
impl AccessStorage for SqliteStorage {
    async fn insert_token(&self, token: TokenRecord) -> Result<(), StorageError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO token (id, name, scope, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)")
                        .bind(token.id)
                        .bind(token.name.clone())
                        .bind(token.scope.as_str())
                        .bind(token.hash)
                        .bind(token.created_at.0)
                        .bind(token.expires_at.map(|at| at.0))
                        .execute(connection)
                        .await
                        .map_err(|error| exists(error, "token", &token.name))?;
                    Ok(())
                })
            })
            .await
    }

    async fn token_by_hash(&self, hash: &str) -> Result<Option<TokenRecord>, StorageError> {
        let row = sqlx::query("SELECT * FROM token WHERE hash = ?")
            .bind(hash)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(token).transpose()
    }

    async fn tokens(&self, page: &Page) -> Result<Vec<TokenRecord>, StorageError> {
        let rows = sqlx::query("SELECT * FROM token WHERE id > ? ORDER BY id LIMIT ?")
            .bind(page.after.as_deref().unwrap_or_default())
            .bind(page.size)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.iter().map(token).collect()
    }

    async fn revoke_token(
        &self,
        id_or_name: &str,
        now: Millis,
    ) -> Result<Option<TokenRecord>, StorageError> {
        let key = id_or_name.to_owned();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let row = sqlx::query(
                        "UPDATE token SET revoked_at = coalesce(revoked_at, ?2) \
                         WHERE id = ?1 OR (name = ?1 AND revoked_at IS NULL) RETURNING *",
                    )
                    .bind(key)
                    .bind(now.0)
                    .fetch_optional(connection)
                    .await
                    .map_err(failed)?;
                    row.as_ref().map(token).transpose()
                })
            })
            .await
    }

    async fn has_admin(&self, now: Millis) -> Result<bool, StorageError> {
        let row = sqlx::query(
            "SELECT 1 FROM token WHERE scope = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?) LIMIT 1",
        )
        .bind(Scope::Admin.as_str())
        .bind(now.0)
        .fetch_optional(&self.readers)
        .await
        .map_err(failed)?;
        Ok(row.is_some())
    }

    async fn touch_tokens(&self, uses: Vec<(String, Millis)>) -> Result<(), StorageError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    for (id, at) in uses {
                        sqlx::query("UPDATE token SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?")
                            .bind(at.0)
                            .bind(id)
                            .execute(&mut *connection)
                            .await
                            .map_err(failed)?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn insert_project(&self, project: ProjectRecord) -> Result<(), StorageError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO project (uuid, owner, name, description, created_at) VALUES (?, ?, ?, ?, ?)")
                        .bind(project.uuid)
                        .bind(project.owner.clone())
                        .bind(project.name.clone())
                        .bind(project.description)
                        .bind(project.created_at.0)
                        .execute(connection)
                        .await
                        .map_err(|error| exists(error, "project", &format!("{}/{}", project.owner, project.name)))?;
                    Ok(())
                })
            })
            .await
    }

    async fn project(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<Option<ProjectRecord>, StorageError> {
        let row = sqlx::query("SELECT * FROM project WHERE owner = ? AND name = ?")
            .bind(owner)
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(project).transpose()
    }

    async fn projects(&self, owner: &str, page: &Page) -> Result<Vec<ProjectRecord>, StorageError> {
        let rows =
            sqlx::query("SELECT * FROM project WHERE owner = ? AND name > ? ORDER BY name LIMIT ?")
                .bind(owner)
                .bind(page.after.as_deref().unwrap_or_default())
                .bind(page.size)
                .fetch_all(&self.readers)
                .await
                .map_err(failed)?;
        rows.iter().map(project).collect()
    }
}

fn token(row: &SqliteRow) -> Result<TokenRecord, StorageError> {
    Ok(TokenRecord {
        id: row.text("id")?,
        name: row.text("name")?,
        scope: row.word("scope", Scope::parse)?,
        hash: row.text("hash")?,
        created_at: row.millis("created_at")?,
        expires_at: row.maybe_millis("expires_at")?,
        last_used_at: row.maybe_millis("last_used_at")?,
        revoked_at: row.maybe_millis("revoked_at")?,
    })
}

fn project(row: &SqliteRow) -> Result<ProjectRecord, StorageError> {
    Ok(ProjectRecord {
        uuid: row.text("uuid")?,
        owner: row.text("owner")?,
        name: row.text("name")?,
        description: row.text("description")?,
        created_at: row.millis("created_at")?,
    })
}
