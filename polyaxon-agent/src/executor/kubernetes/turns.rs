//! How many outputs are read at a time. Each takes a connection to the API server, and all of them
//! at once would cost more than everything else that the agent does.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cluster::Cluster;
use super::statuses::status_of;
use crate::attempt::AttemptKey;

/// Outputs of containers that have ended, each of which is read in one go, and outputs that are being opened.
const READS: usize = 16;

/// Outputs of containers that run at most, whatever is asked for.
const MOST: usize = 10_000;

/// How long a container that has nothing to say keeps others from being asked.
const SILENCE: Duration = Duration::from_millis(250);

/// Leave to read outputs.
#[derive(Debug)]
pub(super) struct Turns {
    follows: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

/// Leave to read one output; it ends when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    /// Whether it is followed until the container ends.
    pub(super) follow: bool,
    _followed: Option<OwnedSemaphorePermit>,
    read: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// Opens the output; `open` is told whether it is followed. Others may be opened once it flows, or is silent.
    pub(super) async fn open<F: Future>(&mut self, open: impl FnOnce(bool) -> F) -> F::Output {
        let mut opening = pin!(open(self.follow));
        let opened = tokio::time::timeout(SILENCE, &mut opening).await;
        if self.follow {
            self.read = None;
        }
        match opened {
            Ok(opened) => opened,
            Err(_silent) => opening.await,
        }
    }
}

/// Outputs that are read at a time at most, of so many containers that run.
pub(super) fn outputs(follows: u32) -> usize {
    followed(follows) + READS
}

fn followed(follows: u32) -> usize {
    usize::try_from(follows).unwrap_or(usize::MAX).min(MOST)
}

impl Turns {
    /// With so many outputs of containers that run.
    pub(super) fn new(follows: u32) -> Self {
        Self {
            follows: Arc::new(Semaphore::new(followed(follows))),
            reads: Arc::new(Semaphore::new(READS)),
        }
    }

    /// Waits for a turn. What should be followed, and has ended before its turn came, is read then.
    pub(super) async fn take(
        &self,
        cluster: &Cluster,
        key: &AttemptKey,
        container: &str,
        follow: bool,
    ) -> Turn {
        let mut followed = None;
        if follow {
            let ended = async {
                let mut changes = cluster.subscribe(key);
                loop {
                    changes.mark_unchanged();
                    let pod = cluster.snapshot(key).pod;
                    if pod.is_none_or(|pod| has_ended(&pod, container)) {
                        return;
                    }
                    // The sender lives as long as somebody listens.
                    let _changed = changes.changed().await;
                }
            };
            tokio::select! {
                biased;
                () = ended => {}
                permit = Arc::clone(&self.follows).acquire_owned() => followed = permit.ok(),
            }
        }
        let read = Arc::clone(&self.reads).acquire_owned().await;
        Turn {
            follow: followed.is_some(),
            _followed: followed,
            read: read.ok(),
        }
    }
}

fn has_ended(pod: &Pod, container: &str) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
        || status_of(pod, container)
            .and_then(|status| status.state.as_ref())
            .is_some_and(|state| state.terminated.is_some())
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::poll;
    use serde_json::{Value, json};

    use super::super::kept::Kept as _;
    use super::*;

    fn see(cluster: &Cluster, run: &str, state: &Value) {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": run, "uid": run, "labels": {
                "operation.polyaxon.com/agent": "me", "operation.polyaxon.com/uuid": run,
                "operation.polyaxon.com/attempt": "1", "operation.polyaxon.com/fence": "1",
            }},
            "status": {"phase": "Running", "containerStatuses": [{
                "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state,
            }]},
        }))
        .expect("a pod");
        pod.put(cluster);
    }

    #[tokio::test]
    async fn few_outputs_are_followed_and_the_rest_is_read_once_it_is_whole() {
        let cluster = Cluster::new("me", &["n".to_owned()]);
        let keys = ["a", "b", "c"].map(|run| AttemptKey::new(run, 1));
        let [a, b, c] = &keys;
        for run in ["a", "b", "c"] {
            see(&cluster, run, &json!({"running": {}}));
        }
        let turns = Turns::new(1);
        let first = turns.take(&cluster, a, "main", true).await;
        assert!(first.follow);
        let mut second = Box::pin(turns.take(&cluster, b, "main", true));
        let mut third = Box::pin(turns.take(&cluster, c, "main", true));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        see(&cluster, "b", &json!({"terminated": {"exitCode": 0}}));
        let Poll::Ready(second) = poll!(&mut second) else {
            panic!("a container that has ended is not followed");
        };
        assert!(!second.follow);
        assert!(poll!(&mut third).is_pending());
        drop(first);
        assert!(third.await.follow);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_outputs_are_opened_at_a_time_and_a_silent_one_hinders_nobody() {
        let cluster = Cluster::new("me", &["n".to_owned()]);
        see(&cluster, "a", &json!({"running": {}}));
        let (turns, key) = (Turns::new(100), AttemptKey::new("a", 1));
        let mut opening = Vec::new();
        for _ in 0..READS {
            opening.push(turns.take(&cluster, &key, "main", true).await);
        }
        let mut next = Box::pin(turns.take(&cluster, &key, "main", true));
        assert!(poll!(&mut next).is_pending());
        let mut silent = opening.pop().expect("a turn");
        let mut silent = Box::pin(silent.open(|_| std::future::pending::<()>()));
        assert!(poll!(&mut silent).is_pending());
        tokio::time::advance(SILENCE).await;
        assert!(poll!(&mut silent).is_pending());
        let Poll::Ready(mut next) = poll!(&mut next) else {
            panic!("a silent output hinders the next one");
        };
        next.open(|follow| async move { assert!(follow) }).await;
        assert!(turns.take(&cluster, &key, "main", true).await.follow);
    }

    #[tokio::test]
    async fn what_has_ended_takes_no_place_of_what_runs() {
        let cluster = Cluster::new("me", &["n".to_owned()]);
        see(&cluster, "a", &json!({"terminated": {"exitCode": 0}}));
        let turns = Turns::new(0);
        let key = AttemptKey::new("a", 1);
        assert!(!turns.take(&cluster, &key, "main", true).await.follow);
        assert!(!turns.take(&cluster, &key, "main", false).await.follow);
    }
}
