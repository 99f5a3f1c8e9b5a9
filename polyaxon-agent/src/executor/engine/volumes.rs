//! Mounts of a container: the pod's volumes as the engine understands them.

use std::path::Path;

use bollard::models::{Mount, MountTmpfsOptions, MountType, MountVolumeOptions};
use polyaxon_spec::plan::{ContainerPlan, KeyFile, Mount as MountPlan, PodPlan, VolumeSource};
use serde_json::Value;

use super::objects::{Kind, Objects};
use super::quantity;
use crate::attempt::AttemptKey;
use crate::executor::ExecutorError;

/// Name of the engine's volume for an emptyDir.
pub(super) fn volume_name(key: &AttemptKey, volume: &str) -> String {
    format!("{}-{volume}", key.object_name())
}

/// The emptyDirs of a pod that need a volume of the engine.
pub(super) fn engine_volumes(pod: &PodPlan) -> impl Iterator<Item = &str> {
    pod.volumes
        .iter()
        .filter(|volume| match &volume.source {
            VolumeSource::EmptyDir { medium, .. } => !is_tmpfs(pod, &volume.name, medium.as_ref()),
            _ => false,
        })
        .map(|volume| volume.name.as_str())
}

/// A memory volume of one container is a tmpfs; shared by several it must outlive each of them.
fn is_tmpfs(pod: &PodPlan, volume: &str, medium: Option<&String>) -> bool {
    let users = pod
        .init_containers
        .iter()
        .chain(&pod.containers)
        .filter(|container| container.mounts.iter().any(|mount| mount.volume == volume))
        .count();
    medium.is_some_and(|medium| medium == "Memory") && users < 2
}

/// The mounts of one container.
pub(super) fn mounts(
    key: &AttemptKey,
    pod: &PodPlan,
    container: &ContainerPlan,
    objects: &Objects,
) -> Result<Vec<Mount>, ExecutorError> {
    let mut all = Vec::new();
    for mount in &container.mounts {
        let volume = pod
            .volumes
            .iter()
            .find(|volume| volume.name == mount.volume)
            .ok_or_else(|| {
                ExecutorError::Refused(format!(
                    "container `{}` mounts the volume `{}`, which the run does not have",
                    container.name, mount.volume
                ))
            })?;
        if mount.rest.contains_key("subPathExpr") {
            return Err(ExecutorError::Refused(format!(
                "the volume `{}` is mounted with `subPathExpr`, which a container engine does not have",
                mount.volume
            )));
        }
        let place = Place {
            key,
            pod,
            mount,
            objects,
        };
        all.extend(place.mounts(&volume.source)?);
    }
    Ok(all)
}

struct Place<'a> {
    key: &'a AttemptKey,
    pod: &'a PodPlan,
    mount: &'a MountPlan,
    objects: &'a Objects,
}

impl Place<'_> {
    fn mounts(&self, source: &VolumeSource) -> Result<Vec<Mount>, ExecutorError> {
        match source {
            VolumeSource::EmptyDir { medium, size_limit } => self
                .empty_dir(medium.as_ref(), size_limit.as_deref())
                .map(|mount| vec![mount]),
            VolumeSource::Secret { name, items, .. } => self.files(Kind::Secret, name, items),
            VolumeSource::ConfigMap { name, items, .. } => self.files(Kind::ConfigMap, name, items),
            VolumeSource::HostPath { path, kind } => {
                self.is_whole()?;
                let create = matches!(kind.as_deref(), None | Some("" | "DirectoryOrCreate"));
                Ok(vec![self.host_folder(Path::new(path), create, false)?])
            }
            VolumeSource::Claim { name, read_only } => {
                self.is_whole()?;
                let path = self.objects.place(Kind::Claim, name)?;
                Ok(vec![self.host_folder(
                    &path,
                    true,
                    read_only == &Some(true),
                )?])
            }
            VolumeSource::Raw(_) => Err(ExecutorError::Refused(format!(
                "the volume `{}` is of a kind that a container engine does not have; use \
                 emptyDir, secret, configMap, hostPath or persistentVolumeClaim",
                self.mount.volume
            ))),
        }
    }

    fn empty_dir(
        &self,
        medium: Option<&String>,
        size_limit: Option<&str>,
    ) -> Result<Mount, ExecutorError> {
        self.is_whole()?;
        if is_tmpfs(self.pod, &self.mount.volume, medium) {
            return Ok(Mount {
                target: Some(self.mount.path.clone()),
                typ: Some(MountType::TMPFS),
                tmpfs_options: Some(MountTmpfsOptions {
                    size_bytes: size_limit.and_then(|limit| quantity::units(&Value::from(limit))),
                    ..MountTmpfsOptions::default()
                }),
                ..Mount::default()
            });
        }
        Ok(Mount {
            target: Some(self.mount.path.clone()),
            source: Some(volume_name(self.key, &self.mount.volume)),
            typ: Some(MountType::VOLUME),
            read_only: self.mount.read_only,
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(true),
                ..MountVolumeOptions::default()
            }),
            ..Mount::default()
        })
    }

    fn files(
        &self,
        kind: Kind,
        name: &str,
        items: &[KeyFile],
    ) -> Result<Vec<Mount>, ExecutorError> {
        if let Some(sub_path) = &self.mount.sub_path {
            let key = items
                .iter()
                .find(|item| item.path == *sub_path)
                .map_or(sub_path, |item| &item.key);
            let file = self.objects.file(kind, name, key)?;
            return Ok(vec![bind(&file, &self.mount.path, true)]);
        }
        if items.is_empty() {
            let folder = self.objects.folder(kind, name)?;
            return Ok(vec![bind(&folder, &self.mount.path, true)]);
        }
        items
            .iter()
            .map(|item| {
                let file = self.objects.file(kind, name, &item.key)?;
                let target = format!("{}/{}", self.mount.path.trim_end_matches('/'), item.path);
                Ok(bind(&file, &target, true))
            })
            .collect()
    }

    /// An engine follows the links of a path below a volume, and whoever may write to the volume
    /// can change them until the moment of the mount.
    fn is_whole(&self) -> Result<(), ExecutorError> {
        let path = self.mount.sub_path.as_deref();
        if matches!(path, None | Some("" | "." | "./")) {
            return Ok(());
        }
        Err(ExecutorError::Refused(format!(
            "the volume `{}` is mounted with `subPath`, which would follow the links in it out to the agent's \
             machine; mount the volume whole and use the folder inside of it",
            self.mount.volume
        )))
    }

    fn host_folder(
        &self,
        path: &Path,
        create: bool,
        read_only: bool,
    ) -> Result<Mount, ExecutorError> {
        let path = self.objects.host.resolve(path, create).map_err(|reason| {
            ExecutorError::Refused(format!(
                "the volume `{}` is `{}` of the agent's machine: {reason}",
                self.mount.volume,
                path.display()
            ))
        })?;
        let read_only = read_only || self.mount.read_only == Some(true);
        Ok(bind(&path, &self.mount.path, read_only))
    }
}

/// A path of the machine at a path of the container.
pub(super) fn bind(source: &Path, target: &str, read_only: bool) -> Mount {
    Mount {
        target: Some(target.to_owned()),
        source: Some(source.display().to_string()),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

#[cfg(test)]
#[path = "volumes_tests.rs"]
mod tests;
