//! Components in SQLite.

use async_trait::async_trait;
use polyaxon_spec::component::COMPONENT_MEDIA_TYPE;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteStorage;
use super::row::{Columns as _, failed};
use crate::clock::new_id;
use crate::domain::components::{
    Change, ComponentRecord, Registration, Stage, VersionRecord, change,
};
use crate::domain::page::Page;
use crate::storage::StorageError;
use crate::storage::components::{ComponentStorage, NAMES_FOR_SUGGESTIONS, Registered};

const ONE_VERSION: &str = "SELECT v.*, c.owner, c.name AS component FROM version v \
     JOIN component c ON c.id = v.component_id WHERE c.owner = ? AND c.name = ? AND v.name = ?";

/// The current target first, then what the history holds.
const PINNED: &str = "SELECT v.*, c.owner, c.name AS component FROM version v \
     JOIN component c ON c.id = v.component_id \
     WHERE c.owner = ?1 AND c.name = ?2 AND (v.digest = ?3 OR EXISTS \
     (SELECT 1 FROM version_history h WHERE h.version_id = v.id AND h.new_digest = ?3)) \
     ORDER BY v.digest = ?3 DESC, v.updated_at DESC, v.id DESC LIMIT 1";

const VERSIONS: &str = "SELECT v.*, c.owner, c.name AS component FROM version v \
     JOIN component c ON c.id = v.component_id \
     WHERE c.owner = ? AND c.name = ? AND (v.updated_at, v.id) < (?, ?) \
     ORDER BY v.updated_at DESC, v.id DESC LIMIT ?";

const ONE_COMPONENT: &str = "SELECT c.*, (SELECT count(*) FROM version v WHERE v.component_id = c.id) AS versions \
     FROM component c WHERE c.owner = ? AND c.name = ?";

const COMPONENTS: &str = "SELECT c.*, (SELECT count(*) FROM version v WHERE v.component_id = c.id) AS versions \
     FROM component c WHERE c.owner = ? AND c.name > ? ORDER BY c.name LIMIT ?";

#[async_trait]
impl ComponentStorage for SqliteStorage {
    async fn register(&self, registration: Registration) -> Result<Registered, StorageError> {
        self.writer
            .run(move |connection| Box::pin(register(connection, registration)))
            .await
    }

    async fn version(
        &self,
        owner: &str,
        component: &str,
        version: &str,
    ) -> Result<Option<VersionRecord>, StorageError> {
        let row = sqlx::query(ONE_VERSION)
            .bind(owner)
            .bind(component)
            .bind(version)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(read_version).transpose()
    }

    async fn pinned(
        &self,
        owner: &str,
        component: &str,
        digest: &str,
    ) -> Result<Option<VersionRecord>, StorageError> {
        let row = sqlx::query(PINNED)
            .bind(owner)
            .bind(component)
            .bind(digest)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        let version = row.as_ref().map(read_version).transpose()?;
        Ok(version.map(|version| VersionRecord {
            digest: digest.into(),
            ..version
        }))
    }

    async fn revision(&self, digest: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let row = sqlx::query("SELECT content FROM revision WHERE digest = ?")
            .bind(digest)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(|row| row.bytes("content")).transpose()
    }

    async fn versions(
        &self,
        owner: &str,
        component: &str,
        page: &Page,
    ) -> Result<Vec<VersionRecord>, StorageError> {
        let (updated, id) = page
            .after
            .as_deref()
            .and_then(|key| key.split_once('.'))
            .and_then(|(updated, id)| Some((updated.parse::<i64>().ok()?, id)))
            .unwrap_or((i64::MAX, ""));
        let rows = sqlx::query(VERSIONS)
            .bind(owner)
            .bind(component)
            .bind(updated)
            .bind(id)
            .bind(page.size)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.iter().map(read_version).collect()
    }

    async fn component(
        &self,
        owner: &str,
        component: &str,
    ) -> Result<Option<ComponentRecord>, StorageError> {
        let row = sqlx::query(ONE_COMPONENT)
            .bind(owner)
            .bind(component)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(read_component).transpose()
    }

    async fn components(
        &self,
        owner: &str,
        page: &Page,
    ) -> Result<Vec<ComponentRecord>, StorageError> {
        let rows = sqlx::query(COMPONENTS)
            .bind(owner)
            .bind(page.after.as_deref().unwrap_or_default())
            .bind(page.size)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.iter().map(read_component).collect()
    }

