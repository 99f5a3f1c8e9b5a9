//! Errors of the API server in our words.

use kube::Error;

use crate::executor::ExecutorError;

/// The API server could not do it now.
pub(super) fn unavailable(action: impl Into<String>) -> impl FnOnce(Error) -> ExecutorError {
    let action = action.into();
    move |error| ExecutorError::Unavailable {
        action,
        reason: said(&error),
    }
}

/// What the API server said, or why it said nothing.
pub(super) fn said(error: &Error) -> String {
    if let Error::Api(status) = error {
        return status.message.clone();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The status of the answer, when there was one.
pub(super) fn code(error: &Error) -> Option<u16> {
    match error {
        Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// An answer that says that the thing does not exist counts as success with `None`.
pub(super) fn existing<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if code(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
