//! The kinds of objects of which the picture of the cluster is made, without what is never read.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event as Warning, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::cluster::Cluster;
use super::kind::Kind;
use super::observe::Note;

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

/// What is never read takes no room.
fn lighten(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
}

impl Kept for Job {
    const KIND: &'static str = "Job";

    fn put(mut self, cluster: &Cluster) {
        lighten(&mut self.metadata);
        if let Some(spec) = &mut self.spec {
            // The pod has the same.
            spec.template.spec = None;
        }
        let job = Arc::new(self);
        cluster.change(&job.metadata, |slot| slot.job = Some(Arc::clone(&job)));
    }

    fn drop_from(self, cluster: &Cluster) {
        cluster.change(&self.metadata, |slot| {
            // A Job of the same name may have come since.
            let same = slot
                .job
                .as_ref()
                .is_some_and(|job| job.metadata.uid == self.metadata.uid);
            if same {
                slot.job = None;
            }
        });
        cluster.forget_uid(&self.metadata);
    }

    fn retain(cluster: &Cluster, namespace: &str, names: &HashSet<String>) {
        cluster.retain(namespace, |slot| {
            let gone = slot.job.as_ref().is_some_and(|job| {
                !names.contains(job.metadata.name.as_deref().unwrap_or_default())
            });
            if gone {
                slot.job = None;
            }
            gone
        });
    }
}

impl Kept for Pod {
    const KIND: &'static str = "Pod";

    fn put(mut self, cluster: &Cluster) {
        lighten(&mut self.metadata);
        if let Some(spec) = &mut self.spec {
            spec.volumes = None;
            for container in spec
                .containers
                .iter_mut()
                .chain(spec.init_containers.iter_mut().flatten())
            {
                (container.env, container.args, container.volume_mounts) = (None, None, None);
            }
        }
        let pod = Arc::new(self);
        let name = pod.metadata.name.clone().unwrap_or_default();
        cluster.change(&pod.metadata, |slot| {
            slot.pods.insert(name, Arc::clone(&pod));
        });
    }

    fn drop_from(self, cluster: &Cluster) {
        cluster.change(&self.metadata, |slot| {
            slot.pods
                .remove(self.metadata.name.as_deref().unwrap_or_default());
        });
        cluster.forget_uid(&self.metadata);
    }

    fn retain(cluster: &Cluster, namespace: &str, names: &HashSet<String>) {
        cluster.retain(namespace, |slot| {
            let before = slot.pods.len();
            slot.pods.retain(|name, _| names.contains(name));
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
