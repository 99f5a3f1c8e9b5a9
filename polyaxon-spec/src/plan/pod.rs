//! What will run, in our own words: one pod with its containers and volumes.
//!
//! The plan is independent of the executor. Printed as a resource it equals what the
//! reference creates; everything that is added for builds comes later.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One pod: init containers that run one after the other, then main and its sidecars.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodPlan {
    /// Name of the object, `plx-operation-<uuid>`.
    pub name: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Kind of the runtime: `job` or `service`.
    pub kind: String,
    /// Labels of the object and of the pod.
    pub labels: IndexMap<String, String>,
    /// Annotations of the object and of the pod.
    pub annotations: IndexMap<String, String>,
    /// Init containers in their order.
    pub init_containers: Vec<ContainerPlan>,
    /// Containers, the main container first.
    pub containers: Vec<ContainerPlan>,
    /// Volumes of the pod.
    pub volumes: Vec<VolumePlan>,
    /// Where and as whom the pod runs.
    pub scheduling: Scheduling,
    /// Limits on retries and time; `None` when the operation has no such section.
    pub termination: Option<Termination>,
    /// Whether logs are kept.
    pub collect_logs: bool,
    /// Whether conditions are reported.
    pub sync_statuses: bool,
    /// Who is told about which condition: `{connections, trigger}`, verbatim.
    pub notifications: Vec<Value>,
    /// Whether the file names an image-typed `destination`, one half of what makes a build.
    pub has_destination: bool,
    /// Fields that only a service has.
    pub service: Option<ServicePlan>,
}

/// Fields of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServicePlan {
    /// Ports that the service listens on.
    pub ports: Vec<u16>,
    /// Number of pods.
    pub replicas: Option<u32>,
    /// Whether the service is reachable from outside of the cluster.
    pub is_external: Option<bool>,
}

/// One container.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerPlan {
    /// Name, unique in the pod.
    pub name: String,
    /// What the container is for.
    pub role: Role,
    /// Image reference; empty for an auxiliary container whose image the agent chooses.
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    pub image_pull_policy: Option<String>,
    /// Entry point; empty means that of the image.
    pub command: Vec<String>,
    /// Arguments; with an empty command they follow the image's entry point.
    pub args: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Variables; the names are unique.
    pub env: Vec<EnvVar>,
    /// Whole Secrets and ConfigMaps as variables, in order.
    pub env_from: Vec<EnvFrom>,
    /// Ports, as Kubernetes writes them.
    pub ports: Vec<Value>,
    /// Requests and limits, as Kubernetes writes them; null when not set.
    pub resources: Value,
    /// Mounted volumes.
    pub mounts: Vec<Mount>,
    /// All other fields of a Kubernetes container, verbatim.
    pub rest: Map<String, Value>,
}

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Init: exchanges the agent's secret for a token of the run.
    Auth,
    /// Init: copies the tools for terminals and ssh.
    Tools,
    /// Init: makes the run's folders and brings back its earlier artifacts.
    Artifacts,
    /// Init: clones a repository.
    Git,
    /// Init: writes a generated Dockerfile.
    Dockerfile,
    /// Init: writes a file.
    File,
    /// Init: prepares a TensorBoard log directory.
    Tensorboard,
    /// Init: copies from an artifacts store.
    Store,
    /// Init: a container that the user wrote.
    Custom,
    /// The container that does the work.
    #[default]
    Main,
    /// Our sidecar.
    Sidecar,
    /// A sidecar that the user wrote.
    UserSidecar,
}

impl Role {
    /// Whether the container is one of ours, run from the agent's own images.
    pub fn is_auxiliary(self) -> bool {
        !matches!(self, Self::Custom | Self::Main | Self::UserSidecar)
    }
}

/// One variable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvVar {
    /// Name of the variable.
    pub name: String,
    /// Where its value comes from.
    pub source: EnvSource,
    /// Whether it was written as a shortcut at the root of the file, which the resource shows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shortcut: bool,
}

