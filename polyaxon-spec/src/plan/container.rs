//! Containers and volumes as users write them, in our own words.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::scene::typed;
use super::{ContainerPlan, EnvFrom, EnvSource, EnvVar, KeyFile, Mount, VolumePlan, VolumeSource};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::template::python;

/// Reads a Kubernetes container; fields that the plan has no word for are kept verbatim.
pub(super) fn read(value: &Value, field: &str) -> Result<ContainerPlan, Report> {
    let Some(given) = value.as_object() else {
        return Err(wrong(field, "a container is a mapping"));
    };
    let mut rest: Map<String, Value> = given
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let mut take = |key: &str| rest.shift_remove(key);
    let mut container = ContainerPlan {
        name: text(take("name"), field, "name")?.unwrap_or_default(),
        image: text(take("image"), field, "image")?.unwrap_or_default(),
        image_pull_policy: text(take("imagePullPolicy"), field, "imagePullPolicy")?,
        command: texts(take("command"), field, "command")?,
        args: texts(take("args"), field, "args")?,
        working_dir: text(take("workingDir"), field, "workingDir")?,
        resources: take("resources").map_or(Value::Null, quantities),
        ..ContainerPlan::default()
    };
    for (index, item) in list(take("env"), field, "env")?.into_iter().enumerate() {
        container
            .env
            .push(variable(item, &format!("{field}.env[{index}]"))?);
    }
    for item in list(take("envFrom"), field, "envFrom")? {
        container.env_from.push(env_from(item));
    }
    container.ports = unique_ports(list(take("ports"), field, "ports")?);
    for (index, item) in list(take("volumeMounts"), field, "volumeMounts")?
        .into_iter()
        .enumerate()
    {
        let field = format!("{field}.volumeMounts[{index}]");
        container.mounts.push(mount(item, &field)?);
    }
    container.rest = rest;
    Ok(container)
}

fn wrong(field: &str, message: &str) -> Report {
    Diagnostic::error(Code::WrongType, message)
        .in_field(field)
        .into()
}

fn text(value: Option<Value>, field: &str, key: &str) -> Result<Option<String>, Report> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(number @ Value::Number(_)) => Ok(Some(python::text(&number))),
        Some(_) => Err(wrong(
            &format!("{field}.{key}"),
            &format!("`{key}` has to be text"),
        )),
    }
}

fn list(value: Option<Value>, field: &str, key: &str) -> Result<Vec<Value>, Report> {
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(wrong(
            &format!("{field}.{key}"),
            &format!("`{key}` has to be a list"),
        )),
    }
}

/// A list of texts; a text alone is a list of one.
fn texts(value: Option<Value>, field: &str, key: &str) -> Result<Vec<String>, Report> {
    let value = value.map(|value| match value {
        Value::Array(_) | Value::Object(_) => value,
        scalar => Value::Array(vec![scalar]),
    });
    Ok(list(value, field, key)?
        .iter()
        .filter(|item| !item.is_null())
        .map(python::text)
        .collect())
}

/// Amounts are text: `2` is `"2"`.
fn quantities(value: Value) -> Value {
    let Value::Object(sections) = value else {
        return value;
    };
    Value::Object(
        sections
            .into_iter()
            .map(|(name, amounts)| {
                let amounts = match amounts {
                    Value::Object(amounts) => Value::Object(
                        amounts
                            .into_iter()
                            .filter(|(_, amount)| !amount.is_null())
                            .map(|(name, amount)| (name, Value::String(python::text(&amount))))
                            .collect(),
                    ),
                    other => other,
                };
                (name, amounts)
            })
            .collect(),
    )
}

fn variable(item: Value, field: &str) -> Result<EnvVar, Report> {
    let Value::Object(mut fields) = item else {
        return Err(wrong(field, "a variable is `{name: ..., value: ...}`"));
    };
    let Some(name) = text(fields.shift_remove("name"), field, "name")? else {
        return Err(wrong(field, "a variable needs a `name`"));
    };
    let shortcut = fields.get("valueFrom") == Some(&Value::Null);
    fields.retain(|_, value| !value.is_null());
    let source = match (fields.get("value"), fields.get("valueFrom")) {
        (Some(value), _) => EnvSource::Value(python::env_text(value)),
        (None, None) => EnvSource::Value(String::new()),
        (None, Some(from)) => env_source(from).unwrap_or(EnvSource::Raw(Value::Object(fields))),
    };
    Ok(EnvVar {
        name,
        source,
        shortcut,
    })
}

/// The source of a variable, if the plan has a word for all of it.
fn env_source(from: &Value) -> Option<EnvSource> {
    let from = from.as_object().filter(|from| from.len() == 1)?;
    let (kind, fields) = from.iter().next()?;
    let fields = fields.as_object()?;
    let known = |allowed: &[&str]| fields.keys().all(|key| allowed.contains(&key.as_str()));
    let text = |key: &str| Some(fields.get(key)?.as_str()?.to_owned());
    let optional = fields.get("optional").and_then(Value::as_bool);
    match kind.as_str() {
        "secretKeyRef" if known(&["name", "key", "optional"]) => Some(EnvSource::SecretKey {
            name: text("name")?,
            key: text("key")?,
            optional,
        }),
        "configMapKeyRef" if known(&["name", "key", "optional"]) => Some(EnvSource::ConfigMapKey {
            name: text("name")?,
            key: text("key")?,
            optional,
        }),
        "fieldRef" if known(&["fieldPath"]) => Some(EnvSource::Field {
            path: text("fieldPath")?,
        }),
        _ => None,
    }
}

