//! The root file system: what is unpacked into it, and what changed in it.

use std::io;
use std::path::Path;

use crate::error::errno_text;

pub(crate) mod accounts;
pub(crate) mod layer;
mod mounts;
pub(crate) mod pattern;
pub(crate) mod root;
pub(crate) mod snapshot;
pub(crate) mod unpack;

pub(crate) use root::Root;

/// Why files cannot be read or written, in the words of the executor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// An operation on one file.
    #[error("{operation} {path}: {reason}")]
    Operation {
        /// Name of the operation.
        operation: &'static str,
        /// The file, as seen inside the root.
        path: String,
        /// Why.
        reason: String,
    },
    /// A stream of an archive.
    #[error("{0}")]
    Stream(String),
}

impl Error {
    /// A failed operation on a file.
    pub(crate) fn operation(operation: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Operation {
            operation,
            path: path.display().to_string(),
            reason: errno_text(error),
        }
    }

    /// A failed read of a stream.
    pub(crate) fn stream(error: &io::Error) -> Self {
        Self::Stream(match error.kind() {
            io::ErrorKind::UnexpectedEof => "unexpected EOF".to_owned(),
            _ => errno_text(error),
        })
    }
}

#[cfg(test)]
mod tests;
