//! Reads a build's log while it streams to the hub.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::classify::BuildLog;
use crate::executor::LogPiece;

#[derive(Debug, Default)]
struct State {
    log: BuildLog,
    /// Where the reader is, in bytes of raw output.
    read: u64,
    /// End of what the log has.
    taken: u64,
    dockerfile: Option<String>,
}

/// What is known of a build from its main container's output.
#[derive(Debug, Default)]
pub struct BuildObserver(Mutex<State>);

impl BuildObserver {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader starts over at the first byte.
    pub fn rewind(&self) {
        self.lock().read = 0;
    }

    /// Takes the next piece; what was seen before a reader started over counts once.
    pub fn push(&self, piece: &LogPiece) {
        let mut state = self.lock();
        let start = state.read;
        state.read += piece.data.len() as u64;
        let known = usize::try_from(state.taken.saturating_sub(start)).unwrap_or(usize::MAX);
        if let Some(new) = piece.data.get(known..).filter(|new| !new.is_empty()) {
            state.log.push(new, Some(piece.at_ns));
            state.taken = state.read;
        }
    }

    /// The text of the Dockerfile, read from the container.
    pub fn set_dockerfile(&self, text: String) {
        self.lock().dockerfile = Some(text);
    }

    pub(super) fn dockerfile(&self) -> Option<String> {
        self.lock().dockerfile.clone()
    }

    /// Looks at the log as it stands.
    pub(super) fn with_log<T>(&self, look: impl FnOnce(&BuildLog) -> T) -> T {
        let mut log = self.lock().log.clone();
        log.finish();
        look(&log)
    }
}
