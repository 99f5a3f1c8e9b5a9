//! The kinds of objects of which the picture of the cluster is made, without what is never read.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::Metadata as _;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStatus,
    Event as Warning, Pod, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Serialize;

use super::cluster::Cluster;
use super::inventory::{phase_of_job, phase_of_pod};
use super::kind::Kind;
use super::labels;
use super::observe::Note;
use super::thin::Thin;
use crate::executor::Phase;
use crate::folded::Folded;

/// Start of the names of Jobs and their pods.
const OBJECT_PREFIX: &str = "plx-operation-";

/// A kind of object of which the picture is made.
pub(super) trait Kept: Kind + Send + 'static {
    const KIND: &'static str;
    /// It is there, or it has changed.
    fn put(self, cluster: &Cluster);
    /// It is not there any more.
    fn drop_from(self, cluster: &Cluster);
    /// Only these are there.
    fn retain(cluster: &Cluster, namespace: &str, names: &HashSet<String>);
}

/// An object without what is never read.
#[derive(Clone)]
pub(super) struct Light<K> {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) created: Option<Time>,
    /// Whether it has our finalizer.
    pub(super) is_held: bool,
    pub(super) phase: Phase,
    /// All the rest.
    rest: Folded,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind + Serialize> Light<K> {
    /// `rest` is what is left of the object with this metadata.
    fn new(metadata: ObjectMeta, phase: Phase, rest: &K) -> Self {
        Self {
            is_held: labels::finalizer(&metadata).is_some(),
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            created: metadata.creation_timestamp,
            phase,
            rest: Folded::new(rest),
            kind: PhantomData,
        }
    }

    /// The object.
    pub(super) fn object(&self) -> Option<Arc<K>> {
        let mut object: K = self.rest.unfold()?;
        let metadata = object.meta_mut();
        metadata.name = Some(self.name.clone());
        metadata.uid = Some(self.uid.clone());
        metadata.creation_timestamp.clone_from(&self.created);
        Some(Arc::new(object))
    }
}

impl Light<Job> {
    /// What is read of a Job.
    pub(super) fn of_job(Thin(job): Thin<Job>) -> Self {
        let phase = phase_of_job(&job);
        let light = Job {
            metadata: light_metadata(&job.metadata),
            spec: None,
            status: job.status.map(|status| JobStatus {
                conditions: status.conditions.map(|mut conditions| {
                    for condition in &mut conditions {
                        condition.last_probe_time = None;
                        condition.last_transition_time = None;
                    }
                    conditions
                }),
                ..JobStatus::default()
            }),
        };
        Self::new(job.metadata, phase, &light)
    }
}

impl Light<Pod> {
    /// What is read of a pod.
    pub(super) fn of_pod(Thin(pod): Thin<Pod>) -> Self {
        let phase = phase_of_pod(&pod);
        let light = Pod {
            metadata: light_metadata(&pod.metadata),
            spec: pod.spec,
            status: pod.status.map(light_status),
        };
        Self::new(pod.metadata, phase, &light)
    }
}

fn light_metadata(metadata: &ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        deletion_timestamp: metadata.deletion_timestamp.clone(),
        ..ObjectMeta::default()
    }
}

fn light_status(status: PodStatus) -> PodStatus {
    // Which image it has become is asked of the main container alone.
    let init = |all: Vec<ContainerStatus>| {
        let without_image = |status: ContainerStatus| ContainerStatus {
            image: String::new(),
            image_id: String::new(),
            ..light_container(status)
        };
        all.into_iter().map(without_image).collect()
    };
    let others = |all: Vec<ContainerStatus>| all.into_iter().map(light_container).collect();
    PodStatus {
        phase: status.phase,
        reason: status.reason,
        message: status.message,
        conditions: status.conditions.map(|mut conditions| {
            conditions.retain_mut(|condition| {
                condition.last_probe_time = None;
                condition.last_transition_time = None;
                let value = (condition.type_.as_str(), condition.status.as_str());
                matches!(value, ("PodScheduled", "False") | ("DisruptionTarget", _))
            });
            conditions
        }),
        init_container_statuses: status.init_container_statuses.map(init),
        container_statuses: status.container_statuses.map(others),
        ..PodStatus::default()
    }
}

