//! Which attempt of which run.

use std::fmt;
use std::sync::Arc;

/// One try at a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptKey {
    /// Uuid of the run, 32 hex digits; shared, because a key is kept in many places.
    pub run: Arc<str>,
    /// Counts from 1.
    pub attempt: u32,
}

impl AttemptKey {
    /// Key of an attempt.
    pub fn new(run: impl Into<Arc<str>>, attempt: u32) -> Self {
        Self {
            run: run.into(),
            attempt,
        }
    }

    /// Name of the attempt's object: `plx-operation-<uuid>`, with `-<n>` from the second attempt on.
    pub fn object_name(&self) -> String {
        match self.attempt {
            0 | 1 => format!("plx-operation-{}", self.run),
            attempt => format!("plx-operation-{}-{attempt}", self.run),
        }
    }
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.run, self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_has_no_suffix() {
        assert_eq!(AttemptKey::new("ab", 1).object_name(), "plx-operation-ab");
        assert_eq!(AttemptKey::new("ab", 2).object_name(), "plx-operation-ab-2");
    }
}
