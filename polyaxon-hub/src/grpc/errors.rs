//! The one place where failures become gRPC statuses.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::domain::access::{Refused, Scope};
use crate::domain::client_version::VersionSkew;
use crate::domain::page::BadPageToken;
use crate::storage::StorageError;

/// Metadata key of the reason, an upper-case word for programs.
pub const REASON: &str = "polyaxon-reason";
/// Metadata key of the diagnostics of a document, as JSON.
pub const DIAGNOSTICS: &str = "polyaxon-diagnostics-bin";

/// A status with its reason.
pub(super) fn status(code: Code, reason: &'static str, message: impl Into<String>) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert(REASON, MetadataValue::from_static(reason));
    Status::with_metadata(code, message, metadata)
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
pub(super) fn storage(error: StorageError) -> Status {
    match error {
        StorageError::Exists { .. } => status(Code::AlreadyExists, "EXISTS", error.to_string()),
        StorageError::Closed => status(
            Code::Unavailable,
            "SHUTTING_DOWN",
            "the hub is shutting down: try again",
        ),
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
