//! Containers and volumes as the types of Kubernetes.
//!
//! They say what the JSON of [`super::pod`] says, which the resource is printed from. Writing the types directly takes
//! a third of the time of reading them from JSON; only what users wrote verbatim is read.

use k8s_openapi::api::core::v1::{
    ConfigMapEnvSource, ConfigMapKeySelector, ConfigMapVolumeSource, Container,
    EmptyDirVolumeSource, EnvFromSource, EnvVar, EnvVarSource, HostPathVolumeSource, KeyToPath,
    ObjectFieldSelector, PersistentVolumeClaimVolumeSource, SecretEnvSource, SecretKeySelector,
    SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::pod::image;
use crate::plan::EnvVar as Variable;
use crate::plan::{ContainerPlan, EnvFrom, EnvSource, KeyFile, Mount, VolumePlan, VolumeSource};

type Read<T> = Result<T, serde_json::Error>;

pub(super) fn container(plan: &ContainerPlan) -> Read<Container> {
    let base: Container = if plan.rest.is_empty() {
        Container::default()
    } else {
        named(&plan.name, &plan.rest)?
    };
    let texts = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let ports = some(plan.ports.iter().map(read).collect::<Read<_>>()?);
    Ok(Container {
        name: plan.name.clone(),
        image: Some(image(plan)),
        image_pull_policy: plan.image_pull_policy.clone(),
        command: texts(&plan.command),
        args: texts(&plan.args),
        working_dir: plan.working_dir.clone(),
        env: some(plan.env.iter().map(variable).collect::<Read<_>>()?),
        env_from: some(plan.env_from.iter().map(env_from).collect::<Read<_>>()?),
        ports,
        resources: if plan.resources.is_null() {
            None
        } else {
            Some(read(&plan.resources)?)
        },
        volume_mounts: some(plan.mounts.iter().map(mount).collect::<Read<_>>()?),
        ..base
    })
}

fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

fn read<T: DeserializeOwned>(value: &Value) -> Read<T> {
    T::deserialize(value)
}

/// Fields that were written verbatim, with the name that belongs to them.
fn named<T: DeserializeOwned>(name: &str, fields: &Map<String, Value>) -> Read<T> {
    let mut fields = fields.clone();
    fields.insert("name".into(), name.into());
    serde_json::from_value(Value::Object(fields))
}

fn variable(variable: &Variable) -> Read<EnvVar> {
    let name = variable.name.clone();
    let from = match &variable.source {
        EnvSource::Value(value) => {
            return Ok(EnvVar {
                name,
                value: Some(value.clone()),
                value_from: None,
            });
        }
        EnvSource::Raw(rest) => {
            let nothing = Map::new();
            return named(&name, rest.as_object().unwrap_or(&nothing));
        }
        EnvSource::SecretKey {
            name,
            key,
            optional,
        } => EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: name.clone(),
                key: key.clone(),
                optional: *optional,
            }),
            ..EnvVarSource::default()
        },
        EnvSource::ConfigMapKey {
            name,
            key,
            optional,
        } => EnvVarSource {
            config_map_key_ref: Some(ConfigMapKeySelector {
                name: name.clone(),
                key: key.clone(),
                optional: *optional,
            }),
            ..EnvVarSource::default()
        },
        EnvSource::Field { path } => EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.clone(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        },
    };
    Ok(EnvVar {
        name,
        value: None,
        value_from: Some(from),
    })
}

fn env_from(whole: &EnvFrom) -> Read<EnvFromSource> {
    Ok(match whole {
        EnvFrom::Secret(name) => EnvFromSource {
            secret_ref: Some(SecretEnvSource {
                name: name.clone(),
                ..SecretEnvSource::default()
            }),
            ..EnvFromSource::default()
        },
        EnvFrom::ConfigMap(name) => EnvFromSource {
            config_map_ref: Some(ConfigMapEnvSource {
                name: name.clone(),
                ..ConfigMapEnvSource::default()
            }),
            ..EnvFromSource::default()
        },
        EnvFrom::Raw(value) => read(value)?,
    })
}

fn mount(mount: &Mount) -> Read<VolumeMount> {
    let base: VolumeMount = if mount.rest.is_empty() {
        VolumeMount::default()
    } else {
        let mut fields = mount.rest.clone();
        fields.insert("mountPath".into(), mount.path.as_str().into());
        named(&mount.volume, &fields)?
    };
    Ok(VolumeMount {
        name: mount.volume.clone(),
        mount_path: mount.path.clone(),
        sub_path: mount.sub_path.clone().or(base.sub_path),
        read_only: mount.read_only.or(base.read_only),
        ..base
    })
}

pub(super) fn volume(plan: &VolumePlan) -> Read<Volume> {
    let mut volume = Volume {
        name: plan.name.clone(),
        ..Volume::default()
    };
    match &plan.source {
        VolumeSource::EmptyDir { medium, size_limit } => {
            volume.empty_dir = Some(EmptyDirVolumeSource {
                medium: medium.clone(),
                size_limit: size_limit.clone().map(Quantity),
            });
        }
        VolumeSource::Secret {
            name,
            items,
            default_mode,
        } => {
            volume.secret = Some(SecretVolumeSource {
                secret_name: Some(name.clone()),
                items: key_files(items),
                default_mode: *default_mode,
                ..SecretVolumeSource::default()
            });
        }
        VolumeSource::ConfigMap {
            name,
            items,
            default_mode,
        } => {
            volume.config_map = Some(ConfigMapVolumeSource {
                name: name.clone(),
                items: key_files(items),
                default_mode: *default_mode,
                ..ConfigMapVolumeSource::default()
            });
        }
        VolumeSource::HostPath { path, kind } => {
            volume.host_path = Some(HostPathVolumeSource {
                path: path.clone(),
                type_: kind.clone(),
            });
        }
        VolumeSource::Claim { name, read_only } => {
            volume.persistent_volume_claim = Some(PersistentVolumeClaimVolumeSource {
                claim_name: name.clone(),
                read_only: *read_only,
            });
        }
        VolumeSource::Raw(source) => {
            let nothing = Map::new();
            return named(&plan.name, source.as_object().unwrap_or(&nothing));
        }
    }
    Ok(volume)
}

fn key_files(files: &[KeyFile]) -> Option<Vec<KeyToPath>> {
    some(
        files
            .iter()
            .map(|file| KeyToPath {
                key: file.key.clone(),
                path: file.path.clone(),
                mode: None,
            })
            .collect(),
    )
}
