//! What an agent offers: namespaces, connections and the artifacts store. Names of secrets, never their values.

mod connection;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use connection::{Connection, KINDS, Resource};

/// Default image of our init containers, as the reference names it.
pub const DEFAULT_INIT_IMAGE: &str = "polyaxon/polyaxon-init";
/// Default image of our sidecar, as the reference names it.
pub const DEFAULT_SIDECAR_IMAGE: &str = "polyaxon/polyaxon-sidecar";

/// The catalog of an agent. It is published to the hub as it is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Catalog {
    /// Namespace that runs go to when they name none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Further namespaces that runs may name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub additional_namespaces: Vec<String>,
    /// Where artifacts are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts_store: Option<Connection>,
    /// Everything that runs can ask for by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<Connection>,
    /// Secrets of the agent; those with `isRequested` go into every run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Resource>,
    /// ConfigMaps of the agent; those with `isRequested` go into every run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_maps: Vec<Resource>,
    /// Service account of runs that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_sa: Option<String>,
    /// Secret with the agent's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_secret_name: Option<String>,
    /// Secret with the internal token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_secret_name: Option<String>,
    /// Our init containers.
    #[serde(skip_serializing_if = "Auxiliary::is_default")]
    pub init: Auxiliary,
    /// Our sidecar.
    #[serde(skip_serializing_if = "Auxiliary::is_default")]
    pub sidecar: Auxiliary,
}

/// Settings of our own containers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Auxiliary {
    /// Image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag; empty for an image without tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_tag: Option<String>,
    /// `Always`, `IfNotPresent` or `Never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<String>,
    /// Requests and limits, as Kubernetes writes them.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub resources: Value,
    /// Seconds between two looks at the main container (sidecar).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sleep_interval: Option<i64>,
    /// Seconds between two rounds of collecting; negative collects only at the end (sidecar).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_interval: Option<i64>,
    /// Whether logs are collected (sidecar).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor_logs: Option<bool>,
    /// Whether the pod's specification is collected (sidecar).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor_spec: Option<bool>,
}

impl Auxiliary {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The full image; empty when only the default is left, for the agent to choose.
    pub fn full_image(&self) -> String {
        match (&self.image, self.image_tag.as_deref()) {
            (None, _) => String::new(),
            (Some(image), None | Some("")) => image.clone(),
            (Some(image), Some(tag)) => format!("{image}:{tag}"),
        }
    }
}

impl Catalog {
    /// A connection by name; the artifacts store counts.
    pub fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections
            .iter()
            .chain(&self.artifacts_store)
            .find(|connection| connection.name == name)
    }

    /// Names of all connections, the artifacts store last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.connections
            .iter()
            .chain(&self.artifacts_store)
            .map(|connection| connection.name.as_str())
    }

    /// The known name that is nearest to a wrong one.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        self.names()
            .map(|known| (strsim::damerau_levenshtein(known, name), known))
            .filter(|(distance, known)| *distance <= known.len().max(3) / 3 + 1)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known)
    }

    /// Whether runs may go to the namespace.
    pub fn manages(&self, namespace: &str) -> bool {
        self.namespace == namespace || self.additional_namespaces.iter().any(|n| n == namespace)
    }
}
