//! Leave to follow an output.

use tokio::sync::OwnedSemaphorePermit;

/// Leave to follow the output of a container, until it is dropped.
#[derive(Debug, Default)]
pub struct Turn(Option<OwnedSemaphorePermit>);

impl Turn {
    /// One of a limited number.
    pub fn limited(permit: OwnedSemaphorePermit) -> Self {
        Self(Some(permit))
    }

    /// Whether others wait until it is dropped.
    pub fn is_limited(&self) -> bool {
        self.0.is_some()
    }
}
