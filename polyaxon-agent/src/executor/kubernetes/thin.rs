//! Objects as they are read where thousands come at once: without what nobody looks at. What the API server sends of a
//! pod takes some ten times its text when all of it is read, most of it for who has changed which field.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::{Metadata, Resource};
use serde::{Deserialize, Deserializer};

/// An object without what is not read.
#[derive(Debug, Clone)]
pub(super) struct Thin<K>(pub(super) K);

impl<K: Resource> Resource for Thin<K> {
    const API_VERSION: &'static str = K::API_VERSION;
    const GROUP: &'static str = K::GROUP;
    const KIND: &'static str = K::KIND;
    const VERSION: &'static str = K::VERSION;
    const URL_PATH_SEGMENT: &'static str = K::URL_PATH_SEGMENT;
    type Scope = K::Scope;
}

impl<K: Metadata<Ty = ObjectMeta>> Metadata for Thin<K> {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        self.0.metadata()
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        self.0.metadata_mut()
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ThinMetadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
}

impl From<ThinMetadata> for ObjectMeta {
    fn from(thin: ThinMetadata) -> Self {
        Self {
            name: thin.name,
            namespace: thin.namespace,
            uid: thin.uid,
            resource_version: thin.resource_version,
            creation_timestamp: thin.creation_timestamp,
            deletion_timestamp: thin.deletion_timestamp,
            labels: thin.labels,
            annotations: thin.annotations,
            finalizers: thin.finalizers,
            ..Self::default()
        }
    }
}

impl<'de> Deserialize<'de> for Thin<Job> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct ThinJob {
            #[serde(default)]
            metadata: ThinMetadata,
            status: Option<JobStatus>,
        }
        let thin = ThinJob::deserialize(deserializer)?;
        Ok(Self(Job {
            metadata: thin.metadata.into(),
            spec: None,
            status: thin.status,
        }))
    }
}

impl<'de> Deserialize<'de> for Thin<Pod> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct ThinPod {
            #[serde(default)]
            metadata: ThinMetadata,
            spec: Option<ThinSpec>,
            status: Option<PodStatus>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ThinSpec {
            node_name: Option<String>,
            host_users: Option<bool>,
            init_containers: Option<Vec<ThinContainer>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ThinContainer {
            name: String,
            restart_policy: Option<String>,
        }
        let thin = ThinPod::deserialize(deserializer)?;
        let init = |container: ThinContainer| Container {
            name: container.name,
            restart_policy: container.restart_policy,
            ..Container::default()
        };
        let spec = |spec: ThinSpec| PodSpec {
            node_name: spec.node_name,
            host_users: spec.host_users,
            init_containers: spec
                .init_containers
                .map(|all| all.into_iter().map(init).collect()),
            ..PodSpec::default()
        };
        Ok(Self(Pod {
            metadata: thin.metadata.into(),
            spec: thin.spec.map(spec),
            status: thin.status,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;

    fn metadata() -> Value {
        json!({
            "name": "a", "namespace": "builds", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": "2026-01-02T03:04:05Z", "deletionTimestamp": "2026-01-02T03:04:06Z",
            "labels": {"l": "1"}, "annotations": {"n": "2"}, "finalizers": ["polyaxon.com/agent"],
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {"f:phase": {}}}}],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": "a", "uid": "v"}],
        })
    }

    fn light(metadata: ObjectMeta) -> ObjectMeta {
        ObjectMeta {
            managed_fields: None,
            owner_references: None,
            ..metadata
        }
    }

    fn json_of(object: &impl Serialize) -> Value {
        serde_json::to_value(object).expect("JSON")
    }

    #[test]
    fn of_a_pod_all_is_read_that_is_kept() {
        let text = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata(),
            "spec": {
                "nodeName": "n", "hostUsers": false, "serviceAccountName": "s",
                "initContainers": [{"name": "i", "image": "x", "restartPolicy": "Always", "env": [{"name": "A", "value": "b"}]}],
                "containers": [{"name": "m", "image": "x"}],
            },
            "status": {
                "phase": "Running", "reason": "r", "message": "m",
                "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "m", "image": "x", "imageID": "y", "ready": true, "restartCount": 0,
                    "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}}}],
            },
        });
        let thin: Thin<Pod> = serde_json::from_value(text.clone()).expect("a pod");
        let whole: Pod = serde_json::from_value(text).expect("a pod");
        assert_eq!(thin.0.metadata, light(whole.metadata));
        assert_eq!(
            json_of(&thin.0.spec),
            json!({
                "nodeName": "n", "hostUsers": false, "containers": [],
                "initContainers": [{"name": "i", "restartPolicy": "Always"}],
            })
        );
        assert_eq!(thin.0.status, whole.status);
    }

    #[test]
    fn of_a_job_all_is_read_that_is_kept() {
        let text = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata(),
            "spec": {"template": {"spec": {"containers": [{"name": "m"}]}}},
            "status": {"active": 1, "conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]},
        });
        let thin: Thin<Job> = serde_json::from_value(text.clone()).expect("a Job");
        let whole: Job = serde_json::from_value(text).expect("a Job");
        assert_eq!(thin.0.metadata, light(whole.metadata));
        assert_eq!((thin.0.spec, thin.0.status), (None, whole.status));
    }
}
