//! From one container to the shipper.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::StreamExt;

use super::shipper::Feed;
use crate::attempt::AttemptKey;
use crate::build_report::BuildObserver;
use crate::executor::{Executor, ExecutorError};
use crate::hub::Backoff;

/// Reads a container's output until the container has ended and feeds all of it; a reader that
/// breaks starts over. An observer is given the same pieces.
pub async fn follow(
    executor: &dyn Executor,
    key: &AttemptKey,
    container: &str,
    feed: &Feed,
    observer: Option<&BuildObserver>,
) {
    let readers = Readers { feed, observer };
    let mut backoff = Backoff::default();
    loop {
        match readers.read(executor, key, container, true).await {
            // The end of a followed log can come before its last lines: read it once more.
            Ok(()) => match readers.read(executor, key, container, false).await {
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

struct Readers<'a> {
    feed: &'a Feed,
    observer: Option<&'a BuildObserver>,
}

impl Readers<'_> {
    async fn read(
        &self,
        executor: &dyn Executor,
        key: &AttemptKey,
        container: &str,
        to_its_end: bool,
    ) -> Result<(), ExecutorError> {
        self.feed.rewind();
        if let Some(observer) = self.observer {
            observer.rewind(container);
        }
        let mut pieces = executor.logs(key, container, to_its_end);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if let Some(observer) = self.observer {
                observer.push(container, &piece, now_ns());
            }
            self.feed.push(&piece).await;
        }
        Ok(())
    }
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}
