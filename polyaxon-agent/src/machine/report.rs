//! What the hub is told about an attempt.

use polyaxon_proto::runs::v1::{BuildResult, Failure, Status};
pub use polyaxon_registry::Confirmation;

use crate::executor::{Ending, Isolation, OBJECT_VANISHED};

/// A stop came before the registry had answered.
pub(super) fn unasked() -> Confirmation {
    Confirmation::Undecided {
        digest: None,
        reason: "a stop was asked for before the registry had answered".to_owned(),
    }
}

/// A status with everything that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusUpdate {
    /// The new status.
    pub status: Status,
    /// One word.
    pub reason: String,
    /// A sentence; may be empty.
    pub message: String,
    /// What a build made.
    pub build: Option<Box<BuildResult>>,
    /// Why it failed.
    pub failure: Option<Box<Failure>>,
    /// What stands between it and its node, where that is certain.
    pub isolation: Option<Isolation>,
    /// What ended the attempt without success, for those who explain it.
    pub end: Option<Box<End>>,
}

/// What ended an attempt without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// One of its containers.
    Container(Ending),
    /// A stop.
    Stopped {
        /// Why it was asked for.
        reason: String,
    },
    /// The registry did not confirm the digest.
    Unconfirmed {
        /// What it said.
        reason: String,
        /// It does not have the digest; else nobody could say.
        definite: bool,
    },
    /// The containers were not there any more.
    Vanished,
}

impl StatusUpdate {
    fn plain(status: Status, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.to_owned(),
            message: message.into(),
            build: None,
            failure: None,
            isolation: None,
            end: None,
        }
    }

    /// The object exists; init containers come next.
    pub(super) fn starting() -> Self {
        Self::plain(Status::Starting, "Created", "")
    }

    /// The main container runs.
    pub(super) fn running() -> Self {
        Self::plain(Status::Running, "Started", "")
    }

    /// Something keeps it from going on that may pass.
    pub(super) fn warning(reason: &str, message: String) -> Self {
        let status = match reason {
            "Unschedulable" => Status::Unschedulable,
            _ => Status::Warning,
        };
        Self::plain(status, reason, message)
    }

    /// Whether nothing can follow.
    pub fn is_final(&self) -> bool {
        matches!(
            self.status,
            Status::Succeeded | Status::Failed | Status::Stopped
        )
    }
}

/// How an attempt ended, for the hub.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome(StatusUpdate);

impl From<Outcome> for StatusUpdate {
    fn from(outcome: Outcome) -> Self {
        outcome.0
    }
}

impl Outcome {
    pub(super) fn succeeded() -> Self {
        Self(StatusUpdate::plain(Status::Succeeded, "Completed", ""))
    }

    pub(super) fn stopped(reason: String) -> Self {
        let mut update = StatusUpdate::plain(Status::Stopped, "Stopped", reason.clone());
        update.end = Some(Box::new(End::Stopped { reason }));
        Self(update)
    }

    pub(super) fn vanished() -> Self {
        let mut update = StatusUpdate::plain(
            Status::Failed,
            OBJECT_VANISHED,
            "the containers were removed by somebody else",
        );
        update.failure = Some(Box::default());
        update.end = Some(Box::new(End::Vanished));
        Self(update)
    }

    pub(super) fn failed(ending: Ending) -> Self {
        let message = match (ending.message.is_empty(), ending.exit_code) {
            (false, _) => ending.message.clone(),
            (true, Some(code)) => {
                format!(
                    "container `{}` ended with exit status {code}",
                    ending.container
                )
            }
            (true, None) => format!("container `{}` did not start", ending.container),
        };
        let mut update = StatusUpdate::plain(Status::Failed, &ending.reason, message);
        update.failure = Some(Box::new(Failure {
            class: String::new(),
            exit_code: ending.exit_code.unwrap_or_default(),
            has_exit_code: ending.exit_code.is_some(),
            container: ending.container.clone(),
            last_lines: ending.last_lines.clone(),
            ..Failure::default()
        }));
        update.end = Some(Box::new(End::Container(ending)));
        Self(update)
    }

    /// A build that was told not to push.
    pub(super) fn not_pushed(image: &str, ending: &Ending) -> Self {
        let mut update = StatusUpdate::plain(Status::Succeeded, "Completed", "");
        update.build = Some(Box::new(BuildResult {
            image: image.to_owned(),
            reason: "the build did not push".to_owned(),
            executor_image: ending.main_image.clone(),
            ..BuildResult::default()
        }));
        Self(update)
    }

    /// A build whose executor ended with status 0.
    pub(super) fn built(
        image: String,
        confirmation: Confirmation,
        ending: &Ending,
        require_confirmation: bool,
    ) -> Self {
        let mut build = BuildResult {
            image,
            executor_image: ending.main_image.clone(),
            ..BuildResult::default()
        };
        let (refuted, digest, reason) = match confirmation {
            Confirmation::Confirmed { digest, size } => {
                build.digest = digest;
                let size = size.unwrap_or_default();
                (build.layers, build.size_bytes) = (size.layers, size.bytes);
                build.confirmed = true;
                let mut update = StatusUpdate::plain(Status::Succeeded, "Completed", "");
                update.build = Some(Box::new(build));
                return Self(update);
            }
            Confirmation::Absent { digest, reason } => (true, digest, reason),
            Confirmation::Undecided { digest, reason }
            | Confirmation::NoCredentials { digest, reason } => (false, digest, reason),
        };
        build.digest_claimed = digest.unwrap_or_default();
        build.reason.clone_from(&reason);
        let mut update = if refuted || require_confirmation {
            let mut update = StatusUpdate::plain(Status::Failed, "PushUnconfirmed", reason.clone());
            update.end = Some(Box::new(End::Unconfirmed {
                reason,
                definite: refuted,
            }));
            update.failure = Some(Box::new(Failure {
                class: "push_unconfirmed".to_owned(),
                exit_code: 0,
                has_exit_code: true,
                container: ending.container.clone(),
                last_lines: Vec::new(),
                ..Failure::default()
            }));
            update
        } else {
            StatusUpdate::plain(Status::Succeeded, "Completed", "")
        };
        update.build = Some(Box::new(build));
        Self(update)
    }
}
