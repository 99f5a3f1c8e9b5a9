//! Errors of the engine in our words.

use bollard::errors::Error;

use crate::executor::ExecutorError;

/// The engine could not do it now.
pub(super) fn unavailable(action: impl Into<String>) -> impl FnOnce(Error) -> ExecutorError {
    let action = action.into();
    move |error| ExecutorError::Unavailable {
        action,
        reason: said(&error),
    }
}

/// What the engine said.
pub(super) fn said(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } => error.clone(),
        other => other.to_string(),
    }
}

/// The status of the engine's answer, when it gave one.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// An answer that says that the thing does not exist counts as success with `None`.
pub(super) fn existing<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How often, and after which time each, a question is repeated whose answer is not understood.
const QUESTIONS: u32 = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Asks again while the engine answers with a state of passage that Docker's interface does not
/// know: Podman has such between the end of a process and that of its container.
pub(super) async fn settled<T, F>(mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut asked = 0;
    loop {
        asked += 1;
        match ask().await {
            Err(Error::JsonDataError { .. } | Error::JsonSerdeError { .. })
                if asked < QUESTIONS =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}
