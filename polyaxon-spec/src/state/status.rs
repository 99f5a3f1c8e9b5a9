//! The twenty statuses of Polyaxon and their order.

use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator as _, IntoStaticStr};
use thiserror::Error;

/// Status of a run, with Polyaxon's names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, IntoStaticStr, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// Accepted.
    Created,
    /// A new attempt of a run that had ended, asked for by a user.
    Resuming,
    /// Waits for its time.
    OnSchedule,
    /// Composed and checked.
    Compiled,
    /// Waits for an agent.
    Queued,
    /// An agent has it.
    Scheduled,
    /// Its object exists; containers are being prepared.
    Starting,
    /// The main container runs.
    Running,
    /// The main container has ended; results are being collected.
    Processing,
    /// A stop was asked for and is not done.
    Stopping,
    /// Ended with an error.
    Failed,
    /// Ended because somebody asked, or its time was over.
    Stopped,
    /// Ended well.
    Succeeded,
    /// Ended before it began, on purpose.
    Skipped,
    /// The cluster reports something that may pass, for example an image that cannot be pulled yet.
    Warning,
    /// No node has room.
    Unschedulable,
    /// What it depends on failed.
    UpstreamFailed,
    /// The attempt before ended with an error that is worth another try.
    Retrying,
    /// The agent has not been heard of.
    Unknown,
    /// Names every final status in triggers of hooks; never the status of a run.
    Done,
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{word}` is not a status")]
pub struct UnknownStatus {
    word: String,
}

impl Status {
    /// The name as Polyaxon writes it, for example `on_schedule`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads the name of [`Status::as_str`].
    ///
    /// # Errors
    /// When no status has the name.
    pub fn parse(word: &str) -> Result<Self, UnknownStatus> {
        Self::iter()
            .find(|status| status.as_str() == word)
            .ok_or_else(|| UnknownStatus { word: word.into() })
    }

    /// Place in the life of an attempt, 0 to 7; `None` for statuses that only cover another one, and for [`Status::Done`].
    #[must_use]
    pub fn rank(self) -> Option<u8> {
        match self {
            Self::Created | Self::Resuming | Self::OnSchedule | Self::Retrying => Some(0),
            Self::Compiled => Some(1),
            Self::Queued => Some(2),
            Self::Scheduled => Some(3),
            Self::Starting => Some(4),
            Self::Running | Self::Processing => Some(5),
            Self::Stopping => Some(6),
            Self::Failed
            | Self::Stopped
            | Self::Succeeded
            | Self::Skipped
            | Self::UpstreamFailed => Some(7),
            Self::Warning | Self::Unschedulable | Self::Unknown | Self::Done => None,
        }
    }

    /// Whether nothing follows within the attempt.
    #[must_use]
    pub fn is_final(self) -> bool {
        self.rank() == Some(7)
    }

    /// Whether it covers another status for a while instead of replacing it.
    #[must_use]
    pub fn is_overlay(self) -> bool {
        matches!(self, Self::Warning | Self::Unschedulable | Self::Unknown)
    }

    /// Whether an agent has the attempt: from `scheduled` to `stopping`.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self.rank(), Some(3..=6))
    }

    /// Whether an agent may report it.
    #[must_use]
    pub fn is_reportable(self) -> bool {
        self.is_overlay()
            || self.is_active()
            || matches!(self, Self::Failed | Self::Stopped | Self::Succeeded)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::parse(word)
    }
}
