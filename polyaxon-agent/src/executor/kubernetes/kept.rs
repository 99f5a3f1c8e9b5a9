//! The kinds of objects of which the picture of the cluster is made, without what is never read.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Read as _;
use std::marker::PhantomData;
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, Event as Warning, Pod, PodSpec, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde::Serialize;

use super::cluster::Cluster;
use super::kind::Kind;
use super::labels;
use super::observe::Note;
use super::thin::Thin;

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

/// An object without what is never read, as compressed text: the fields of ten thousand pods take many times that room,
/// and few are looked at in a second.
#[derive(Clone)]
pub(super) struct Folded<K> {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) created: Option<Time>,
    /// Whether it has our finalizer.
    pub(super) is_held: bool,
    text: Arc<[u8]>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind + Serialize> Folded<K> {
    /// `object` is what is left of the object with this metadata.
    fn new(metadata: &ObjectMeta, object: &K) -> Self {
        Self {
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            created: metadata.creation_timestamp.clone(),
            is_held: labels::finalizer(metadata).is_some(),
            text: compressed(object).into(),
            kind: PhantomData,
        }
    }

    /// The object; what was folded unfolds.
    pub(super) fn unfold(&self) -> Option<Arc<K>> {
        let mut text = Vec::new();
        DeflateDecoder::new(&*self.text)
            .read_to_end(&mut text)
            .ok()?;
        serde_json::from_slice(&text).ok().map(Arc::new)
    }
}

thread_local! {
    /// Made once, because it is hundreds of times as large as what it makes.
    static PRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

fn compressed(object: &impl Serialize) -> Vec<u8> {
    // A typed object is always JSON, and there is always room.
    let text = serde_json::to_vec(object).unwrap_or_default();
    // Also for what cannot be compressed.
    let mut compressed = Vec::with_capacity(text.len() + text.len() / 8 + 64);
    PRESS.with_borrow_mut(|press| {
        press.reset();
        let _ended = press.compress_vec(&text, &mut compressed, FlushCompress::Finish);
    });
    compressed
}

impl Folded<Job> {
    /// What is read of a Job.
    pub(super) fn of_job(job: Job) -> Self {
        let light = Job {
            metadata: light_metadata(&job.metadata),
            spec: None,
            status: job.status,
        };
        Self::new(&job.metadata, &light)
    }
}

impl Folded<Pod> {
    /// What is read of a pod.
    pub(super) fn of_pod(pod: Pod) -> Self {
        let metadata = pod.metadata.clone();
        Self::new(&metadata, &light_pod(pod))
    }
}

fn light_metadata(metadata: &ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: metadata.name.clone(),
        uid: metadata.uid.clone(),
        creation_timestamp: metadata.creation_timestamp.clone(),
        deletion_timestamp: metadata.deletion_timestamp.clone(),
        ..ObjectMeta::default()
    }
}

fn light_pod(pod: Pod) -> Pod {
    let status = |status: ContainerStatus| ContainerStatus {
        name: status.name,
        image: status.image,
        image_id: status.image_id,
        state: status.state,
        last_state: status.last_state,
        ..ContainerStatus::default()
    };
    let statuses = |all: Option<Vec<ContainerStatus>>| {
        all.map(|all| all.into_iter().map(status).collect::<Vec<_>>())
    };
    Pod {
        metadata: light_metadata(&pod.metadata),
        spec: pod.spec.map(|spec| PodSpec {
            node_name: spec.node_name,
            host_users: spec.host_users,
            init_containers: spec.init_containers.map(|all| {
                let init = |container: Container| Container {
                    name: container.name,
                    restart_policy: container.restart_policy,
                    ..Container::default()
                };
                all.into_iter().map(init).collect()
            }),
            ..PodSpec::default()
        }),
        status: pod.status.map(|all| PodStatus {
            phase: all.phase,
            reason: all.reason,
            message: all.message,
            conditions: all.conditions.map(|mut conditions| {
                conditions.retain(|condition| {
                    matches!(
                        condition.type_.as_str(),
                        "PodScheduled" | "DisruptionTarget"
                    )
                });
                conditions
            }),
            init_container_statuses: statuses(all.init_container_statuses),
            container_statuses: statuses(all.container_statuses),
            ..PodStatus::default()
        }),
    }
}

impl Kept for Job {
    const KIND: &'static str = "Job";

    fn put(self, cluster: &Cluster) {
        let metadata = self.metadata.clone();
        let job = Folded::of_job(self);
        cluster.change(&metadata, |slot| slot.job = Some(job));
    }

    fn drop_from(self, cluster: &Cluster) {
        cluster.change(&self.metadata, |slot| {
            // A Job of the same name may have come since.
            let same = slot
                .job
                .as_ref()
                .is_some_and(|job| Some(&job.uid) == self.metadata.uid.as_ref());
            if same {
                slot.job = None;
            }
        });
        cluster.forget_uid(&self.metadata);
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

impl Kept for Pod {
    const KIND: &'static str = "Pod";

    fn put(self, cluster: &Cluster) {
        let metadata = self.metadata.clone();
        let pod = Folded::of_pod(self);
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
        let name = self.metadata.name.as_deref().unwrap_or_default();
        cluster.change(&self.metadata, |slot| {
            slot.pods.retain(|pod| pod.name != name);
        });
        cluster.forget_uid(&self.metadata);
    }

    fn retain(cluster: &Cluster, namespace: &str, names: &HashSet<String>) {
        cluster.retain(namespace, |slot| {
            let before = slot.pods.len();
            slot.pods.retain(|pod| names.contains(&pod.name));
            slot.pods.len() != before
        });
    }
}

impl<K: Kept> Kept for Thin<K>
where
    Self: Kind,
{
    const KIND: &'static str = <K as Kept>::KIND;

    fn put(self, cluster: &Cluster) {
        self.0.put(cluster);
    }

    fn drop_from(self, cluster: &Cluster) {
        self.0.drop_from(cluster);
    }

    fn retain(cluster: &Cluster, namespace: &str, names: &HashSet<String>) {
        K::retain(cluster, namespace, names);
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
