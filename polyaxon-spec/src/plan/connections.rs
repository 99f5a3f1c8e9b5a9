//! What a connection adds to a container and to the pod.

use serde_json::{Value, json};

use super::{EnvFrom, EnvSource, EnvVar, KeyFile, Mount, VolumePlan, VolumeSource};
use crate::catalog::{Connection, Resource};

/// Which kind of object a resource is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ResourceKind {
    Secret,
    ConfigMap,
}

/// Variables, whole objects and mounts for one container.
#[derive(Default)]
pub(super) struct Additions {
    pub(super) env: Vec<EnvVar>,
    pub(super) env_from: Vec<EnvFrom>,
    pub(super) mounts: Vec<Mount>,
}

impl Additions {
    /// All that the connections bring, each volume and object once.
    pub(super) fn of(connections: &[&Connection]) -> Self {
        let mut additions = Self::default();
        for connection in connections {
            additions.mounts.extend(mount_of(connection));
        }
        for secret in connections.iter().filter_map(|c| c.secret.as_ref()) {
            additions.add(secret, ResourceKind::Secret);
        }
        for config_map in connections.iter().filter_map(|c| c.config_map.as_ref()) {
            additions.add(config_map, ResourceKind::ConfigMap);
        }
        for connection in connections {
            additions
                .env
                .extend(connection.env.iter().filter_map(connection_variable));
        }
        additions
    }

    /// What one Secret or ConfigMap brings.
    pub(super) fn add(&mut self, resource: &Resource, kind: ResourceKind) {
        if let Some(path) = &resource.mount_path {
            if self
                .mounts
                .iter()
                .any(|mount| mount.volume == resource.name)
            {
                return;
            }
            self.mounts.push(Mount {
                volume: resource.name.clone(),
                path: path.clone(),
                read_only: Some(true),
                ..Mount::default()
            });
            if kind == ResourceKind::Secret {
                return;
            }
        }
        if !resource.items.is_empty() {
            self.env.extend(resource.items.iter().map(|item| EnvVar {
                name: item.clone(),
                source: key_source(resource, kind, item),
                shortcut: false,
            }));
        } else if resource.mount_path.is_none() {
            let whole = match kind {
                ResourceKind::Secret => EnvFrom::Secret(resource.name.clone()),
                ResourceKind::ConfigMap => EnvFrom::ConfigMap(resource.name.clone()),
            };
            if !self.env_from.contains(&whole) {
                self.env_from.push(whole);
            }
        }
    }
}

fn key_source(resource: &Resource, kind: ResourceKind, key: &str) -> EnvSource {
    let (name, key) = (resource.name.clone(), key.to_owned());
    match kind {
        ResourceKind::Secret => EnvSource::SecretKey {
            name,
            key,
            optional: None,
        },
        ResourceKind::ConfigMap => EnvSource::ConfigMapKey {
            name,
            key,
            optional: None,
        },
    }
}

fn connection_variable(variable: &Value) -> Option<EnvVar> {
    let name = variable.get("name")?.as_str()?.to_owned();
    let source = match (variable.get("value"), variable.get("valueFrom")) {
        (Some(value), _) => EnvSource::Value(crate::template::python::env_text(value)),
        (None, Some(from)) => EnvSource::Raw(json!({ "valueFrom": from })),
        (None, None) => EnvSource::Value(String::new()),
    };
    Some(EnvVar {
        name,
        source,
        shortcut: false,
    })
}

/// The mount of a connection that is a volume.
pub(super) fn mount_of(connection: &Connection) -> Option<Mount> {
    connection.is_mount().then(|| Mount {
        volume: connection.name.clone(),
        path: connection
            .schema_text("mountPath")
            .unwrap_or_default()
            .to_owned(),
        read_only: read_only(connection),
        ..Mount::default()
    })
}

fn read_only(connection: &Connection) -> Option<bool> {
    connection.schema.as_ref()?.get("readOnly")?.as_bool()
}

/// The volume of a connection that is one.
pub(super) fn volume_of(connection: &Connection) -> Option<VolumePlan> {
    let source = match connection.kind.as_str() {
        "volume_claim" => VolumeSource::Claim {
            name: connection.schema_text("volumeClaim")?.to_owned(),
            read_only: read_only(connection),
        },
        "host_path" => VolumeSource::HostPath {
            path: connection.schema_text("hostPath")?.to_owned(),
            kind: None,
        },
        _ => return None,
    };
    Some(VolumePlan {
        name: connection.name.clone(),
        source,
    })
}

/// The volume of a Secret or ConfigMap that is mounted. Its items are files of their own names.
pub(super) fn resource_volume(resource: &Resource, kind: ResourceKind) -> Option<VolumePlan> {
    resource.mount_path.as_ref()?;
    let items = resource
        .items
        .iter()
        .map(|item| KeyFile {
            key: item.clone(),
            path: item.clone(),
        })
        .collect();
    let (name, default_mode) = (resource.name.clone(), resource.default_mode);
    Some(VolumePlan {
        name: name.clone(),
        source: match kind {
            ResourceKind::Secret => VolumeSource::Secret {
                name,
                items,
                default_mode,
            },
            ResourceKind::ConfigMap => VolumeSource::ConfigMap {
                name,
                items,
                default_mode,
            },
        },
    })
}

/// The variable with the names and schemas of connections, for the programs in the pod.
pub(super) fn catalog_variable(connections: &[&Connection]) -> Option<EnvVar> {
    if connections.is_empty() {
        return None;
    }
    let text = json!({ "connections": connections }).to_string();
    Some(EnvVar::value("POLYAXON_CONNECTIONS_CATALOG", text))
}
