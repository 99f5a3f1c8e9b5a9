//! Reads a build's logs while they stream to the hub.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::classify::BuildLog;
use crate::executor::LogPiece;
use crate::logs::Position;

/// Bytes kept of what other containers wrote last.
const MAX_TAIL: usize = 8 * 1024;

/// What is known of one container's output.
#[derive(Debug, Default)]
struct Output {
    /// Where its reader is.
    position: Position,
    /// Its end, of containers other than main.
    tail: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    log: BuildLog,
    outputs: BTreeMap<String, Output>,
    dockerfile: Option<String>,
    /// Digest by name of base image, as registries told it.
    base_digests: BTreeMap<String, String>,
}

/// What is known of a build from the output of its containers.
#[derive(Debug)]
pub struct BuildObserver {
    /// Name of the main container.
    main: String,
    /// Made when it is first needed: there may be thousands of builds of which nothing is read yet.
    state: OnceLock<Box<Mutex<State>>>,
}

impl BuildObserver {
    /// An observer of a build whose main container has this name.
    pub fn new(main: &str) -> Self {
        Self {
            main: main.to_owned(),
            state: OnceLock::new(),
        }
    }

    /// Whether a container's output says what the build did.
    pub fn needs(&self, container: &str) -> bool {
        container == self.main
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.state.get_or_init(Box::default);
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader of a container starts over.
    pub fn rewind(&self, container: &str) {
        if self.state.get().is_none() {
            return;
        }
        if let Some(output) = self.lock().outputs.get_mut(container) {
            output.position.rewind();
        }
    }

    /// Takes the next piece of a container's output, which came at `now_ns`, unix nanoseconds; what was seen before a
    /// reader started over counts once.
    pub fn push(&self, container: &str, piece: &LogPiece, now_ns: i64) {
        let mut state = self.lock();
        let State { log, outputs, .. } = &mut *state;
        let output = outputs.entry(container.to_owned()).or_default();
        let fresh = output.position.take(piece);
        if fresh.data.is_empty() {
            return;
        }
        if self.needs(container) {
            let at_ns = Some(written_at(piece.at_ns, now_ns));
            if fresh.gap {
                // What follows is not the rest of a line.
                log.push(b"\n", at_ns);
            }
            log.push(&fresh.data, at_ns);
            return;
        }
        output.tail.extend_from_slice(&fresh.data);
        let surplus = output.tail.len().saturating_sub(MAX_TAIL);
        output.tail.drain(..surplus);
    }

    /// What a container other than main wrote last.
    pub(super) fn tail(&self, container: &str) -> String {
        let state = self.lock();
        let output = state.outputs.get(container);
        output.map_or_else(String::new, |output| {
            String::from_utf8_lossy(&output.tail).into_owned()
        })
    }

    /// The text of the Dockerfile, read from the container.
    pub fn set_dockerfile(&self, text: String) {
        self.lock().dockerfile = Some(text);
    }

    pub(super) fn dockerfile(&self) -> Option<String> {
        self.lock().dockerfile.clone()
    }

    /// What registries have under the names of base images.
    pub fn set_base_digests(&self, digests: Vec<(String, String)>) {
        self.lock().base_digests.extend(digests);
    }

    pub(super) fn base_digest(&self, name: &str) -> Option<String> {
        self.lock().base_digests.get(name).cloned()
    }

    /// Looks at the log as it stands.
    pub(super) fn with_log<T>(&self, look: impl FnOnce(&BuildLog) -> T) -> T {
        let mut log = self.lock().log.clone();
        log.finish();
        look(&log)
    }
}

/// When a piece was written. Some engines say only the second; a piece that has just come was written shortly before.
fn written_at(at_ns: i64, now_ns: i64) -> i64 {
    const SECOND: i64 = 1_000_000_000;
    if at_ns % SECOND == 0 {
        now_ns.clamp(at_ns, at_ns.saturating_add(SECOND - 1))
    } else {
        at_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_are_made_finer() {
        let second = 1_000_000_000;
        assert_eq!(written_at(5 * second + 7, 9 * second), 5 * second + 7);
        assert_eq!(written_at(5 * second, 5 * second + 300), 5 * second + 300);
        assert_eq!(
            written_at(5 * second, 9 * second),
            6 * second - 1,
            "it was read late"
        );
        assert_eq!(
            written_at(5 * second, 4 * second),
            5 * second,
            "the clocks differ"
        );
        assert_eq!(written_at(i64::MAX, i64::MAX), i64::MAX);
    }
}
