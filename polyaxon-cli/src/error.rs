//! What a command can end with, other than success.

use polyaxon_spec::diagnostic::{Diagnostic, Report};
use polyaxon_spec::operation::Operation;

use crate::client::HubError;
use crate::config::ConfigError;
use crate::exit::Exit;
use crate::ui::Ui;
use crate::view::finding::Finding;

/// An error of a command: text, exit status and next step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Hub(#[from] HubError),
    /// Arguments that only the command itself can judge.
    #[error("{0}")]
    Usage(String),
    /// A file is not valid.
    #[error(transparent)]
    Invalid(#[from] Report),
    /// The hub refuses an operation, with places in its files where they are known.
    #[error("{message}")]
    Refused {
        message: String,
        findings: Vec<Finding>,
        exit: Exit,
    },
    /// What was named is not there.
    #[error("{0}")]
    NotFound(String),
    /// Command line and hub are too far apart.
    #[error("{0}")]
    VersionSkew(String),
    /// Ctrl-C before there was anything to follow.
    #[error("interrupted")]
    Interrupted,
    /// Writing to the terminal or pipe failed.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
    /// The system refused something that every command needs.
    #[error("{0}")]
    System(String),
}

impl CommandError {
    /// What the hub said about an operation, with places in the files that it came from.
    pub(crate) fn located(error: HubError, operation: &Operation) -> Self {
        let mut findings = error.findings();
        if findings.is_empty() {
            return error.into();
        }
        for finding in &mut findings {
            finding.locate(|field| operation.locate(field));
        }
        Self::Refused {
            message: error.to_string(),
            findings,
            exit: error.exit(),
        }
    }

    /// The findings for programs, if the error is about a document.
    pub(crate) fn to_json(&self) -> Option<Vec<serde_json::Value>> {
        match self {
            Self::Invalid(report) => Some(
                report
                    .diagnostics()
                    .iter()
                    .map(Diagnostic::to_json)
                    .collect(),
            ),
            Self::Refused { findings, .. } => findings
                .iter()
                .map(|finding| serde_json::to_value(finding).ok())
                .collect(),
            _ => None,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Usage(_) | Self::Invalid(_) => Exit::Usage,
            Self::Hub(error) => error.exit(),
            Self::Refused { exit, .. } => *exit,
            Self::NotFound(_) => Exit::NotFoundOrConflict,
            Self::VersionSkew(_) => Exit::VersionSkew,
            Self::Interrupted => Exit::Interrupted,
            Self::Output(_) | Self::System(_) => Exit::Failed,
        }
    }

    pub(crate) fn next_step(&self) -> Option<String> {
        match self {
            Self::Hub(error) => error.next_step(),
            Self::VersionSkew(_) => Some("upgrade the hub first, then the command line".to_owned()),
            _ => None,
        }
    }

    /// Prints what went wrong and what to do next.
    pub(crate) fn show(&self, ui: &Ui) -> std::io::Result<()> {
        match self {
            Self::Invalid(report) => ui.talk(report.render(ui.talk_has_colour())),
            Self::Refused { findings, .. } => {
                findings.iter().try_for_each(|finding| finding.show(ui))
            }
            _ => ui.error(&self.to_string(), self.next_step().as_deref()),
        }
    }

    /// The reader of our output went away, as `head` does: nothing to complain about.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// What a command answers.
pub(crate) type Outcome = Result<Exit, CommandError>;
