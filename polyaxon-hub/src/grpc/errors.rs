//! The one place where failures become gRPC statuses.

use polyaxon_spec::diagnostic::{Diagnostic, Report, Severity};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::components::{CollectError, LookupError, RegisterError};
use crate::domain::access::{Refused, Scope};
use crate::domain::client_version::VersionSkew;
use crate::domain::page::BadPageToken;
use crate::storage::StorageError;

/// Metadata key of the reason, an upper-case word for programs.
pub const REASON: &str = "polyaxon-reason";
/// Metadata key of the diagnostics of a document, as JSON.
pub const DIAGNOSTICS: &str = "polyaxon-diagnostics-bin";

/// Most bytes of diagnostics in one answer: clients accept 16 KiB of headers, and base64 adds a third.
const MAX_DIAGNOSTICS: usize = 7 * 1024;
/// Most characters of a message, which travels in a header too.
const MAX_MESSAGE: usize = 1024;

/// A status with its reason.
pub(super) fn status(code: Code, reason: &'static str, message: impl Into<String>) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert(REASON, MetadataValue::from_static(reason));
    Status::with_metadata(code, cut(message.into()), metadata)
}

/// A document that is not valid: the first finding as the message, all that fit in the metadata.
pub(super) fn document(report: &Report) -> Status {
    let errors = report.error_count();
    let mut message = report
        .diagnostics()
        .iter()
        .find(|finding| finding.severity == Severity::Error)
        .map_or_else(|| report.to_string(), ToString::to_string);
    if errors > 1 {
        message = format!("{message} (and {} more)", errors - 1);
    }
    let mut status = status(Code::InvalidArgument, "INVALID", message);
    attach(&mut status, report);
    status
}

/// An operation whose references cannot be collected.
pub(super) fn collect(error: CollectError) -> Status {
    match error {
        CollectError::Unresolved { error, report } => {
            let mut status = lookup(error);
            attach(&mut status, &report);
            status
        }
        CollectError::Invalid(report) => document(&report),
        CollectError::Storage(error) => storage(error),
    }
}

fn attach(status: &mut Status, report: &Report) {
    let mut size = 2;
    let fitting: Vec<serde_json::Value> = report
        .diagnostics()
        .iter()
        .map(Diagnostic::to_json)
        .take_while(|finding| {
            size += finding.to_string().len() + 1;
            size <= MAX_DIAGNOSTICS
        })
        .collect();
    let json = serde_json::Value::from(fitting).to_string();
    status
        .metadata_mut()
        .insert_bin(DIAGNOSTICS, MetadataValue::from_bytes(json.as_bytes()));
}

/// A reference that leads to nothing that may be used.
pub(super) fn lookup(error: LookupError) -> Status {
    let message = error.to_string();
    match error {
        LookupError::Malformed(_) => status(Code::InvalidArgument, "INVALID", message),
        LookupError::UnknownComponent { .. } => {
            status(Code::NotFound, "COMPONENT_NOT_FOUND", message)
        }
        LookupError::UnknownVersion { .. } | LookupError::UnknownRevision { .. } => {
            status(Code::NotFound, "VERSION_NOT_FOUND", message)
        }
        LookupError::Disabled { .. } => {
            status(Code::FailedPrecondition, "VERSION_DISABLED", message)
        }
        LookupError::Yanked { .. } => status(Code::FailedPrecondition, "VERSION_YANKED", message),
        LookupError::Storage(error) => storage(error),
    }
}

/// A registration that was refused.
pub(super) fn register(error: RegisterError) -> Status {
    let message = error.to_string();
    match error {
        RegisterError::Name(_) | RegisterError::TooLong => {
            status(Code::InvalidArgument, "INVALID", message)
        }
        RegisterError::Document(report) => document(&report),
        RegisterError::Reserved { .. } => status(Code::PermissionDenied, "OWNER_RESERVED", message),
        RegisterError::Immutable { .. } => {
            status(Code::FailedPrecondition, "VERSION_IMMUTABLE", message)
        }
        RegisterError::Storage(error) => storage(error),
    }
}

fn cut(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message,
    }
}

