//! From the executor's last words to a class.
//!
//! The phase of an error is in its prefix, what went wrong in its tail; the same answer of a
//! registry means something else in another phase, so both are looked at.

use super::class::{Class, Retry};
use super::registry_error::{self, Phase};

/// What the last words say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) class: Class,
    pub(super) retry: Retry,
    /// The error without the executor's prefixes.
    pub(super) error: String,
    /// Whether an instruction was under way that the error belongs to.
    pub(super) at_instruction: bool,
    /// A path that `COPY` or `ADD` did not find.
    pub(super) missing_path: Option<String>,
    /// Line of the Dockerfile that the error names.
    pub(super) line: Option<u32>,
}

impl Finding {
    fn new(class: Class, error: &str) -> Self {
        Self {
            class,
            retry: class.retry(),
            error: error.trim().to_owned(),
            at_instruction: false,
            missing_path: None,
            line: None,
        }
    }

    fn at_instruction(mut self) -> Self {
        self.at_instruction = true;
        self
    }

    fn retry_if_network(mut self) -> Self {
        if registry_error::is_network(&self.error) {
            self.retry = Retry::Yes;
        }
        self
    }
}

const ASSERTION: &str = "Assertion violated";
const NO_SPACE: &str = "no space left on device";

/// Words about values of options that the executor looks at only while it builds.
const OPTION_VALUES: [&str; 5] = [
    "is not a valid snapshot mode",
    " must be of the form ",
    "repository can only contain the characters",
    "invalid compression level",
    "could not parse reference",
];

/// How the answer of a server of Dockerfiles begins.
const DOWNLOAD: &str = "request failed: ";

/// How the Dockerfile's own substitution reports what it cannot read.
const SUBSTITUTION: &str = "failed to process \"";

fn has(error: &str, word: &str) -> bool {
    error.contains(word)
}

fn has_any(error: &str, words: &[&str]) -> bool {
    words.iter().any(|word| error.contains(word))
}

/// Classifies the final error of the executor.
pub(super) fn read(final_error: &str) -> Finding {
    let error = final_error;
    if error.starts_with("kaniko should only be run") {
        return Finding::new(Class::NotInContainer, error);
    }
    if error.starts_with("fatal error: ") || error.starts_with("runtime: out of memory") {
        let class = if has(error, "out of memory") {
            Class::Oom
        } else {
            Class::ExecutorBug
        };
        let finding = Finding::new(class, error);
        return if class == Class::Oom {
            finding.at_instruction()
        } else {
            finding
        };
    }
    if has(error, "Timed out snapshotting FS in ") {
        return Finding::new(Class::SnapshotTimeout, error);
    }
    if error.starts_with(ASSERTION) {
        return Finding::new(Class::ExecutorBug, error);
    }
    if error.starts_with("Invalid platform ") || error.starts_with("Could not parse duration ") {
        return Finding::new(Class::Config, error);
    }
    // Before the colon, older executors give advice.
    if let Some(rest) = error.strip_prefix("error checking push permissions") {
        return push(rest.split_once(": ").map_or(rest, |(_, rest)| rest));
    }
    if let Some(rest) = error.strip_prefix("error pushing image: ") {
        return push(rest);
    }
    if let Some(rest) = error.strip_prefix("Error: ") {
        return before_build(rest);
    }
    if let Some(rest) = error.strip_prefix("error building image: ") {
        return build(rest);
    }
    Finding::new(Class::Unknown, error)
}

fn push(error: &str) -> Finding {
    if has_any(
        error,
        &["getting tag for destination", "could not parse reference"],
    ) {
        return Finding::new(Class::Config, error);
    }
    if has(error, NO_SPACE) {
        return Finding::new(Class::DiskFull, error);
    }
    let speaks_to_registry = has_any(
        error,
        &[
            "checking push permission",
            "failed to push to destination",
            "resolving authorization",
        ],
    );
    let class = speaks_to_registry
        .then(|| registry_error::classify(error, Phase::Push))
        .flatten();
    Finding::new(class.unwrap_or(Class::Unknown), error)
}

