//! How a build ends when it does not end well.

use std::fmt::Display;

/// Exit status of every failure that is not the failure of a `RUN`.
pub(crate) const GENERAL: u8 = 1;

/// A failure in the words of the executor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The last, plain line of the log.
    #[error("{text}")]
    Plain {
        /// The whole line.
        text: String,
        /// Exit status.
        status: u8,
    },
    /// An error of flags, context or Dockerfile lookup: the usage follows it.
    #[error("Error: {text}")]
    Usage {
        /// The reason, without `Error: `.
        text: String,
    },
    /// An unknown subcommand: a hint follows it instead of the usage.
    #[error("Error: unknown command {name:?} for \"executor\"\nRun 'executor --help' for usage.")]
    Command {
        /// The word that was given.
        name: String,
    },
    /// Something that the real executor knows and the double does not.
    #[error("kaniko-double: not supported: {what}")]
    Unsupported {
        /// The flag, instruction or property.
        what: String,
    },
}

impl Failure {
    /// A failure of the build, exit status 1.
    pub(crate) fn build(reason: impl Display) -> Self {
        Self::Plain {
            text: format!("error building image: {reason}"),
            status: GENERAL,
        }
    }

    /// A failure inside a stage, exit status 1.
    pub(crate) fn stage(reason: impl Display) -> Self {
        Self::build(format_args!("error building stage: {reason}"))
    }

    /// A failure while an instruction is carried out, exit status 1.
    pub(crate) fn command(reason: impl Display) -> Self {
        Self::stage(format_args!("failed to execute command: {reason}"))
    }

    /// A failure of the push, exit status 1.
    pub(crate) fn push(reason: impl Display) -> Self {
        Self::Plain {
            text: format!("error pushing image: {reason}"),
            status: GENERAL,
        }
    }

    /// A failure that prints the usage.
    pub(crate) fn usage(reason: impl Display) -> Self {
        Self::Usage {
            text: reason.to_string(),
        }
    }

    /// Something that the double does not know.
    pub(crate) fn unsupported(what: impl Display) -> Self {
        Self::Unsupported {
            what: what.to_string(),
        }
    }

    /// The same failure with another exit status; only plain failures have one of their own.
    pub(crate) fn with_status(self, status: u8) -> Self {
        match self {
            Self::Plain { text, .. } => Self::Plain { text, status },
            other => other,
        }
    }

    /// The exit status of the process.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Plain { status, .. } => *status,
            _ => GENERAL,
        }
    }
}

/// The words that the executor's platform uses for an operating system error.
pub(crate) fn errno_text(error: &std::io::Error) -> String {
    let Some(code) = error.raw_os_error() else {
        return error.to_string();
    };
    match rustix::io::Errno::from_raw_os_error(code) {
        rustix::io::Errno::NOENT => "no such file or directory".to_owned(),
        rustix::io::Errno::ACCESS => "permission denied".to_owned(),
        rustix::io::Errno::PERM => "operation not permitted".to_owned(),
        rustix::io::Errno::NOTDIR => "not a directory".to_owned(),
        rustix::io::Errno::ISDIR => "is a directory".to_owned(),
        rustix::io::Errno::EXIST => "file exists".to_owned(),
        rustix::io::Errno::ROFS => "read-only file system".to_owned(),
        rustix::io::Errno::NOSPC => "no space left on device".to_owned(),
        rustix::io::Errno::NOEXEC => "exec format error".to_owned(),
        rustix::io::Errno::CONNREFUSED => "connection refused".to_owned(),
        rustix::io::Errno::CONNRESET => "connection reset by peer".to_owned(),
        rustix::io::Errno::HOSTUNREACH => "no route to host".to_owned(),
        rustix::io::Errno::NETUNREACH => "network is unreachable".to_owned(),
        rustix::io::Errno::PIPE => "broken pipe".to_owned(),
        rustix::io::Errno::TIMEDOUT => "connection timed out".to_owned(),
        _ => {
            let text = error.to_string();
            let end = text.find(" (os error").unwrap_or(text.len());
            text.get(..end).unwrap_or_default().to_lowercase()
        }
    }
}
