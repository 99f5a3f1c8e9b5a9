//! From the bytes that a user wrote to a revision.

use polyaxon_spec::component::Component;
use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::source::Source;

use crate::domain::components::{MAX_DESCRIPTION, MAX_TAG, MAX_TAGS, Revision};

/// A component that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) revision: Revision,
    /// As lists show it: cut where it is too long for them.
    pub(super) description: String,
    /// As lists show them: without those that are too long.
    pub(super) tags: Vec<String>,
}

/// Reads YAML or JSON; `name` stands in diagnostics.
///
/// # Errors
/// When it is too large, not YAML or not a component.
pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Document, Report> {
    let source = Source::from_bytes(name, bytes)?;
    // Warnings were shown to the author when the file was checked.
    let (component, _warnings) = Component::read(&source)?;
    Ok(Document {
        description: component
            .description()
            .unwrap_or_default()
            .chars()
            .take(MAX_DESCRIPTION)
            .collect(),
        tags: component
            .tags()
            .into_iter()
            .filter(|tag| tag.chars().count() <= MAX_TAG)
            .take(MAX_TAGS)
            .map(Into::into)
            .collect(),
        revision: Revision {
            digest: component.digest(),
            content: component.canonical_json().into_bytes(),
        },
    })
}
