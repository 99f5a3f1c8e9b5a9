//! Leave to read an output.

use tokio::sync::OwnedSemaphorePermit;

/// Leave to read the output of a container, until it is dropped.
#[derive(Debug, Default)]
pub struct Turn(
    #[expect(dead_code, reason = "it is held until it is dropped")] Option<OwnedSemaphorePermit>,
);

impl Turn {
    /// One of a limited number.
    pub fn limited(permit: OwnedSemaphorePermit) -> Self {
        Self(Some(permit))
    }
}
