//! The one place that turns leased work into a plan: everything that the agent asks of
//! `polyaxon-spec` on the way from a compiled operation to a pod.

use polyaxon_proto::agent::v1::LeaseItem;
use polyaxon_spec::plan::PodPlan;
use serde_json::Value;

use crate::attempt::AttemptKey;

/// Root keys of `agent.yaml` that describe the catalog.
pub const CATALOG_KEYS: &[&str] = &[
    "namespace",
    "additionalNamespaces",
    "artifactsStore",
    "connections",
    "secrets",
    "configMaps",
    "init",
    "sidecar",
    "runsSa",
    "agentSecretName",
    "appSecretName",
];

/// The catalog cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CatalogError(pub String);

/// Connections, stores and defaults that operations are planned with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    document: Value,
}

impl Catalog {
    /// Reads the catalog part of the file called `name`.
    pub fn read(_name: &str, document: &Value) -> Result<Self, CatalogError> {
        Ok(Self {
            document: document.clone(),
        })
    }

    /// What the hub may know of it: names, kinds and schemas.
    pub fn published(&self) -> Vec<u8> {
        self.document.to_string().into_bytes()
    }
}

/// One attempt, ready to be launched.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptPlan {
    /// Which attempt.
    pub key: AttemptKey,
    /// Number of the claim; a write with an older one changes nothing.
    pub fence: u64,
    /// `sha256:` over the compiled operation: equal hashes are the same work.
    pub spec_hash: String,
    /// What runs.
    pub pod: PodPlan,
    /// Set when the rules for builds apply.
    pub build: Option<BuildPlan>,
}

/// What the agent must know of a build beyond its pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildPlan {
    /// Image that is pushed, with its registry and tag, without digest.
    pub image: String,
    /// Secret with the `config.json` for that registry.
    pub secret: Option<String>,
    /// File in the main container that holds the digest afterwards.
    pub digest_file: String,
    /// False for a build with `--no-push`.
    pub pushes: bool,
}

/// Why an operation is not launched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// One word: `catalog_changed`, `policy`, `invalid`.
    pub reason: String,
    /// A sentence for the user.
    pub message: String,
}

/// Turns leased work into a plan.
pub trait Planner: Send + Sync + 'static {
    /// Plans one attempt; the same item always gives the same plan.
    fn plan(&self, item: &LeaseItem) -> Result<AttemptPlan, Refusal>;
}
