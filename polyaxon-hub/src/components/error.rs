//! Why a component is not found or not registered.

use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::refs::BadHubRef;
use thiserror::Error;

use crate::domain::components::{MAX_DESCRIPTION, MAX_TAG, MAX_TAGS};
use crate::domain::names::BadName;
use crate::storage::StorageError;

/// A reference that does not lead to a component that may be used.
#[derive(Debug, Error)]
pub enum LookupError {
    /// Not a reference.
    #[error(transparent)]
    Malformed(#[from] BadHubRef),
    /// No such component.
    #[error(
        "there is no component `{component}` in this hub{}",
        suggestion(near, "`polyaxon components ls` prints what there is")
    )]
    UnknownComponent {
        /// As users type it.
        component: String,
        /// Near names, best first.
        near: Vec<String>,
    },
    /// The component has no such version.
    #[error("the component `{component}` has no version `{version}`{}", suggestion(near, &has(recent)))]
    UnknownVersion {
        /// As users type it.
        component: String,
        /// The version asked for.
        version: String,
        /// Near names, best first.
        near: Vec<String>,
        /// The versions updated last.
        recent: Vec<String>,
    },
    /// The component never had the pinned content.
    #[error(
        "the component `{component}` never had the content `{digest}`: check the pin, or leave it out to take the version"
    )]
    UnknownRevision {
        /// As users type it.
        component: String,
        /// The pin.
        digest: String,
    },
    /// The version is at the stage `disabled`.
    #[error("`{reference}` is disabled and not used for new runs: choose another version")]
    Disabled {
        /// What was asked for.
        reference: String,
    },
    /// The version was withdrawn.
    #[error(
        "`{reference}` was withdrawn: choose another version, or pin its content with `@{digest}`"
    )]
    Yanked {
        /// What was asked for.
        reference: String,
        /// What it points at.
        digest: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a component was not registered.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// A name is not allowed.
    #[error(transparent)]
    Name(#[from] BadName),
    /// Description or tags are too long.
    #[error(
        "a version has at most {MAX_DESCRIPTION} characters of description and {MAX_TAGS} tags of at most {MAX_TAG} characters: shorten them"
    )]
    TooLong,
    /// The document is not a component.
    #[error("the component is not valid: {0}")]
    Document(Report),
    /// The owner is the hub's own.
    #[error(
        "`polyaxon` owns the components that come with the hub: register `{component}` under another owner, for example `default/{component}`"
    )]
    Reserved {
        /// Name of the component.
        component: String,
    },
    /// The name exists and may not move.
    #[error(
        "`{reference}` exists with other content, `{digest}`, and only `latest` may move: register under another version"
    )]
    Immutable {
        /// `owner/name:version`.
        reference: String,
        /// What it points at.
        digest: String,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn suggestion(near: &[String], otherwise: &str) -> String {
    if near.is_empty() {
        format!(": {otherwise}")
    } else {
        format!(": did you mean {}?", list(near))
    }
}

fn has(recent: &[String]) -> String {
    format!("it has {}", list(recent))
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
