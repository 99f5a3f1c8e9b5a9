//! Components of this hub: those that come with it, and those that its users register.

mod collect;
mod document;
mod error;
mod official;
mod resolve;

use std::sync::Arc;

pub use collect::{CollectError, Collected, CollectedReference, collect};
pub use error::{LookupError, RegisterError};
pub use official::Official;
pub use resolve::Resolved;

use crate::domain::components::{
    Change, ComponentRecord, LATEST, MAX_DESCRIPTION, MAX_TAG, MAX_TAGS, OFFICIAL_OWNER,
    Registration, VersionRecord, nearest,
};
use crate::domain::names;
use crate::domain::page::Page;
use crate::domain::time::Millis;
use crate::storage::components::Registered;
use crate::storage::{Storage, StorageError};

/// Versions that an error message names.
const VERSIONS_NAMED: u32 = 3;

/// A version with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionContent {
    /// The version.
    pub version: VersionRecord,
    /// Canonical JSON of the component.
    pub content: Vec<u8>,
}

/// What a caller asks to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Owner of the component.
    pub owner: String,
    /// Name of the component.
    pub component: String,
    /// Name of the version; empty means `latest`.
    pub version: String,
    /// The authored document.
    pub content: Vec<u8>,
    /// Free text; empty takes the document's own.
    pub description: String,
    /// Free words; none takes the document's own.
    pub tags: Vec<String>,
}

/// Reads and registers components.
pub struct Components {
    storage: Arc<dyn Storage>,
    official: Official,
}

impl Components {
    /// Over this storage and the components that come with the hub.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, official: Official) -> Self {
        Self { storage, official }
    }

    /// One version with its content, whatever its stage.
    ///
    /// # Errors
    /// When component or version does not exist; near names are in the error.
    pub async fn version(
        &self,
        owner: &str,
        component: &str,
        version: &str,
    ) -> Result<VersionContent, LookupError> {
        if owner == OFFICIAL_OWNER {
            if let Some(found) = self.official.version(component, version) {
                return Ok(found.clone());
            }
        } else if let Some(found) = self.storage.version(owner, component, version).await? {
            return self.with_content(found).await;
        }
        Err(self.unknown(owner, component, version).await?)
    }

    /// Versions of a component, newest update first.
    ///
    /// # Errors
    /// When the component does not exist.
    pub async fn versions(
        &self,
        owner: &str,
        component: &str,
        page: &Page,
    ) -> Result<Vec<VersionRecord>, LookupError> {
        self.component(owner, component).await?;
        if owner == OFFICIAL_OWNER {
            return Ok(self.official.versions(component, page));
        }
        Ok(self.storage.versions(owner, component, page).await?)
    }

    /// One component.
    ///
    /// # Errors
    /// When it does not exist; near names are in the error.
    pub async fn component(
        &self,
        owner: &str,
        component: &str,
    ) -> Result<ComponentRecord, LookupError> {
        let found = if owner == OFFICIAL_OWNER {
            self.official.component(component)
        } else {
            self.storage.component(owner, component).await?
        };
        match found {
            Some(found) => Ok(found),
            None => Err(self.unknown_component(owner, component).await?),
        }
    }

    /// Components of an owner by name.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn components(
        &self,
        owner: &str,
        page: &Page,
    ) -> Result<Vec<ComponentRecord>, StorageError> {
        if owner == OFFICIAL_OWNER {
            return Ok(self.official.components(page));
        }
        self.storage.components(owner, page).await
    }

    /// Checks a document and registers it.
    ///
    /// # Errors
    /// When a name or the document is not valid, the owner is reserved, or the version exists and may not move.
    pub async fn register(
        &self,
        submission: Submission,
        actor: &str,
        at: Millis,
    ) -> Result<Registered, RegisterError> {
        let Submission {
            owner,
            component,
            version,
            content,
            description,
            tags,
        } = submission;
        names::slug("owner", &owner)?;
        names::slug("component name", &component)?;
        let version = names::or_default(&version, LATEST).to_owned();
        names::version(&version)?;
        if owner == OFFICIAL_OWNER {
            return Err(RegisterError::Reserved { component });
        }
        let long = description.chars().count() > MAX_DESCRIPTION
            || tags.len() > MAX_TAGS
            || tags.iter().any(|tag| tag.chars().count() > MAX_TAG);
        if long {
            return Err(RegisterError::TooLong);
        }
        let source = format!("{owner}/{component}:{version}");
        let document = document::read(&source, &content).map_err(RegisterError::Document)?;
        let registered = self
            .storage
            .register(Registration {
                owner,
                component,
                version,
                revision: document.revision,
                description: if description.is_empty() {
                    document.description
                } else {
                    description
                },
                tags: if tags.is_empty() { document.tags } else { tags },
                actor: actor.into(),
                at,
            })
            .await?;
        if registered.change == Change::Refuse {
            return Err(RegisterError::Immutable {
                reference: source,
                digest: registered.version.digest,
            });
        }
        Ok(registered)
    }

    async fn with_content(&self, version: VersionRecord) -> Result<VersionContent, LookupError> {
        let content = self
            .storage
            .revision(&version.digest)
            .await?
            .ok_or_else(|| StorageError::Corrupt {
                what: "a version without its revision",
                value: version.digest.clone(),
            })?;
        Ok(VersionContent { version, content })
    }

    /// Why a version was not found, with near names.
    async fn unknown(
        &self,
        owner: &str,
        component: &str,
        version: &str,
    ) -> Result<LookupError, LookupError> {
        self.component(owner, component).await?;
        let mut page = Page {
            size: crate::domain::page::MAX_SIZE,
            after: None,
        };
        let versions = self.versions(owner, component, &page).await?;
        let near = nearest(
            version,
            versions.iter().map(|version| version.name.as_str()),
        );
        page.size = VERSIONS_NAMED;
        let recent = versions
            .iter()
            .take(page.size as usize)
            .map(|version| version.name.clone())
            .collect();
        Ok(LookupError::UnknownVersion {
            component: short(owner, component),
            version: version.into(),
            near: near.into_iter().map(str::to_owned).collect(),
            recent,
        })
    }

    async fn unknown_component(
        &self,
        owner: &str,
        component: &str,
    ) -> Result<LookupError, StorageError> {
        let stored = self.storage.component_names().await?;
        let all: Vec<(&str, &str)> = self
            .official
            .names()
            .map(|name| (OFFICIAL_OWNER, name))
            .chain(stored.iter().filter_map(|full| full.split_once('/')))
            .collect();
        let mut near: Vec<(&str, &str)> = nearest(component, all.iter().map(|(_, name)| *name))
            .into_iter()
            .flat_map(|near| all.iter().filter(move |(_, name)| *name == near).copied())
            .collect();
        near.sort_by_key(|(theirs, _)| *theirs != owner);
        near.dedup();
        near.truncate(VERSIONS_NAMED as usize);
        Ok(LookupError::UnknownComponent {
            component: short(owner, component),
            near: near
                .into_iter()
                .map(|(owner, name)| short(owner, name))
                .collect(),
        })
    }
}

/// `owner/name` as users type it: the official owner is left out.
fn short(owner: &str, component: &str) -> String {
    if owner == OFFICIAL_OWNER {
        component.into()
    } else {
        format!("{owner}/{component}")
    }
}
