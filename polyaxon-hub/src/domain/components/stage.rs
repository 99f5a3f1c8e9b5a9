//! How far a version may be used.

/// A label of a version; only `disabled` changes what the hub does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Fresh.
    Testing,
    /// On its way.
    Staging,
    /// Proven.
    Production,
    /// Refused for new runs.
    Disabled,
}

impl Stage {
    /// The word that the database and the protocol use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Testing => "testing",
            Self::Staging => "staging",
            Self::Production => "production",
            Self::Disabled => "disabled",
        }
    }

    /// Reads the word of [`Stage::as_str`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Testing,
            Self::Staging,
            Self::Production,
            Self::Disabled,
        ]
        .into_iter()
        .find(|stage| stage.as_str() == word)
    }
}
