//! What the executor must know of its machine.

use std::path::PathBuf;

use super::host_folders::HostFolders;
use crate::config::Network;

/// Where the image of init containers and the sidecar comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodImage {
    /// An image that the engine has or can pull.
    Reference(String),
    /// An archive that is loaded into the engine.
    Archive(PathBuf),
}

/// Settings of the executor.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Path of the unix socket.
    pub socket: PathBuf,
    /// Network of the containers.
    pub network: Network,
    /// Folder of Secrets.
    pub secrets_dir: Option<PathBuf>,
    /// Folder of ConfigMaps.
    pub config_maps_dir: Option<PathBuf>,
    /// Folder that stands for volume claims.
    pub claims_dir: Option<PathBuf>,
    /// Folders of the machine that runs may mount.
    pub host_folders: HostFolders,
    /// Image of our own containers.
    pub pod_image: PodImage,
    /// Certificate authorities for builds and for our own containers.
    pub ca_bundle: Option<PathBuf>,
    /// Label of this agent's objects: agents that share an engine leave each other's alone.
    pub agent: String,
}

/// The usual places of an engine's socket, in the order in which they are tried.
pub fn usual_sockets(runtime_dir: Option<&str>) -> Vec<PathBuf> {
    let mut all = vec![
        PathBuf::from("/var/run/docker.sock"),
        PathBuf::from("/run/podman/podman.sock"),
    ];
    if let Some(runtime) = runtime_dir {
        all.push(PathBuf::from(runtime).join("docker.sock"));
        all.push(PathBuf::from(runtime).join("podman/podman.sock"));
    }
    all
}