/// Errors that come with the usage: options, context, the search for the Dockerfile, secrets.
fn before_build(error: &str) -> Finding {
    if has(error, NO_SPACE) {
        return Finding::new(Class::DiskFull, error);
    }
    if let Some(rest) = error.strip_prefix("error resolving source context: ") {
        let finding = Finding::new(Class::ContextMissing, rest);
        // A cut archive ends with the words of a broken connection and stays cut.
        return if has(rest, "unexpected EOF") {
            finding
        } else {
            finding.retry_if_network()
        };
    }
    if let Some(rest) = error.strip_prefix("error resolving dockerfile path: ") {
        let class = if has(rest, "read-only file system") {
            Class::MountConflict
        } else {
            Class::DockerfileMissing
        };
        return Finding::new(class, rest);
    }
    if let Some(rest) = error.strip_prefix("error resolving secrets: ") {
        return Finding::new(Class::SecretMissing, rest);
    }
    if has_any(
        error,
        &["checking push permission", "failed to push to destination"],
    ) {
        return push(error);
    }
    Finding::new(Class::Config, error)
}

/// What the executor was doing, in the words before an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Command,
    Unpacking,
    FindingFiles,
    Snapshot,
}

const DOING: [(&str, Doing); 5] = [
    ("failed to execute command: ", Doing::Command),
    ("failed to get filesystem from image: ", Doing::Unpacking),
    (
        "failed to get files used from context: ",
        Doing::FindingFiles,
    ),
    ("failed to take snapshot: ", Doing::Snapshot),
    ("failed to save snapshot to image: ", Doing::Snapshot),
];

/// The first words that name an activity, whatever an error is wrapped in, and what follows them.
fn doing(error: &str) -> Option<(Doing, &str)> {
    DOING
        .iter()
        .filter_map(|(words, doing)| Some((error.find(words)?, words, *doing)))
        .min_by_key(|(start, ..)| *start)
        .and_then(|(start, words, doing)| Some((doing, error.get(start + words.len()..)?)))
}

fn build(error: &str) -> Finding {
    let error = error
        .strip_prefix("error building stage: ")
        .unwrap_or(error);
    if has(error, ASSERTION) {
        return Finding::new(Class::ExecutorBug, error);
    }
    if let Some((doing, rest)) = doing(error) {
        return match doing {
            Doing::Command => command(rest).at_instruction(),
            Doing::Unpacking => Finding::new(unpack(rest), rest),
            Doing::FindingFiles => missing(rest),
            Doing::Snapshot => snapshot(rest),
        };
    }
    let finding = Finding {
        line: dockerfile_line(error),
        ..Finding::new(image_or_dockerfile(error), error)
    };
    if has(error, DOWNLOAD) {
        finding.retry_if_network()
    } else {
        finding
    }
}

fn snapshot(error: &str) -> Finding {
    if has_any(error, &OPTION_VALUES) {
        return Finding::new(Class::Config, error);
    }
    let class = if has(error, NO_SPACE) {
        Class::DiskFull
    } else {
        Class::SnapshotFailed
    };
    Finding::new(class, error).at_instruction()
}