impl EnvVar {
    /// A variable with a literal value.
    pub fn value(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            source: EnvSource::Value(value.into()),
            shortcut: false,
        }
    }

    /// A variable that the downward API fills from a field of the pod.
    pub fn field(name: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            source: EnvSource::Field { path: path.into() },
            shortcut: false,
        }
    }
}

/// Where the value of a variable comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvSource {
    /// A literal.
    Value(String),
    /// One key of a Secret.
    SecretKey {
        /// Name of the Secret.
        name: String,
        /// Key in the Secret.
        key: String,
        /// Whether the key may be missing.
        #[serde(default)]
        optional: Option<bool>,
    },
    /// One key of a ConfigMap.
    ConfigMapKey {
        /// Name of the ConfigMap.
        name: String,
        /// Key in the ConfigMap.
        key: String,
        /// Whether the key may be missing.
        #[serde(default)]
        optional: Option<bool>,
    },
    /// A field of the pod, as the downward API names it.
    Field {
        /// Path of the field, `metadata.name`.
        path: String,
    },
    /// Anything else: the Kubernetes object without its `name`.
    Raw(Value),
}

/// A whole object whose keys become variables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvFrom {
    /// Every key of a Secret.
    Secret(String),
    /// Every key of a ConfigMap.
    ConfigMap(String),
    /// Anything else, as Kubernetes writes it.
    Raw(Value),
}

/// One mounted volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mount {
    /// Name of the volume.
    pub volume: String,
    /// Path in the container.
    pub path: String,
    /// Path in the volume.
    pub sub_path: Option<String>,
    /// Whether the container may not write; `None` leaves it to Kubernetes (writable).
    pub read_only: Option<bool>,
    /// All other fields of a Kubernetes mount, verbatim.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub rest: Map<String, Value>,
}

/// One volume of the pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VolumePlan {
    /// Name, unique in the pod.
    pub name: String,
    /// What it holds.
    pub source: VolumeSource,
}

/// What a volume holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeSource {
    /// A folder that lives as long as the pod.
    EmptyDir {
        /// `Memory` for a tmpfs.
        #[serde(default)]
        medium: Option<String>,
        /// Limit, as a Kubernetes quantity.
        #[serde(default)]
        size_limit: Option<String>,
    },
    /// The keys of a Secret as files.
    Secret {
        /// Name of the Secret.
        name: String,
        /// The keys to show; all when empty.
        #[serde(default)]
        items: Vec<KeyFile>,
        /// File mode bits, as a number.
        #[serde(default)]
        default_mode: Option<i32>,
    },
    /// The keys of a ConfigMap as files.
    ConfigMap {
        /// Name of the ConfigMap.
        name: String,
        /// The keys to show; all when empty.
        #[serde(default)]
        items: Vec<KeyFile>,
        /// File mode bits, as a number.
        #[serde(default)]
        default_mode: Option<i32>,
    },
    /// A path of the node.
    HostPath {
        /// Path on the node.
        path: String,
        /// `DirectoryOrCreate`, `Socket`, ... or nothing, which checks nothing.
        #[serde(default)]
        kind: Option<String>,
    },
    /// A PersistentVolumeClaim.
    Claim {
        /// Name of the claim.
        name: String,
        /// Whether the volume may not be written.
        #[serde(default)]
        read_only: Option<bool>,
    },
    /// Anything else: the Kubernetes volume without its `name`.
    Raw(Value),
}

/// One key of a Secret or ConfigMap as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFile {
    /// Key of the object.
    pub key: String,
    /// Relative path of the file.
    pub path: String,
}

