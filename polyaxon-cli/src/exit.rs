//! Exit statuses: part of the command line's interface.

use std::process::ExitCode;

use polyaxon_proto::runs::v1::Status;
use tonic::Code;

/// What the process tells its caller. `docs/exit-statuses.md` shows the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The command did what it was asked; a followed run succeeded.
    Succeeded = 0,
    /// A followed run failed, or something broke that no other status names.
    Failed = 1,
    /// Wrong usage, or a file that is not valid.
    Usage = 2,
    /// A followed run was stopped or skipped.
    Stopped = 3,
    /// The hub does not answer.
    Unreachable = 4,
    /// The token is missing, wrong, expired or may not do this.
    NotAllowed = 5,
    /// What was named does not exist, or exists with other content.
    NotFoundOrConflict = 6,
    /// Command line and hub are too far apart.
    VersionSkew = 7,
    /// Ctrl-C; a run that was followed goes on.
    Interrupted = 130,
}

impl Exit {
    /// Every status with its documented meaning, in the order of the table.
    #[cfg(test)]
    pub(crate) const TABLE: [(Self, &'static str); 9] = [
        (Self::Succeeded, "succeeded"),
        (Self::Failed, "failed"),
        (Self::Usage, "wrong usage or invalid file"),
        (Self::Stopped, "stopped or skipped"),
        (Self::Unreachable, "hub unreachable"),
        (Self::NotAllowed, "not allowed"),
        (Self::NotFoundOrConflict, "not found or conflict"),
        (Self::VersionSkew, "version skew"),
        (Self::Interrupted, "interrupted; the run goes on"),
    ];

    /// The number that the process ends with.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// What following a run ends with. A status that is not final counts as failed,
    /// because the follower could not see the end.
    pub(crate) fn of_run(status: Status) -> Self {
        match status {
            Status::Succeeded => Self::Succeeded,
            Status::Stopped | Status::Skipped => Self::Stopped,
            _ => Self::Failed,
        }
    }

    /// What an answer of the hub ends with; `reason` is its `polyaxon-reason`.
    pub(crate) fn of_answer(code: Code, reason: &str) -> Self {
        match code {
            Code::Ok => Self::Succeeded,
            _ if reason == "VERSION_SKEW" => Self::VersionSkew,
            Code::Unimplemented => Self::VersionSkew,
            Code::InvalidArgument | Code::OutOfRange => Self::Usage,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => Self::Unreachable,
            Code::Unauthenticated | Code::PermissionDenied => Self::NotAllowed,
            Code::NotFound | Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition => {
                Self::NotFoundOrConflict
            }
            Code::Unknown | Code::ResourceExhausted | Code::Internal | Code::DataLoss => {
                Self::Failed
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Status::Succeeded, 0)]
    #[case(Status::Failed, 1)]
    #[case(Status::UpstreamFailed, 1)]
    #[case(Status::Stopped, 3)]
    #[case(Status::Skipped, 3)]
    #[case(Status::Running, 1)]
    fn run_statuses(#[case] status: Status, #[case] expected: u8) {
        assert_eq!(Exit::of_run(status).code(), expected);
    }

    #[rstest::rstest]
    #[case(Code::InvalidArgument, "", 2)]
    #[case(Code::Unavailable, "", 4)]
    #[case(Code::DeadlineExceeded, "", 4)]
    #[case(Code::Unauthenticated, "TOKEN_EXPIRED", 5)]
    #[case(Code::PermissionDenied, "", 5)]
    #[case(Code::NotFound, "", 6)]
    #[case(Code::AlreadyExists, "", 6)]
    #[case(Code::FailedPrecondition, "VERSION_IMMUTABLE", 6)]
    #[case(Code::FailedPrecondition, "VERSION_SKEW", 7)]
    #[case(Code::Unimplemented, "", 7)]
    #[case(Code::Internal, "", 1)]
    fn answers(#[case] code: Code, #[case] reason: &str, #[case] expected: u8) {
        assert_eq!(Exit::of_answer(code, reason).code(), expected);
    }

    #[test]
    fn the_documented_table_names_every_status() {
        let page = include_str!("../../docs/exit-statuses.md");
        for (exit, meaning) in Exit::TABLE {
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(page.contains(&row), "missing row: {row}");
        }
    }
}
