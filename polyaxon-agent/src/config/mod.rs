//! `agent.yaml`: the catalog that runs are planned with, and the agent's own settings.

mod read;
mod settings;

pub use read::{ConfigError, OWN_KEYS, read, read_file};
pub use settings::{
    BuildResources, DEFAULT_EXECUTOR_IMAGE, DEFAULT_EXECUTOR_IMAGES, Engine, Network, Policy,
    Proxies, Queue, Settings,
};