fn env_from(item: Value) -> EnvFrom {
    let name = |kind: &str| {
        let fields = item.as_object().filter(|fields| fields.len() == 1)?;
        let reference = fields.get(kind)?.as_object().filter(|r| r.len() == 1)?;
        Some(reference.get("name")?.as_str()?.to_owned())
    };
    if let Some(name) = name("secretRef") {
        return EnvFrom::Secret(name);
    }
    match name("configMapRef") {
        Some(name) => EnvFrom::ConfigMap(name),
        None => EnvFrom::Raw(item),
    }
}

/// Ports by number, the last one wins. A number alone is a port of the container.
fn unique_ports(ports: Vec<Value>) -> Vec<Value> {
    let mut unique: IndexMap<String, Value> = IndexMap::new();
    for port in ports {
        let number = match &port {
            Value::String(text) => text.parse::<u16>().ok(),
            port => port.as_u64().and_then(|port| u16::try_from(port).ok()),
        };
        let port = number.map_or(port, |number| json!({"containerPort": number}));
        let key = port.get("containerPort").unwrap_or(&port).to_string();
        unique.insert(key, port);
    }
    unique.into_values().collect()
}

fn mount(item: Value, field: &str) -> Result<Mount, Report> {
    let Value::Object(mut rest) = item else {
        return Err(wrong(field, "a mount is `{name: ..., mountPath: ...}`"));
    };
    rest.retain(|_, value| !value.is_null());
    let volume = text(rest.shift_remove("name"), field, "name")?;
    let path = text(rest.shift_remove("mountPath"), field, "mountPath")?;
    let (Some(volume), Some(path)) = (volume, path) else {
        return Err(wrong(field, "a mount needs a `name` and a `mountPath`"));
    };
    let read_only = rest.shift_remove("readOnly");
    Ok(Mount {
        volume,
        path,
        sub_path: text(rest.shift_remove("subPath"), field, "subPath")?,
        read_only: read_only.as_ref().and_then(Value::as_bool),
        rest,
    })
}

/// Reads a Kubernetes volume.
pub(super) fn volume(item: &Value, field: &str) -> Result<VolumePlan, Report> {
    let Some(given) = item.as_object() else {
        return Err(wrong(field, "a volume is a mapping with a `name`"));
    };
    let mut fields = given.clone();
    fields.retain(|_, value| !value.is_null());
    let Some(name) = text(fields.shift_remove("name"), field, "name")? else {
        return Err(wrong(field, "a volume needs a `name`"));
    };
    let source = match fields.iter().next() {
        Some((kind, value)) if fields.len() == 1 => known_volume(kind, value, field)?,
        _ => None,
    };
    Ok(VolumePlan {
        name,
        source: source.unwrap_or(VolumeSource::Raw(Value::Object(fields))),
    })
}

fn known_volume(kind: &str, value: &Value, field: &str) -> Result<Option<VolumeSource>, Report> {
    let empty = Map::new();
    let fields = value.as_object().unwrap_or(&empty);
    let known = |allowed: &[&str]| {
        fields
            .iter()
            .all(|(key, value)| value.is_null() || allowed.contains(&key.as_str()))
    };
    let text = |key: &str| {
        let value = fields.get(key).filter(|value| !value.is_null())?;
        Some(python::text(value))
    };
    let number = |key: &str| fields.get(key).and_then(Value::as_i64);
    let default_mode = number("defaultMode").and_then(|mode| i32::try_from(mode).ok());
    Ok(match kind {
        "emptyDir" if known(&["medium", "sizeLimit"]) => Some(VolumeSource::EmptyDir {
            medium: text("medium").filter(|medium| !medium.is_empty()),
            size_limit: text("sizeLimit"),
        }),
        "secret" if known(&["secretName", "items", "defaultMode"]) => text("secretName")
            .map(|name| {
                Ok::<_, Report>(VolumeSource::Secret {
                    name,
                    items: key_files(fields.get("items"), field)?,
                    default_mode,
                })
            })
            .transpose()?,
        "configMap" if known(&["name", "items", "defaultMode"]) => text("name")
            .map(|name| {
                Ok::<_, Report>(VolumeSource::ConfigMap {
                    name,
                    items: key_files(fields.get("items"), field)?,
                    default_mode,
                })
            })
            .transpose()?,
        "hostPath" if known(&["path", "type"]) => text("path").map(|path| VolumeSource::HostPath {
            path,
            kind: text("type").filter(|kind| !kind.is_empty()),
        }),
        "persistentVolumeClaim" if known(&["claimName", "readOnly"]) => {
            text("claimName").map(|name| VolumeSource::Claim {
                name,
                read_only: fields.get("readOnly").and_then(Value::as_bool),
            })
        }
        _ => None,
    })
}

fn key_files(items: Option<&Value>, field: &str) -> Result<Vec<KeyFile>, Report> {
    match items {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(items) => typed(items, field),
    }
}

/// The variables with unique names: the last value wins, at the place of the first.
pub(super) fn unique_variables(variables: Vec<EnvVar>) -> Vec<EnvVar> {
    let mut unique: IndexMap<String, EnvVar> = IndexMap::with_capacity(variables.len());
    for variable in variables {
        unique.insert(variable.name.clone(), variable);
    }
    unique.into_values().collect()
}

/// Requests and limits of our own containers where nobody sets them.
pub(crate) fn auxiliary_resources() -> Value {
    json!({
        "limits": {"cpu": "1", "memory": "500Mi"},
        "requests": {"cpu": "0.1", "memory": "60Mi"},
    })
}
