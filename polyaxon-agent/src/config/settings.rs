//! The agent's own settings, beside the catalog in the same file.

use std::path::{Path, PathBuf};

use polyaxon_spec::kaniko::{DEFAULT_EXECUTOR_IMAGE, EXECUTOR_IMAGES, Proxies};
use polyaxon_spec::policy::Policy;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Everything that `agent.yaml` says to the agent itself.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// What runs pods; the container engine unless a cluster is named.
    pub executor: ExecutorChoice,
    /// The container engine that runs pods.
    pub engine: Engine,
    /// Image that replaces the executor of builds; `None` means [`DEFAULT_EXECUTOR_IMAGE`].
    pub executor_image: Option<String>,
    /// Keep the executor image that the component names.
    pub keep_executor_image: bool,
    /// Further repositories that count as executors.
    pub executor_images: Vec<String>,
    /// Registries that are asked before the one that a base image names.
    pub registry_mirrors: Vec<String>,
    /// Registries (`host:port`) that are spoken to over plain HTTP.
    pub insecure_registries: Vec<String>,
    /// PEM file of certificate authorities for builds and for the confirmation of digests.
    pub ca_bundle: Option<PathBuf>,
    /// Proxies for builds.
    pub proxies: Proxies,
    /// Requests and limits of builds that set none themselves.
    pub build_resources: BuildResources,
    /// What users may put in a pod.
    pub policy: Policy,
    /// Queues that are created or updated when the agent connects.
    pub queues: Vec<Queue>,
    /// A digest that the registry did not confirm fails the run.
    pub require_confirmation: bool,
    /// Further attempts of runs that set none themselves; `None` means 2.
    pub max_retries: Option<u32>,
    /// Runs at a time; `None` means 10.
    pub max_runs: Option<u32>,
}

impl Settings {
    /// Image that builds run with.
    pub fn executor_image(&self) -> &str {
        self.executor_image
            .as_deref()
            .unwrap_or(DEFAULT_EXECUTOR_IMAGE)
    }

    /// Repositories that count as executors: the known ones, the configured ones and that of
    /// the configured executor image.
    pub fn executor_repositories(&self) -> Vec<String> {
        let mut all: Vec<String> = EXECUTOR_IMAGES
            .iter()
            .map(|image| (*image).to_owned())
            .collect();
        for image in self.executor_images.iter().chain(&self.executor_image) {
            if !all.contains(image) {
                all.push(image.clone());
            }
        }
        all
    }

    /// Runs at a time.
    pub fn max_runs(&self) -> u32 {
        self.max_runs.unwrap_or(10)
    }

    /// Further attempts of runs that set none themselves.
    pub fn max_retries(&self) -> u32 {
        self.max_retries.unwrap_or(2)
    }

    /// Makes paths that are relative to the configuration file absolute.
    pub(super) fn resolve_paths(&mut self, folder: &Path) {
        let engine = &mut self.engine;
        for path in [
            &mut engine.secrets_dir,
            &mut engine.config_maps_dir,
            &mut engine.claims_dir,
            &mut self.ca_bundle,
        ]
        .into_iter()
        .flatten()
        .chain(
            self.executor
                .kubernetes
                .as_mut()
                .and_then(|cluster| cluster.kubeconfig.as_mut()),
        ) {
            if path.is_relative() {
                *path = folder.join(&*path);
            }
        }
    }
}

/// What runs pods.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecutorChoice {
    /// A cluster; `None`: the container engine.
    pub kubernetes: Option<Kubernetes>,
}

/// A Kubernetes cluster and what the agent is in it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Kubernetes {
    /// Kubeconfig; the pod's service account, or the usual kubeconfig outside of a cluster, when absent.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one when absent.
    pub context: Option<String>,
    /// Label of everything that this agent makes, and name of its Lease.
    pub name: String,
    /// Image of init containers and the sidecar.
    pub pod_image: Option<String>,
    /// Certificate authorities for builds and for the confirmation of digests.
    pub ca_bundle: Option<ClusterCaBundle>,
    /// Seconds that a pod may wait for a node.
    pub unschedulable_timeout: u32,
    /// Outputs of running containers that are read at a time; what has no place is read when its container has ended.
    pub log_streams: u32,
    /// User namespaces for builds.
    pub user_namespaces: UserNamespaces,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            name: "polyaxon-agent".to_owned(),
            pod_image: None,
            ca_bundle: None,
            unschedulable_timeout: 600,
            log_streams: 500,
            user_namespaces: UserNamespaces::default(),
        }
    }
}

/// A key of a ConfigMap or of a Secret with certificate authorities as PEM.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterCaBundle {
    /// Name of the ConfigMap.
    pub config_map: Option<String>,
    /// Name of the Secret, where there is no ConfigMap.
    pub secret: Option<String>,
    /// The key; `ca.crt` when absent.
    pub key: Option<String>,
}

impl ClusterCaBundle {
    /// The key.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or("ca.crt")
    }
}

/// Whether builds run in user namespaces of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserNamespaces {
    /// Where a pod has shown that the nodes do it.
    #[default]
    Auto,
    /// Always; a node that cannot do it refuses the pod.
    Always,
    /// Never.
    Never,
}

/// A Docker or Podman socket and where its containers find things.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Engine {
    /// Path of the unix socket, with or without `unix://`; the usual places when absent.
    pub socket: Option<String>,
    /// Network of the containers.
    pub network: Network,
    /// Folder of Secrets: `NAME/KEY` files.
    pub secrets_dir: Option<PathBuf>,
    /// Folder of ConfigMaps: `NAME/KEY` files.
    pub config_maps_dir: Option<PathBuf>,
    /// Folder that stands for PersistentVolumeClaims: one folder per claim.
    pub claims_dir: Option<PathBuf>,
    /// Image of init containers and the sidecar, instead of the archive beside the binary.
    pub pod_image: Option<String>,
}

/// Network of an engine's containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The network of the machine, where loopback registries are reachable.
    #[default]
    Host,
    /// The engine's own bridge.
    Bridge,
}

/// Requests and limits as Kubernetes writes them.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildResources {
    /// What the scheduler sets aside.
    pub requests: Map<String, Value>,
    /// What a build may use at most.
    pub limits: Map<String, Value>,
}

/// A queue of this agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Queue {
    /// Name, unique within the agent.
    pub name: String,
    /// Higher first.
    #[serde(default)]
    pub priority: i32,
    /// Runs at a time; -1: no limit.
    #[serde(default = "unlimited")]
    pub concurrency: i32,
}

fn unlimited() -> i32 {
    -1
}
