//! How many outputs are read at a time. Each takes a connection to the API server, and all of them
//! at once would cost more than everything else that the agent does.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cluster::Cluster;
use super::statuses::{pod_is_over, status_of};
use crate::attempt::AttemptKey;
use crate::executor::Turn;

/// Outputs that are being opened, or read in one go.
const READS: usize = 16;

/// Of containers that have ended. They can wait, and an API server that is busy with their outputs creates fewer Jobs.
const WHOLES: usize = 8;

/// Outputs of containers that run at most, whatever is asked for.
const MOST: usize = 10_000;

/// How long a container that has nothing to say keeps others from being asked.
const SILENCE: Duration = Duration::from_millis(250);

/// Leave to read outputs.
#[derive(Debug)]
pub(super) struct Turns {
    follows: Arc<Semaphore>,
    /// For containers that have ended.
    wholes: Arc<Semaphore>,
    reads: Arc<Semaphore>,
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
            wholes: Arc::new(Semaphore::new(WHOLES)),
            reads: Arc::new(Semaphore::new(READS)),
        }
    }

    /// Waits until one more may be followed, or, once the container has ended, read.
    pub(super) async fn take(&self, cluster: &Cluster, key: &AttemptKey, container: &str) -> Turn {
        let runs_no_more = async {
            let mut changes = cluster.subscribe(key);
            loop {
                changes.catch_up();
                match is_over(cluster, key, container) {
                    Some(false) => changes.changed().await,
                    over => return over.is_some(),
                }
            }
        };
        // Neither is ever closed.
        let turn = |permit: Result<_, _>| permit.map(Turn::limited).unwrap_or_default();
        tokio::select! {
            biased;
            is_whole = runs_no_more => {
                let turn = turn(Arc::clone(&self.wholes).acquire_owned().await);
                if is_whole { turn.of_whole() } else { turn }
            }
            permit = Arc::clone(&self.follows).acquire_owned() => turn(permit),
        }
    }

    /// Opens an output. Others may be opened once it flows or is silent, if it is `followed`; else when what is held for
    /// it is dropped.
    pub(super) async fn open<T>(
        &self,
        followed: bool,
        mut opening: BoxFuture<'_, T>,
    ) -> (T, Option<OwnedSemaphorePermit>) {
        let mut held = Arc::clone(&self.reads).acquire_owned().await.ok();
        let opened = tokio::time::timeout(SILENCE, &mut opening).await;
        if followed {
            held = None;
        }
        match opened {
            Ok(opened) => (opened, held),
            Err(_silent) => (opening.await, held),
        }
    }
}

/// Whether the output of a container is whole; `None`: its pod is not seen.
pub(super) fn is_over(cluster: &Cluster, key: &AttemptKey, container: &str) -> Option<bool> {
    let pod = cluster.snapshot(key).pod;
    pod.map(|pod| has_ended(&pod, container))
}

fn has_ended(pod: &Pod, container: &str) -> bool {
    pod_is_over(pod)
        || status_of(pod, container)
            .and_then(|status| status.state.as_ref())
            .is_some_and(|state| state.terminated.is_some())
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::{FutureExt as _, poll};
    use serde_json::{Value, json};

    use super::super::kept::Kept as _;
    use super::super::thin::Thin;
    use super::*;

    fn see(cluster: &Cluster, run: &str, state: &Value) {
        let pod: Thin<Pod> = serde_json::from_value(json!({
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
    async fn few_outputs_are_followed_and_what_has_ended_takes_none_of_their_places() {
        let cluster = Cluster::new("me", &["n".to_owned()]);
        let keys = ["a", "b", "c"].map(|run| AttemptKey::new(run, 1));
        let [a, b, c] = &keys;
        for run in ["a", "b", "c"] {
            see(&cluster, run, &json!({"running": {}}));
        }
        let turns = Turns::new(1);
        let first = turns.take(&cluster, a, "main").await;
        let mut second = Box::pin(turns.take(&cluster, b, "main"));
        let mut third = Box::pin(turns.take(&cluster, c, "main"));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        assert_eq!(is_over(&cluster, b, "main"), Some(false));
        see(&cluster, "b", &json!({"terminated": {"exitCode": 0}}));
        assert_eq!(is_over(&cluster, b, "main"), Some(true));
        let Poll::Ready(second) = poll!(&mut second) else {
            panic!("a container that has ended waits for those that run");
        };
        assert!(poll!(&mut third).is_pending());
        drop(first);
        drop(third.await);
        // Of those that have ended, few are read at a time, too.
        let mut reading = vec![second];
        for _ in 1..WHOLES {
            reading.push(turns.take(&cluster, b, "main").await);
        }
        let mut last = Box::pin(turns.take(&cluster, b, "main"));
        assert!(poll!(&mut last).is_pending());
        reading.pop();
        assert!(poll!(&mut last).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_outputs_are_opened_at_a_time_and_a_silent_one_hinders_nobody() {
        let turns = Turns::new(100);
        let silent = || std::future::pending::<()>().boxed();
        let mut opening: Vec<_> = (0..READS)
            .map(|_| Box::pin(turns.open(true, silent())))
            .collect();
        for silent in &mut opening {
            assert!(poll!(silent).is_pending());
        }
        let mut next = Box::pin(turns.open(false, async {}.boxed()));
        assert!(poll!(&mut next).is_pending());
        tokio::time::advance(SILENCE).await;
        let first = opening.first_mut().expect("one");
        assert!(poll!(first).is_pending());
        let Poll::Ready(((), held)) = poll!(&mut next) else {
            panic!("a silent output hinders the next one");
        };
        assert!(held.is_some(), "it is read in one go");
    }
}
