//! The volumes of the pod.

use super::connections::{ResourceKind, resource_volume, volume_of};
use super::container;
use super::init::{context_volume, needs_artifacts};
use super::scene::{
    ARTIFACTS_VOLUME, CONFIGS_VOLUME, DOCKER_SOCKET, DOCKER_VOLUME, SHM_VOLUME, Scene, TOOLS_VOLUME,
};
use super::{VolumePlan, VolumeSource};
use crate::diagnostic::Report;

/// All volumes, each name once: the user's, those of initializers and connections, and ours.
pub(super) fn all(scene: &Scene<'_>) -> Result<Vec<VolumePlan>, Report> {
    let mut volumes = Volumes::default();
    let given = scene.section.get("volumes").and_then(|v| v.as_array());
    for (index, item) in given.into_iter().flatten().enumerate() {
        volumes.add(container::volume(item, &format!("run.volumes[{index}]"))?);
    }
    for init in &scene.inits {
        if let Some(name) = context_volume(init) {
            volumes.add_empty(&name, None);
        }
    }
    if needs_artifacts(scene) {
        volumes.add_empty(ARTIFACTS_VOLUME, None);
    }
    let connections = scene.all_connections();
    for volume in connections.iter().filter_map(|c| volume_of(c)) {
        volumes.add(volume);
    }
    let catalog = scene.catalog;
    let secrets = connections.iter().filter_map(|c| c.secret.as_ref()).chain(
        catalog
            .secrets
            .iter()
            .filter(|s| s.is_requested == Some(true)),
    );
    for volume in secrets.filter_map(|s| resource_volume(s, ResourceKind::Secret)) {
        volumes.add(volume);
    }
    let config_maps = connections
        .iter()
        .filter_map(|c| c.config_map.as_ref())
        .chain(
            catalog
                .config_maps
                .iter()
                .filter(|c| c.is_requested == Some(true)),
        );
    for volume in config_maps.filter_map(|c| resource_volume(c, ResourceKind::ConfigMap)) {
        volumes.add(volume);
    }
    if scene.plugins.shm {
        volumes.add_empty(SHM_VOLUME, Some("Memory"));
    }
    if scene.plugins.auth {
        volumes.add_empty(CONFIGS_VOLUME, None);
    }
    if scene.plugins.docker {
        volumes.add(VolumePlan {
            name: DOCKER_VOLUME.to_owned(),
            source: VolumeSource::HostPath {
                path: DOCKER_SOCKET.to_owned(),
                kind: None,
            },
        });
    }
    if scene.plugins.tmux {
        volumes.add_empty(TOOLS_VOLUME, None);
    }
    Ok(volumes.list)
}

#[derive(Default)]
struct Volumes {
    list: Vec<VolumePlan>,
}

impl Volumes {
    fn add(&mut self, volume: VolumePlan) {
        if !self.list.iter().any(|known| known.name == volume.name) {
            self.list.push(volume);
        }
    }

    fn add_empty(&mut self, name: &str, medium: Option<&str>) {
        self.add(VolumePlan {
            name: name.to_owned(),
            source: VolumeSource::EmptyDir {
                medium: medium.map(str::to_owned),
                size_limit: None,
            },
        });
    }
}
