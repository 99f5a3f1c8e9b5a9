//! What is there of this agent's attempts, by the objects alone.

use indexmap::IndexMap;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource as _;
use kube::api::ListParams;
use kube::core::{ObjectList, Request};

use super::cluster::PAGE;
use super::failure::unavailable;
use super::labels::{self, Owner};
use super::removal::has_condition;
use super::statuses::phase;
use super::thin::Thin;
use super::{ExecutorError, Found, KubernetesExecutor};
use crate::attempt::AttemptKey;
use crate::executor::Phase;

impl KubernetesExecutor {
    /// Every attempt whose objects we still hold; one without our finalizer is nobody's any more.
    ///
    /// Which Jobs there are now is asked of the API server, because a Job may be there that was not seen yet; all else
    /// is known from the watches, so that of thousands of objects only the metadata of one kind are sent, or nothing
    /// where the watches begin with the question.
    pub(super) async fn take_inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        if self.cluster.begin() {
            self.cluster.first_seen().await?;
            let seen = self.cluster.seen().into_iter();
            return Ok(seen.map(|seen| seen.found).collect());
        }
        let mut all = IndexMap::new();
        for namespace in self.options.namespaces() {
            self.list_jobs(&namespace, &mut all).await?;
        }
        self.cluster.first_seen().await?;
        for seen in self.cluster.seen() {
            match all.get_mut(&seen.found.key) {
                Some(found) => found.phase = seen.found.phase,
                None if seen.has_pod => {
                    all.insert(seen.found.key.clone(), seen.found);
                }
                None => {}
            }
        }
        Ok(all.into_values().collect())
    }

    /// The metadata of the agent's Jobs, page by page.
    async fn list_jobs(
        &self,
        namespace: &str,
        all: &mut IndexMap<AttemptKey, Found>,
    ) -> Result<(), ExecutorError> {
        let action = format!("listing Jobs in `{namespace}`");
        let jobs = Request::new(Job::url_path(&(), Some(namespace)));
        let mut page = ListParams::default()
            .labels(&labels::selector(&self.options.agent))
            .limit(PAGE);
        loop {
            let ask = || async {
                let request = jobs
                    .list_metadata(&page)
                    .map_err(kube::Error::BuildRequest)?;
                let listed: ObjectList<Thin<Job>> = self.crowds.request(request).await?;
                Ok(listed)
            };
            let listed = self
                .pace
                .call(ask)
                .await
                .map_err(unavailable(action.clone()))?;
            for Thin(job) in listed.items {
                self.add(all, namespace, &job);
            }
            match listed.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => return Ok(()),
            }
        }
    }

    fn add(&self, all: &mut IndexMap<AttemptKey, Found>, namespace: &str, job: &Job) {
        let Some(owner) = Owner::read(&job.metadata) else {
            return;
        };
        if labels::finalizer(&job.metadata).is_none() {
            return;
        }
        self.cluster.expect(&owner.key, namespace);
        all.entry(owner.key.clone()).or_insert_with(|| Found {
            key: owner.key,
            fence: owner.fence,
            uid: job.metadata.uid.clone().unwrap_or_default(),
            phase: Phase::Pending,
        });
    }
}

/// What a Job says of its attempt; it knows less of a pod than the pod does.
pub(super) fn phase_of_job(job: &Job) -> Phase {
    if has_condition(job, "Complete") {
        Phase::Succeeded
    } else if has_condition(job, "Failed") {
        Phase::Failed
    } else {
        Phase::Pending
    }
}

/// What a pod says of its attempt.
pub(super) fn phase_of_pod(pod: &Pod) -> Phase {
    match phase(pod) {
        "Succeeded" => Phase::Succeeded,
        "Failed" => Phase::Failed,
        "Running" => Phase::Running,
        _ => Phase::Pending,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use http::header::ACCEPT;
    use serde_json::json;

    use super::super::fake_api::{self, job};
    use super::*;

    /// An executor whose watches may begin, and how often metadata alone were listed.
    fn watching() -> (KubernetesExecutor, tokio::task::JoinSet<()>, Arc<AtomicU32>) {
        let metadata = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&metadata);
        let client = fake_api::client(move |request| {
            let is_watch = request
                .uri()
                .query()
                .is_some_and(|query| query.contains("watch=true"));
            let accepts = request.headers().get(ACCEPT);
            if accepts.is_some_and(|kind| kind.as_bytes().ends_with(b"v=v1")) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            let jobs = request.uri().path().ends_with("/jobs");
            let items = if jobs {
                vec![job("one"), job("two")]
            } else {
                Vec::new()
            };
            async move {
                if is_watch {
                    std::future::pending::<()>().await;
                }
                (
                    200,
                    json!({"metadata": {"resourceVersion": "1"}, "items": items}),
                )
            }
        });
        let executor = fake_api::executor(client);
        let tasks = executor
            .cluster
            .watch(&executor.crowds, &executor.options.namespaces());
        (executor, tasks, metadata)
    }

    async fn runs(executor: &KubernetesExecutor) -> Vec<String> {
        let found = executor.take_inventory().await.expect("an inventory");
        let mut runs: Vec<_> = found
            .iter()
            .map(|found| found.key.run.to_string())
            .collect();
        runs.sort();
        runs
    }

    #[tokio::test(start_paused = true)]
    async fn watches_that_begin_with_the_question_answer_it() {
        let (executor, _tasks, metadata) = watching();
        assert!(!executor.sees_cluster(), "the watches of Jobs wait");
        assert_eq!(runs(&executor).await, ["one", "two"]);
        assert_eq!(metadata.load(Ordering::Relaxed), 0);
        assert!(executor.sees_cluster());
        assert_eq!(runs(&executor).await, ["one", "two"]);
        assert_eq!(metadata.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_before_the_question_is_asked_for_again() {
        let (executor, _tasks, metadata) = watching();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(executor.sees_cluster(), "nobody asked, but somebody may");
        assert_eq!(runs(&executor).await, ["one", "two"]);
        assert_eq!(metadata.load(Ordering::Relaxed), 1);
    }
}
