//! What is there of this agent's attempts, by the objects alone.

use indexmap::IndexMap;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;

use super::cluster::PAGE;
use super::failure::unavailable;
use super::kind::Kind;
use super::labels::{self, Owner};
use super::removal::has_condition;
use super::thin::Thin;
use super::{ExecutorError, Found, KubernetesExecutor};
use crate::attempt::AttemptKey;
use crate::executor::Phase;

impl KubernetesExecutor {
    /// Every attempt whose objects we still hold; one without our finalizer is nobody's any more.
    pub(super) async fn take_inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        let mut all: IndexMap<AttemptKey, Found> = IndexMap::new();
        for namespace in self.options.namespaces() {
            self.each(&namespace, |Thin(job): &Thin<Job>| {
                self.add(&mut all, &namespace, &job.metadata, phase_of_job(job));
            })
            .await?;
            self.each(&namespace, |Thin(pod): &Thin<Pod>| {
                self.add(&mut all, &namespace, &pod.metadata, phase_of_pod(pod));
            })
            .await?;
        }
        Ok(all.into_values().collect())
    }

    /// Lists what is of this agent, page by page.
    async fn each<K: Kind>(
        &self,
        namespace: &str,
        mut take: impl FnMut(&K),
    ) -> Result<(), ExecutorError> {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let mut page = ListParams::default()
            .labels(&labels::selector(&self.options.agent))
            .limit(PAGE);
        loop {
            let listed = self
                .pace
                .call(|| api.list(&page))
                .await
                .map_err(unavailable(format!(
                    "listing {} in `{namespace}`",
                    K::plural(&())
                )))?;
            listed.items.iter().for_each(&mut take);
            match listed.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => return Ok(()),
            }
        }
    }

    fn add(
        &self,
        all: &mut IndexMap<AttemptKey, Found>,
        namespace: &str,
        metadata: &ObjectMeta,
        phase: Phase,
    ) {
        let Some(owner) = Owner::read(metadata) else {
            return;
        };
        if labels::finalizer(metadata).is_none() {
            return;
        }
        self.cluster.expect(&owner.key, namespace);
        let found = all.entry(owner.key.clone()).or_insert_with(|| Found {
            key: owner.key,
            fence: owner.fence,
            uid: metadata.uid.clone().unwrap_or_default(),
            phase,
        });
        // The Job knows less of a pod than the pod does.
        if found.phase == Phase::Pending {
            found.phase = phase;
        }
    }
}

fn phase_of_job(job: &Job) -> Phase {
    if has_condition(job, "Complete") {
        Phase::Succeeded
    } else if has_condition(job, "Failed") {
        Phase::Failed
    } else {
        Phase::Pending
    }
}

fn phase_of_pod(pod: &Pod) -> Phase {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    match phase {
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        Some("Running") => Phase::Running,
        _ => Phase::Pending,
    }
}