fn image_or_dockerfile(error: &str) -> Class {
    if has_any(
        error,
        &[
            "is not a valid target build stage",
            "refers to a stage that does not exist",
            "refers to invalid stage",
            "must contain at least one FROM",
        ],
    ) {
        return Class::DockerfileStage;
    }
    if has_any(
        error,
        &[
            "parsing dockerfile",
            "dockerfile parse error",
            "expanding meta ARGs",
            "failed to optimize instructions",
            "unknown instruction",
            SUBSTITUTION,
        ],
    ) {
        return Class::DockerfileParse;
    }
    if has(error, "not found on any configured mapped registries") {
        return Class::MirrorOnlyMiss;
    }
    if has_any(
        error,
        &[
            "no child with platform",
            "platform and architecture is not supported",
        ],
    ) {
        return Class::BaseImagePlatform;
    }
    if has(error, DOWNLOAD) || has(error, "reading dockerfile at path") {
        return Class::DockerfileMissing;
    }
    if has_any(error, &OPTION_VALUES) {
        return Class::Config;
    }
    if has(error, NO_SPACE) {
        return Class::DiskFull;
    }
    let retrieval = has_any(
        error,
        &[
            "unable to complete operation after",
            "failed to get baseImage",
            "retrieving image",
            "GET http",
            "Get \"http",
            "HEAD http",
            "Head \"http",
            "resolving authorization",
        ],
    );
    retrieval
        .then(|| registry_error::classify(error, Phase::Base))
        .flatten()
        .unwrap_or(Class::Unknown)
}

fn dockerfile_line(error: &str) -> Option<u32> {
    let (_, rest) = error.split_once("parse error on line ")?;
    let (number, _) = rest.split_once(':')?;
    number.parse().ok()
}

fn unpack(error: &str) -> Class {
    if has(error, NO_SPACE) {
        return Class::DiskFull;
    }
    if has_any(error, &["device or resource busy", "read-only file system"]) {
        return Class::MountConflict;
    }
    match registry_error::classify(error, Phase::Base) {
        Some(Class::RegistryNetwork) => Class::UnpackNetwork,
        Some(class) => class,
        None => Class::UnpackFailed,
    }
}

fn missing(error: &str) -> Finding {
    let path = error
        .split_once("failed to get fileinfo for ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map(|(path, _)| path.to_owned());
    let class = if has_any(
        error,
        &[
            "no such file or directory",
            "resolving src",
            "no source files",
        ],
    ) {
        Class::CopyMissing
    } else {
        Class::Unknown
    };
    Finding {
        missing_path: path,
        ..Finding::new(class, error).at_instruction()
    }
}

fn command(error: &str) -> Finding {
    if let Some(rest) = error.strip_prefix("waiting for process to exit: ") {
        let class = if rest.starts_with("signal: killed") {
            Class::Oom
        } else {
            Class::RunFailed
        };
        return Finding::new(class, rest);
    }
    if let Some(rest) = error.strip_prefix("starting command: ") {
        let class = if has(rest, "no such file or directory") {
            Class::RunNoShell
        } else if has(rest, "exec format error") {
            Class::BaseImagePlatform
        } else if has(rest, "cannot allocate memory") {
            Class::Oom
        } else {
            Class::RunFailed
        };
        return Finding::new(class, rest);
    }
    if has(error, SUBSTITUTION) {
        return Finding::new(Class::DockerfileParse, error);
    }
    if has_any(
        error,
        &[
            "is not a uid and does not exist",
            "is not a gid and does not exist",
            "resolving user",
            "lookup user",
            "lookup group",
        ],
    ) {
        return Finding::new(Class::RunUser, error);
    }
    if has_any(
        error,
        &["secret not defined", "environment variable for secret"],
    ) {
        return Finding::new(Class::SecretMissing, error);
    }
    if has(error, NO_SPACE) {
        return Finding::new(Class::DiskFull, error);
    }
    if has_any(error, &["read-only file system", "device or resource busy"]) {
        return Finding::new(Class::MountConflict, error);
    }
    if has_any(
        error,
        &[
            "downloading remote source file",
            "unpacking local tar",
            "resolving src",
            "no source files",
        ],
    ) {
        let finding = Finding::new(Class::CopyMissing, error);
        return if has(error, "downloading remote source file") {
            finding.retry_if_network()
        } else {
            finding
        };
    }
    if has(error, "operation not permitted") {
        return Finding::new(Class::UnpackFailed, error);
    }
    if has(error, "no such file or directory") {
        return Finding::new(Class::CopyMissing, error);
    }
    Finding::new(Class::Unknown, error)
}