fn light_container(status: ContainerStatus) -> ContainerStatus {
    ContainerStatus {
        name: status.name,
        image: status.image,
        image_id: status.image_id,
        state: status.state.map(light_state),
        last_state: status.last_state.map(light_state),
        ..ContainerStatus::default()
    }
}

/// Without times; of the container's identifier only whether there is one.
fn light_state(state: ContainerState) -> ContainerState {
    ContainerState {
        running: state.running.map(|_| ContainerStateRunning::default()),
        terminated: state.terminated.map(|end| ContainerStateTerminated {
            container_id: end.container_id.map(|_| String::new()),
            started_at: None,
            finished_at: None,
            ..end
        }),
        waiting: state.waiting,
    }
}

impl Kept for Thin<Job> {
    const KIND: &'static str = "Job";

    fn put(self, cluster: &Cluster) {
        let metadata = self.metadata().clone();
        let job = Light::of_job(self);
        cluster.change(&metadata, |slot| slot.job = Some(job));
    }

    fn drop_from(self, cluster: &Cluster) {
        cluster.change(self.metadata(), |slot| {
            // A Job of the same name may have come since.
            let same = slot
                .job
                .as_ref()
                .is_some_and(|job| Some(&job.uid) == self.metadata().uid.as_ref());
            if same {
                slot.job = None;
            }
        });
        cluster.forget_uid(self.metadata());
    }

    fn retain(cluster: &Cluster, namespace: &str, names: &HashSet<String>) {
        cluster.retain(namespace, |slot| {
            let gone = slot
                .job
                .as_ref()
                .is_some_and(|job| !names.contains(&job.name));
            if gone {
                slot.job = None;
            }
            gone
        });
    }
}

impl Kept for Thin<Pod> {
    const KIND: &'static str = "Pod";

    fn put(self, cluster: &Cluster) {
        let metadata = self.metadata().clone();
        let pod = Light::of_pod(self);
        cluster.change(&metadata, |slot| {
            if let Some(known) = slot.pods.iter_mut().find(|known| known.name == pod.name) {
                *known = pod;
            } else {
                slot.pods.reserve_exact(1);
                slot.pods.push(pod);
            }
        });
    }

    fn drop_from(self, cluster: &Cluster) {
        let name = self.metadata().name.as_deref().unwrap_or_default();
        cluster.change(self.metadata(), |slot| {
            slot.pods.retain(|pod| pod.name != name);
        });
        cluster.forget_uid(self.metadata());
    }

    fn retain(cluster: &Cluster, namespace: &str, names: &HashSet<String>) {
        cluster.retain(namespace, |slot| {
            let before = slot.pods.len();
            slot.pods.retain(|pod| names.contains(&pod.name));
            slot.pods.len() != before
        });
    }
}

impl Kept for Warning {
    const KIND: &'static str = "Event";

    fn put(self, cluster: &Cluster) {
        let object = self.involved_object;
        let kind = object.kind.unwrap_or_default();
        let name = object.name.unwrap_or_default();
        let Some(uid) = object.uid else { return };
        if matches!(kind.as_str(), "Job" | "Pod") && name.starts_with(OBJECT_PREFIX) {
            let note = Note {
                kind,
                reason: self.reason.unwrap_or_default(),
                message: self.message.unwrap_or_default(),
            };
            cluster.note(uid, note);
        }
    }

    fn drop_from(self, cluster: &Cluster) {
        if let Some(uid) = &self.involved_object.uid {
            cluster.forget_note(uid);
        }
    }

    fn retain(_: &Cluster, _: &str, _: &HashSet<String>) {}
}
