//! Leave to read an output.

use tokio::sync::OwnedSemaphorePermit;

/// Leave to read the output of a container, until it is dropped.
#[derive(Debug, Default)]
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
    is_whole: bool,
}

impl Turn {
    /// One of a limited number.
    pub fn limited(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: Some(permit),
            is_whole: false,
        }
    }

    /// To read what will not grow any more.
    #[must_use]
    pub fn of_whole(self) -> Self {
        Self {
            is_whole: true,
            ..self
        }
    }

    /// Whether the container had ended when the turn came.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }
}
