//! `agent.yaml`: the catalog that runs are planned with, and the agent's own settings.

mod read;
mod settings;

pub use read::{ConfigError, OWN_KEYS, read, read_file};
pub use settings::{
    BuildResources, ClusterCaBundle, Engine, ExecutorChoice, Kubernetes, Network, Queue, Settings,
    UserNamespaces,
};