/// A malformed request.
pub(super) fn invalid(message: impl Into<String>) -> Status {
    status(Code::InvalidArgument, "INVALID", message)
}

/// A thing that is not there.
pub(super) fn not_found(message: impl Into<String>) -> Status {
    status(Code::NotFound, "NOT_FOUND", message)
}

/// The scope of the caller does not allow the call.
pub(super) fn forbidden(name: &str, scope: Scope, needed: &str) -> Status {
    let scope = scope.as_str();
    status(
        Code::PermissionDenied,
        "SCOPE",
        format!(
            "the token `{name}` has the scope `{scope}` and this needs {needed}: ask an admin for another token"
        ),
    )
}

/// What the storage reports, for callers.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes values")]
pub(super) fn storage(error: StorageError) -> Status {
    match error {
        StorageError::Exists { .. } => status(Code::AlreadyExists, "EXISTS", error.to_string()),
        StorageError::Closed => status(
            Code::Unavailable,
            "SHUTTING_DOWN",
            "the hub is shutting down: try again",
        ),
        StorageError::Full => disk_full(&error),
        StorageError::Database(_) => {
            tracing::error!(%error, "storage failed");
            status(
                Code::Unavailable,
                "STORAGE",
                "the hub's database did not answer: try again, the hub's log says more",
            )
        }
        StorageError::Corrupt { .. } => {
            tracing::error!(%error, "storage holds what cannot be read");
            status(
                Code::Internal,
                "STORAGE",
                "the hub's database holds what this version cannot read: the hub's log says more",
            )
        }
    }
}

/// There is no room for what a call wants to write.
pub(super) fn disk_full(error: &dyn std::error::Error) -> Status {
    tracing::error!(%error, "the disk is full");
    status(
        Code::ResourceExhausted,
        "DISK_FULL",
        "the disk of the hub is full: free space under its `--data-dir`; what it acknowledged is safe, and it goes on by itself",
    )
}

/// The hub stops serving streams and long polls.
pub(super) fn draining() -> Status {
    status(
        Code::Unavailable,
        "SHUTTING_DOWN",
        "the hub is shutting down: connect again",
    )
}

pub(super) fn refused(error: &Refused) -> Status {
    let reason = match error {
        Refused::Unknown => "TOKEN_UNKNOWN",
        Refused::Expired { .. } => "TOKEN_EXPIRED",
        Refused::Revoked { .. } => "TOKEN_REVOKED",
    };
    status(Code::Unauthenticated, reason, error.to_string())
}

pub(super) fn version_skew(error: &VersionSkew) -> Status {
    status(Code::FailedPrecondition, "VERSION_SKEW", error.to_string())
}

pub(super) fn bad_page_token(error: BadPageToken) -> Status {
    invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use polyaxon_spec::diagnostic::Code as Rule;

    use super::*;

    #[test]
    fn a_status_fits_into_headers() {
        let many = (0..1000)
            .map(|n| {
                Diagnostic::error(Rule::UnknownField, format!("the field `f{n}` is not known"))
            })
            .collect();
        let status = document(&Report::from_diagnostics(many).unwrap());
        let sent = status.metadata().get_bin(DIAGNOSTICS).unwrap();
        assert!(sent.as_encoded_bytes().len() < 10 * 1024);
        let sent: serde_json::Value = serde_json::from_slice(&sent.to_bytes().unwrap()).unwrap();
        assert!(sent.as_array().unwrap().len() > 10);
        assert_eq!(sent[0]["message"], "the field `f0` is not known");
        assert_eq!(
            status.message(),
            "the field `f0` is not known (and 999 more)"
        );
        let long = invalid("é".repeat(5000));
        assert_eq!(long.message().chars().count(), MAX_MESSAGE + 1);
    }

    #[test]
    fn a_skewed_client_is_told_by_a_reason() {
        let error = crate::domain::client_version::check("0.1.0", "0.3.0").unwrap_err();
        let status = version_skew(&error);
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.metadata().get(REASON).unwrap(), "VERSION_SKEW");
        assert!(status.message().contains("update the client"), "{status:?}");
    }
}
