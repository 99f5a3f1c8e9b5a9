//! From one container to the shipper.

use futures::StreamExt;

use super::shipper::Feed;
use crate::attempt::AttemptKey;
use crate::executor::{Executor, ExecutorError};
use crate::hub::Backoff;

/// Reads a container's output until the container has ended and feeds all of it; a reader that
/// breaks starts over.
pub async fn follow(executor: &dyn Executor, key: &AttemptKey, container: &str, feed: &Feed) {
    let mut backoff = Backoff::default();
    loop {
        match read(executor, key, container, feed, true).await {
            // The end of a followed log can come before its last lines: read it once more.
            Ok(()) => match read(executor, key, container, feed, false).await {
                Ok(()) | Err(ExecutorError::Gone(_)) => break,
                Err(error) => tracing::debug!(%key, container, %error, "the log's end is unread"),
            },
            Err(ExecutorError::Gone(_)) => break,
            Err(error) => tracing::debug!(%key, container, %error, "the log broke off"),
        }
        backoff.wait().await;
    }
    feed.finish();
    feed.drained().await;
}

async fn read(
    executor: &dyn Executor,
    key: &AttemptKey,
    container: &str,
    feed: &Feed,
    to_its_end: bool,
) -> Result<(), ExecutorError> {
    feed.rewind();
    let mut pieces = executor.logs(key, container, to_its_end);
    while let Some(piece) = pieces.next().await {
        feed.push(&piece?).await;
    }
    Ok(())
}
