//! The components that come with the hub: embedded, read-only, the same without a network.

#[path = "../../../components/embedded.rs"]
mod embedded;

use super::{VersionContent, document};
use crate::domain::components::{
    ComponentRecord, LATEST, OFFICIAL_OWNER, Revision, Stage, VersionRecord,
};
use crate::domain::page::Page;
use embedded::EMBEDDED;
use polyaxon_spec::diagnostic::Report;

/// The official components, by name, each with `latest` first.
#[derive(Debug, Clone)]
pub struct Official {
    versions: Vec<VersionContent>,
}

impl Official {
    /// Reads the embedded documents; the newest version of each component is also its `latest`.
    ///
    /// # Errors
    /// When an embedded document is not a component.
    pub fn embedded() -> Result<Self, Report> {
        let mut versions: Vec<VersionContent> = Vec::new();
        for (component, version, text) in EMBEDDED {
            let document = document::read(&format!("{component}:{version}"), text.as_bytes())?;
            let with_name = |name: &str| {
                content(
                    component,
                    name,
                    &document.revision,
                    &document.description,
                    &document.tags,
                )
            };
            let known = versions
                .iter()
                .any(|version| version.version.component == component);
            if !known {
                versions.push(with_name(LATEST));
            }
            versions.push(with_name(version));
        }
        Ok(Self { versions })
    }

    /// One version.
    #[must_use]
    pub fn version(&self, component: &str, version: &str) -> Option<&VersionContent> {
        self.of(component)
            .find(|found| found.version.name == version)
    }

    /// The first version that points at the digest.
    #[must_use]
    pub fn pinned(&self, component: &str, digest: &str) -> Option<&VersionContent> {
        self.of(component)
            .find(|found| found.version.digest == digest)
    }

    /// Versions of a component, keyed as [`crate::storage::components::version_key`] with the name for an id.
    #[must_use]
    pub fn versions(&self, component: &str, page: &Page) -> Vec<VersionRecord> {
        let seen = page
            .after
            .as_deref()
            .and_then(|key| self.of(component).position(|found| key_of(found) == key))
            .map_or(0, |position| position + 1);
        self.of(component)
            .skip(seen)
            .take(page.size as usize)
            .map(|found| found.version.clone())
            .collect()
    }

    /// One component.
    #[must_use]
    pub fn component(&self, component: &str) -> Option<ComponentRecord> {
        let first = self.of(component).next()?;
        Some(ComponentRecord {
            owner: OFFICIAL_OWNER.into(),
            name: component.into(),
            description: first.version.description.clone(),
            tags: first.version.tags.clone(),
            updated_at: None,
            versions: self.of(component).count() as u64,
        })
    }

    /// Components by name.
    #[must_use]
    pub fn components(&self, page: &Page) -> Vec<ComponentRecord> {
        let after = page.after.as_deref().unwrap_or_default();
        let mut names: Vec<&str> = self.names().filter(|name| *name > after).collect();
        names.sort_unstable();
        names
            .into_iter()
            .take(page.size as usize)
            .filter_map(|name| self.component(name))
            .collect()
    }

    /// Names of the components.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.versions
            .iter()
            .filter(|found| found.version.name == LATEST)
            .map(|found| found.version.component.as_str())
    }

    fn of(&self, component: &str) -> impl Iterator<Item = &VersionContent> {
        self.versions
            .iter()
            .filter(move |found| found.version.component == component)
    }
}

fn key_of(found: &VersionContent) -> String {
    crate::storage::components::version_key(&found.version)
}

fn content(
    component: &str,
    version: &str,
    revision: &Revision,
    description: &str,
    tags: &[String],
) -> VersionContent {
    VersionContent {
        version: VersionRecord {
            // Keys of pages need it to differ within the component.
            id: version.into(),
            owner: OFFICIAL_OWNER.into(),
            component: component.into(),
            name: version.into(),
            digest: revision.digest.clone(),
            description: description.into(),
            tags: tags.to_vec(),
            stage: Stage::Production,
            yanked_at: None,
            created_by: String::new(),
            created_at: None,
            updated_at: None,
        },
        content: revision.content.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kaniko_is_there_under_both_names() {
        let official = Official::embedded().unwrap();
        let latest = official.version("kaniko", "latest").unwrap();
        let named = official.version("kaniko", "0.1").unwrap();
        assert_eq!(latest.version.digest, named.version.digest);
        assert_eq!(latest.content, named.content);
        assert_eq!(official.component("kaniko").unwrap().versions, 2);
        assert_eq!(official.names().collect::<Vec<_>>(), ["kaniko"]);
        assert!(official.component("slack").is_none());
    }

    #[test]
    fn pages_join_without_a_gap() {
        let official = Official::embedded().unwrap();
        let mut page = Page {
            size: 1,
            after: None,
        };
        let mut names = Vec::new();
        while let Some(version) = official.versions("kaniko", &page).pop() {
            page.after = Some(crate::storage::components::version_key(&version));
            names.push(version.name);
        }
        assert_eq!(names, ["latest", "0.1"]);
    }
}
