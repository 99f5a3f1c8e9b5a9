//! A run: what is kept of it and how an event changes it.

mod record;
mod result;
mod retry;
#[cfg(test)]
mod tests;

pub use record::{Cause, EventRecord, NewRun, RunFilter, RunRecord, RunSpec};
pub use result::{
    BaseImage, BuildResult, BuildStep, DigestSource, EarlierAttempt, Failure, Retry, StepKind,
};
pub use retry::{DEFAULT_RETRIES, NextAttempt, Retries};

/// Reason of a stop that the hub asks for when a run's time is over.
pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";

/// Class of failure of a run whose time was over.
pub const TIMED_OUT: &str = "timed_out";

/// Source of events that the hub itself makes.
pub const SOURCE_HUB: &str = "hub";

/// Reason of runs whose agent is not heard of.
pub const AGENT_UNREACHABLE: &str = "AgentUnreachable";

/// Reason of runs that were given up because their agent cannot end them.
pub const ABANDONED: &str = "Abandoned";

/// Reason of runs whose object is not there any more.
pub const OBJECT_VANISHED: &str = "ObjectVanished";

/// Reads the uuid of a run as a user types it: 32 hex digits, with or without dashes.
#[must_use]
pub fn parse_uuid(text: &str) -> Option<String> {
    let uuid: String = text
        .chars()
        .filter(|&c| c != '-')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    (uuid.len() == 32 && uuid.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(uuid)
}
