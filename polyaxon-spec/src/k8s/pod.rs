//! The template of a pod, as Kubernetes writes it.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::catalog::{DEFAULT_INIT_IMAGE, DEFAULT_SIDECAR_IMAGE};
use crate::plan::{
    ContainerPlan, EnvFrom, EnvSource, EnvVar, KeyFile, Mount, PodPlan, Role, Scheduling,
    VolumePlan, VolumeSource,
};

/// Name, namespace, labels and annotations.
pub(super) fn metadata(plan: &PodPlan, name: &str) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), json!(name));
    if !plan.namespace.is_empty() {
        fields.insert("namespace".into(), json!(plan.namespace));
    }
    fields.insert("labels".into(), json!(plan.labels));
    fields.insert("annotations".into(), json!(plan.annotations));
    Value::Object(fields)
}

/// The specification of the pod.
pub(super) fn spec(plan: &PodPlan) -> Map<String, Value> {
    let mut spec = Map::new();
    let list = |containers: &[ContainerPlan]| containers.iter().map(container).collect::<Vec<_>>();
    if !plan.init_containers.is_empty() {
        spec.insert(
            "initContainers".into(),
            Value::Array(list(&plan.init_containers)),
        );
    }
    spec.insert("containers".into(), Value::Array(list(&plan.containers)));
    if !plan.volumes.is_empty() {
        let volumes = plan.volumes.iter().map(volume).collect();
        spec.insert("volumes".into(), Value::Array(volumes));
    }
    schedule(&mut spec, &plan.scheduling);
    spec
}

pub(super) fn schedule(spec: &mut Map<String, Value>, scheduling: &Scheduling) {
    let secrets: Vec<Value> = scheduling
        .image_pull_secrets
        .iter()
        .map(|name| json!({ "name": name }))
        .collect();
    for (key, value) in [
        ("serviceAccountName", json!(scheduling.service_account_name)),
        ("nodeName", json!(scheduling.node_name)),
        ("nodeSelector", map(&scheduling.node_selector)),
        ("affinity", scheduling.affinity.clone()),
        ("tolerations", items(&scheduling.tolerations)),
        ("hostNetwork", json!(scheduling.host_network)),
        ("hostPID", json!(scheduling.host_pid)),
        ("dnsPolicy", json!(scheduling.dns_policy)),
        ("dnsConfig", scheduling.dns_config.clone()),
        ("hostAliases", items(&scheduling.host_aliases)),
        ("priority", json!(scheduling.priority)),
        ("priorityClassName", json!(scheduling.priority_class_name)),
        ("schedulerName", json!(scheduling.scheduler_name)),
        ("securityContext", scheduling.security_context.clone()),
        ("imagePullSecrets", items(&secrets)),
        ("restartPolicy", json!(scheduling.restart_policy)),
    ] {
        if !value.is_null() {
            spec.insert(key.to_owned(), value);
        }
    }
}

fn map(entries: &IndexMap<String, String>) -> Value {
    if entries.is_empty() {
        Value::Null
    } else {
        json!(entries)
    }
}

fn items(items: &[Value]) -> Value {
    if items.is_empty() {
        Value::Null
    } else {
        Value::Array(items.to_vec())
    }
}

/// The image that stands for one of ours while the agent has not chosen.
fn default_image(role: Role) -> String {
    let repository = if role == Role::Sidecar {
        DEFAULT_SIDECAR_IMAGE
    } else {
        DEFAULT_INIT_IMAGE
    };
    format!("{repository}:{}", env!("CARGO_PKG_VERSION"))
}

/// The image of a container, for one of ours the default until the agent has chosen.
pub(super) fn image(plan: &ContainerPlan) -> String {
    if plan.image.is_empty() && plan.role.is_auxiliary() {
        default_image(plan.role)
    } else {
        plan.image.clone()
    }
}