    async fn component_names(&self) -> Result<Vec<String>, StorageError> {
        let rows = sqlx::query(
            "SELECT owner || '/' || name AS full FROM component ORDER BY owner, name LIMIT ?",
        )
        .bind(NAMES_FOR_SUGGESTIONS)
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.iter().map(|row| row.text("full")).collect()
    }
}

async fn register(
    connection: &mut SqliteConnection,
    registration: Registration,
) -> Result<Registered, StorageError> {
    let existing = find(connection, &registration).await?;
    let change = change(
        &registration.version,
        existing.as_ref().map(|version| version.digest.as_str()),
        &registration.revision.digest,
    );
    if matches!(change, Change::Create | Change::Move) {
        write(connection, &registration, existing.as_ref()).await?;
    }
    let version = match (change, existing) {
        (Change::Keep | Change::Refuse, Some(version)) => version,
        _ => find(connection, &registration)
            .await?
            .ok_or_else(|| StorageError::Corrupt {
                what: "no row of a version just written",
                value: registration.version.clone(),
            })?,
    };
    Ok(Registered { change, version })
}

async fn find(
    connection: &mut SqliteConnection,
    registration: &Registration,
) -> Result<Option<VersionRecord>, StorageError> {
    let row = sqlx::query(ONE_VERSION)
        .bind(&registration.owner)
        .bind(&registration.component)
        .bind(&registration.version)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    row.as_ref().map(read_version).transpose()
}

async fn write(
    connection: &mut SqliteConnection,
    registration: &Registration,
    existing: Option<&VersionRecord>,
) -> Result<(), StorageError> {
    let at = registration.at.0;
    let tags = serde_json::Value::from(registration.tags.clone()).to_string();
    sqlx::query(
        "INSERT INTO revision (digest, media_type, content, created_at) VALUES (?, ?, ?, ?) \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(&registration.revision.digest)
    .bind(COMPONENT_MEDIA_TYPE)
    .bind(&registration.revision.content)
    .bind(at)
    .execute(&mut *connection)
    .await
    .map_err(failed)?;
    let component = sqlx::query(
        "INSERT INTO component (id, owner, name, description, tags, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (owner, name) DO UPDATE \
         SET description = ?4, tags = ?5, updated_at = max(updated_at, ?6) RETURNING id",
    )
    .bind(new_id())
    .bind(&registration.owner)
    .bind(&registration.component)
    .bind(&registration.description)
    .bind(&tags)
    .bind(at)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?
    .text("id")?;
    let version = sqlx::query(
        "INSERT INTO version (id, component_id, name, digest, description, tags, stage, created_by, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9) ON CONFLICT (component_id, name) DO UPDATE \
         SET digest = ?4, description = ?5, tags = ?6, updated_at = max(updated_at, ?9) RETURNING id",
    )
    .bind(new_id())
    .bind(component)
    .bind(&registration.version)
    .bind(&registration.revision.digest)
    .bind(&registration.description)
    .bind(&tags)
    .bind(Stage::Testing.as_str())
    .bind(&registration.actor)
    .bind(at)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?
    .text("id")?;
    sqlx::query(
        "INSERT INTO version_history (version_id, n, old_digest, new_digest, actor, at) \
         SELECT ?1, coalesce(max(n), 0) + 1, ?2, ?3, ?4, ?5 FROM version_history WHERE version_id = ?1",
    )
    .bind(version)
    .bind(existing.map(|version| version.digest.clone()))
    .bind(&registration.revision.digest)
    .bind(&registration.actor)
    .bind(at)
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(())
}

fn read_version(row: &SqliteRow) -> Result<VersionRecord, StorageError> {
    Ok(VersionRecord {
        id: row.text("id")?,
        owner: row.text("owner")?,
        component: row.text("component")?,
        name: row.text("name")?,
        digest: row.text("digest")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        stage: row.word("stage", Stage::parse)?,
        yanked_at: row.maybe_millis("yanked_at")?,
        created_by: row.text("created_by")?,
        created_at: Some(row.millis("created_at")?),
        updated_at: Some(row.millis("updated_at")?),
    })
}

fn read_component(row: &SqliteRow) -> Result<ComponentRecord, StorageError> {
    Ok(ComponentRecord {
        owner: row.text("owner")?,
        name: row.text("name")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        updated_at: Some(row.millis("updated_at")?),
        versions: row.count("versions")?,
    })
}
