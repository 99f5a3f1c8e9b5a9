//! How the executor reaches a cluster, and what it may do there.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::lanes::Lanes;
use super::{protobuf, turns};
use crate::config::UserNamespaces;
use crate::executor::ExecutorError;

/// Everything that the executor has to know.
#[derive(Debug, Clone)]
pub struct KubernetesOptions {
    /// Kubeconfig; `None`: the pod's service account, or the usual kubeconfig outside of a cluster.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; `None`: its current one.
    pub context: Option<String>,
    /// Namespace of runs that name none, and of the Lease.
    pub namespace: String,
    /// Further namespaces in which runs may be.
    pub additional_namespaces: Vec<String>,
    /// Label of everything that this agent makes, and name of its Lease.
    pub agent: String,
    /// Image of init containers and the sidecar for which the catalog names none.
    pub pod_image: Option<String>,
    /// Key of the bundle in builds' volume of certificate authorities.
    pub ca_key: Option<String>,
    /// Registries (`host:port`) that are spoken to over plain HTTP.
    pub insecure_registries: Vec<String>,
    /// How long a pod may wait for a node.
    pub unschedulable: Duration,
    /// Outputs of running containers that are read at a time.
    pub log_streams: u32,
    /// User namespaces for builds.
    pub user_namespaces: UserNamespaces,
}

/// The clients of one cluster.
pub(super) struct Clients {
    /// For all that has none of its own.
    pub(super) general: Client,
    /// For the picture of the cluster: what it lists of Jobs and pods has only what `Thin` reads.
    pub(super) crowds: Client,
    /// For outputs.
    pub(super) lanes: Lanes,
    /// Where it is.
    pub(super) address: String,
}

impl KubernetesOptions {
    /// All namespaces, each once.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let mut all = vec![self.namespace.clone()];
        for namespace in &self.additional_namespaces {
            if !all.contains(namespace) {
                all.push(namespace.clone());
            }
        }
        all
    }

    /// Clients for the cluster; nothing is sent yet.
    pub(super) async fn connect(&self) -> Result<Clients, ExecutorError> {
        let config = self
            .config()
            .await
            .map_err(|reason| ExecutorError::Unavailable {
                action: "finding the cluster".to_owned(),
                reason,
            })?;
        let address = config.cluster_url.to_string();
        let wrong = |reason: String| ExecutorError::Unavailable {
            action: format!("connecting to the cluster at `{address}`"),
            reason,
        };
        let lanes = Lanes::new(&config, turns::outputs(self.log_streams)).map_err(wrong)?;
        let unusable = |error: kube::Error| wrong(error.to_string());
        Ok(Clients {
            crowds: protobuf::client(config.clone()).map_err(unusable)?,
            general: Client::try_from(config).map_err(unusable)?,
            lanes,
            address,
        })
    }

    async fn config(&self) -> Result<Config, String> {
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        if let Some(path) = &self.kubeconfig {
            let file = Kubeconfig::read_from(path)
                .map_err(|error| format!("the kubeconfig `{}`: {error}", path.display()))?;
            return Config::from_custom_kubeconfig(file, &options)
                .await
                .map_err(|error| format!("the kubeconfig `{}`: {error}", path.display()));
        }
        if self.context.is_some() {
            return Config::from_kubeconfig(&options)
                .await
                .map_err(|error| error.to_string());
        }
        Config::infer().await.map_err(|error| {
            format!(
                "there is neither a service account nor a kubeconfig, set `executor.kubernetes.kubeconfig`: {error}"
            )
        })
    }
}
