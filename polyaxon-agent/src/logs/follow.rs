//! From one container to the shipper.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use futures::StreamExt;

use super::shipper::Feed;
use crate::ambience::Ambience;
use crate::attempt::AttemptKey;
use crate::build_report::BuildObserver;
use crate::executor::{Executor, ExecutorError, Turn};

/// Reads a container's output until the container has ended and feeds all of it, in its turn; a
/// reader that breaks starts over. What can never be read any more leaves a mark.
pub async fn follow(
    executor: &dyn Executor,
    key: &AttemptKey,
    container: &str,
    readers: &Readers,
    turn: Turn,
    ambience: &Ambience,
) {
    let is_whole = turn.is_whole();
    let mut turn = Some(turn);
    let mut backoff = ambience.backoff();
    let mut had_end = false;
    readers.feed.ready().await;
    // The log of a container that runs has no end yet, whatever the hub has of an earlier object.
    if is_whole && readers.have_all_of(container) {
        return;
    }
    loop {
        match readers.read(executor, key, container, true, ambience).await {
            // The end of a followed log can come before its last lines, and a node that goes away looks like an end:
            // read it once more. One that goes away before it has said anything gives an error.
            Ok(anything) => {
                if !had_end {
                    readers.feed.end_of_output(now_ns(ambience));
                }
                had_end = true;
                turn = None;
                if is_whole && !anything {
                    break;
                }
                match readers
                    .read(executor, key, container, false, ambience)
                    .await
                {
                    Ok(_) | Err(ExecutorError::Gone(_)) => break,
                    Err(error) => {
                        tracing::debug!(%key, container, %error, "the log's end is unread");
                    }
                }
            }
            Err(ExecutorError::Gone(_)) if had_end => break,
            Err(ExecutorError::Gone(reason)) => {
                tracing::warn!(%key, container, reason, "the rest of the log cannot be read");
                let why = format!("the rest of the output could not be read: {reason}");
                readers.feed.lose_rest(now_ns(ambience), &why);
                break;
            }
            Err(error) => tracing::debug!(%key, container, %error, "the log broke off"),
        }
        // Those whose output can be read do not wait for this one.
        let gave_way = turn.take_if(|turn| turn.is_whole()).is_some();
        backoff.wait().await;
        if gave_way {
            turn = Some(executor.turn(key, container).await);
        }
    }
    drop(turn);
    readers.feed.finish();
    readers.feed.drained().await;
}

/// Who is given a container's output.
pub struct Readers {
    /// The way to the hub.
    pub feed: Feed,
    /// Reads along if it is a build.
    pub observer: Option<Arc<BuildObserver>>,
}

impl Readers {
    /// Whether nothing of a container's output is asked for: the hub had all of it when it was asked, and it is not what
    /// says what a build did.
    fn have_all_of(&self, container: &str) -> bool {
        let needed = self.observer.as_ref();
        self.feed.is_complete() && needed.is_none_or(|observer| !observer.needs(container))
    }

    /// Answers whether there was anything.
    async fn read(
        &self,
        executor: &dyn Executor,
        key: &AttemptKey,
        container: &str,
        to_its_end: bool,
        ambience: &Ambience,
    ) -> Result<bool, ExecutorError> {
        let mut anything = false;
        self.feed.rewind();
        if let Some(observer) = &self.observer {
            observer.rewind(container);
        }
        let mut pieces = executor.logs(key, container, to_its_end);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            anything = true;
            if let Some(observer) = &self.observer {
                observer.push(container, &piece, now_ns(ambience));
            }
            self.feed.push(&piece).await;
        }
        Ok(anything)
    }
}

fn now_ns(ambience: &Ambience) -> i64 {
    let since = ambience.now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}