/// Where and as whom the pod runs. Nested objects are as Kubernetes writes them, null when not set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scheduling {
    /// Service account of the pod.
    pub service_account_name: Option<String>,
    /// Node to run on, past the scheduler.
    pub node_name: Option<String>,
    /// Labels that the node must have.
    pub node_selector: IndexMap<String, String>,
    /// Affinity rules.
    pub affinity: Value,
    /// Taints that are tolerated.
    pub tolerations: Vec<Value>,
    /// Use the node's network.
    pub host_network: Option<bool>,
    /// Use the node's process ids.
    pub host_pid: Option<bool>,
    /// `ClusterFirst`, `Default`, `None`, ...
    pub dns_policy: Option<String>,
    /// Resolver settings.
    pub dns_config: Value,
    /// Lines for the hosts file.
    pub host_aliases: Vec<Value>,
    /// Priority as a number.
    pub priority: Option<i64>,
    /// Priority by the name of its class.
    pub priority_class_name: Option<String>,
    /// Scheduler to use.
    pub scheduler_name: Option<String>,
    /// Security context of the pod.
    pub security_context: Value,
    /// Names of the Secrets with pull credentials.
    pub image_pull_secrets: Vec<String>,
    /// `Never` when not set.
    pub restart_policy: Option<String>,
}

/// Limits on retries and time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Termination {
    /// Further attempts after a failure; 0 was written by the user, `None` was not.
    pub max_retries: Option<u32>,
    /// Seconds that the whole run may take.
    pub timeout_seconds: Option<u64>,
    /// Seconds that finished objects stay.
    pub ttl_seconds: Option<u64>,
    /// Other fields, as the resource writes them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub rest: Map<String, Value>,
}

impl PodPlan {
    /// The main container; `None` only for a plan that was read from elsewhere.
    pub fn main(&self) -> Option<&ContainerPlan> {
        self.containers
            .iter()
            .find(|container| container.role == Role::Main)
    }

    /// The main container, to change it.
    pub fn main_mut(&mut self) -> Option<&mut ContainerPlan> {
        self.containers
            .iter_mut()
            .find(|container| container.role == Role::Main)
    }

    /// Whether the rules for builds apply: the operation has an image-typed `destination`
    /// and the repository of its main image is one of `executor_images`.
    pub fn is_build(&self, executor_images: &[String]) -> bool {
        self.has_destination
            && self.main().is_some_and(|main| {
                let repository = image_repository(&main.image);
                executor_images
                    .iter()
                    .any(|image| image_repository(image) == repository)
            })
    }
}

/// The repository of an image reference: without tag, digest and the default registry.
pub fn image_repository(image: &str) -> &str {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last_slash = name.rfind('/').map_or(0, |at| at + 1);
    let name = match name.get(last_slash..).and_then(|last| last.find(':')) {
        Some(colon) => name.get(..last_slash + colon).unwrap_or(name),
        None => name,
    };
    ["docker.io/", "index.docker.io/"]
        .iter()
        .find_map(|registry| name.strip_prefix(registry))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_has_no_tag_digest_or_default_registry() {
        for (image, repository) in [
            (
                "gcr.io/kaniko-project/executor:v1.23.2",
                "gcr.io/kaniko-project/executor",
            ),
            (
                "gcr.io/kaniko-project/executor@sha256:00",
                "gcr.io/kaniko-project/executor",
            ),
            ("localhost:5000/kaniko", "localhost:5000/kaniko"),
            (
                "localhost:5000/kaniko:v1@sha256:00",
                "localhost:5000/kaniko",
            ),
            ("docker.io/martizih/kaniko:latest", "martizih/kaniko"),
            ("martizih/kaniko", "martizih/kaniko"),
            ("busybox:1", "busybox"),
        ] {
            assert_eq!(image_repository(image), repository, "{image}");
        }
    }

    #[test]
    fn a_build_needs_both_destination_and_executor() {
        let executors = ["gcr.io/kaniko-project/executor".to_owned()];
        let mut plan = PodPlan {
            has_destination: true,
            containers: vec![ContainerPlan {
                image: "gcr.io/kaniko-project/executor:v1.23.2".to_owned(),
                ..ContainerPlan::default()
            }],
            ..PodPlan::default()
        };
        assert!(plan.is_build(&executors));
        assert!(!plan.is_build(&[]));
        plan.has_destination = false;
        assert!(!plan.is_build(&executors));
    }
}