pub(super) fn container(plan: &ContainerPlan) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            fields.insert(key.to_owned(), value);
        }
    };
    put("name", json!(plan.name));
    put(
        "image",
        json!(Some(image(plan)).filter(|image| !image.is_empty())),
    );
    put("imagePullPolicy", json!(plan.image_pull_policy));
    put("command", json!(plan.command));
    put("args", json!(plan.args));
    put("workingDir", json!(plan.working_dir));
    put("env", plan.env.iter().map(variable).collect());
    put("envFrom", plan.env_from.iter().map(env_from).collect());
    put("ports", Value::Array(plan.ports.clone()));
    put("resources", plan.resources.clone());
    put("volumeMounts", plan.mounts.iter().map(mount).collect());
    for (key, value) in &plan.rest {
        put(key, value.clone());
    }
    Value::Object(fields)
}

fn reference(name: &str, key: &str, optional: Option<bool>) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), json!(name));
    fields.insert("key".into(), json!(key));
    if let Some(optional) = optional {
        fields.insert("optional".into(), json!(optional));
    }
    Value::Object(fields)
}

fn variable(variable: &EnvVar) -> Value {
    let from = match &variable.source {
        EnvSource::Value(value) => return json!({"name": variable.name, "value": value}),
        EnvSource::SecretKey {
            name,
            key,
            optional,
        } => json!({"secretKeyRef": reference(name, key, *optional)}),
        EnvSource::ConfigMapKey {
            name,
            key,
            optional,
        } => json!({"configMapKeyRef": reference(name, key, *optional)}),
        EnvSource::Field { path } => json!({"fieldRef": {"fieldPath": path}}),
        EnvSource::Raw(rest) => {
            let mut fields = Map::new();
            fields.insert("name".into(), json!(variable.name));
            fields.extend(rest.as_object().cloned().unwrap_or_default());
            return Value::Object(fields);
        }
    };
    json!({"name": variable.name, "valueFrom": from})
}

fn env_from(whole: &EnvFrom) -> Value {
    match whole {
        EnvFrom::Secret(name) => json!({"secretRef": {"name": name}}),
        EnvFrom::ConfigMap(name) => json!({"configMapRef": {"name": name}}),
        EnvFrom::Raw(value) => value.clone(),
    }
}

fn mount(mount: &Mount) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), json!(mount.volume));
    fields.insert("mountPath".into(), json!(mount.path));
    if let Some(path) = &mount.sub_path {
        fields.insert("subPath".into(), json!(path));
    }
    if let Some(read_only) = mount.read_only {
        fields.insert("readOnly".into(), json!(read_only));
    }
    fields.extend(mount.rest.clone());
    Value::Object(fields)
}

fn volume(plan: &VolumePlan) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), json!(plan.name));
    let (key, source) = match &plan.source {
        VolumeSource::EmptyDir { medium, size_limit } => (
            "emptyDir",
            some([("medium", json!(medium)), ("sizeLimit", json!(size_limit))]),
        ),
        VolumeSource::Secret {
            name,
            items,
            default_mode,
        } => (
            "secret",
            some([
                ("secretName", json!(name)),
                ("items", key_files(items)),
                ("defaultMode", json!(default_mode)),
            ]),
        ),
        VolumeSource::ConfigMap {
            name,
            items,
            default_mode,
        } => (
            "configMap",
            some([
                ("name", json!(name)),
                ("items", key_files(items)),
                ("defaultMode", json!(default_mode)),
            ]),
        ),
        VolumeSource::HostPath { path, kind } => (
            "hostPath",
            some([("path", json!(path)), ("type", json!(kind))]),
        ),
        VolumeSource::Claim { name, read_only } => (
            "persistentVolumeClaim",
            some([("claimName", json!(name)), ("readOnly", json!(read_only))]),
        ),
        VolumeSource::Raw(source) => {
            fields.extend(source.as_object().cloned().unwrap_or_default());
            return Value::Object(fields);
        }
    };
    fields.insert(key.into(), source);
    Value::Object(fields)
}

fn some<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (key.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

fn key_files(files: &[KeyFile]) -> Value {
    if files.is_empty() {
        Value::Null
    } else {
        json!(files)
    }
}
