//! Versioned components: what a version is, when its name may move and which versions may be used.

mod nearest;
mod stage;

pub use nearest::nearest;
pub use stage::Stage;

use super::time::Millis;

/// Owner of the components that come with the hub; nobody registers there.
pub const OFFICIAL_OWNER: &str = "polyaxon";

/// The version that a reference without one means, and the only name that moves.
pub const LATEST: &str = "latest";

/// Longest description of a version, in characters; a page of 200 versions has to fit into one message.
pub const MAX_DESCRIPTION: usize = 1024;
/// Most tags of a version.
pub const MAX_TAGS: usize = 32;
/// Longest tag, in characters.
pub const MAX_TAG: usize = 64;

/// Immutable content, named by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// `sha256:` and 64 hex digits over the content.
    pub digest: String,
    /// Canonical JSON of the component.
    pub content: Vec<u8>,
}

/// A name that points at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// 32 hex digits; empty for the official components.
    pub id: String,
    /// Owner of the component.
    pub owner: String,
    /// Name of the component.
    pub component: String,
    /// Name of the version.
    pub name: String,
    /// The revision that it points at now.
    pub digest: String,
    /// Free text.
    pub description: String,
    /// Free words.
    pub tags: Vec<String>,
    /// How far it may be used.
    pub stage: Stage,
    /// Since when it is not selected by name any more.
    pub yanked_at: Option<Millis>,
    /// Name of the token that registered it; empty for the official components.
    pub created_by: String,
    /// When the name was made; absent for the official components.
    pub created_at: Option<Millis>,
    /// When it last moved or changed.
    pub updated_at: Option<Millis>,
}

/// A component as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentRecord {
    /// Its owner.
    pub owner: String,
    /// Unique within the owner.
    pub name: String,
    /// Description of the version registered last.
    pub description: String,
    /// Tags of the version registered last.
    pub tags: Vec<String>,
    /// When a version was last registered; absent for the official components.
    pub updated_at: Option<Millis>,
    /// How many versions it has.
    pub versions: u64,
}

/// A registration that passed every check of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Owner of the component, made if absent.
    pub owner: String,
    /// Name of the component.
    pub component: String,
    /// Name of the version.
    pub version: String,
    /// What it is to point at.
    pub revision: Revision,
    /// Free text.
    pub description: String,
    /// Free words.
    pub tags: Vec<String>,
    /// Name of the caller's token.
    pub actor: String,
    /// Now.
    pub at: Millis,
}

/// What a registration does to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The name is new.
    Create,
    /// The name points there already.
    Keep,
    /// The name moves to the new content.
    Move,
    /// The name may not move.
    Refuse,
}

/// Whether the name of a version may move to other content.
#[must_use]
pub fn is_mutable(version: &str) -> bool {
    version == LATEST
}

/// Decides what registering `digest` under `version` does when the name points at `existing` so far.
#[must_use]
pub fn change(version: &str, existing: Option<&str>, digest: &str) -> Change {
    match existing {
        None => Change::Create,
        Some(old) if old == digest => Change::Keep,
        Some(_) if is_mutable(version) => Change::Move,
        Some(_) => Change::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_latest_moves() {
        for (version, existing, expected) in [
            ("1.0", None, Change::Create),
            ("1.0", Some("a"), Change::Keep),
            ("1.0", Some("b"), Change::Refuse),
            ("latest", None, Change::Create),
            ("latest", Some("a"), Change::Keep),
            ("latest", Some("b"), Change::Move),
            ("Latest", Some("b"), Change::Refuse),
        ] {
            assert_eq!(
                change(version, existing, "a"),
                expected,
                "{version} {existing:?}"
            );
        }
    }
}
