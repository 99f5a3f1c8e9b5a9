//! The custom resource of the Polyaxon operator.

use serde_json::{Map, Value, json};

use super::pod;
use crate::plan::{ContainerPlan, PodPlan, Termination};
use crate::template::literal;

/// Group and version of the resource.
pub const API_VERSION: &str = "polyaxon.com/v1";

/// The plan as the resource that the Polyaxon operator runs: what the reference creates, and nothing of ours.
pub fn resource(plan: &PodPlan) -> Value {
    let mut spec = Map::new();
    spec.insert("template".into(), template(plan));
    let (kind, key) = match &plan.service {
        None => ("Job", "batchJobSpec"),
        Some(service) => {
            spec.insert("ports".into(), json!(service.ports));
            if let Some(replicas) = service.replicas {
                spec.insert("replicas".into(), json!(replicas));
            }
            if service.is_external == Some(true) {
                spec.insert("isExternal".into(), json!(true));
            }
            ("Service", "serviceSpec")
        }
    };
    let mut fields = Map::new();
    fields.insert("apiVersion".into(), json!(API_VERSION));
    fields.insert("kind".into(), json!(kind));
    fields.insert("metadata".into(), pod::metadata(plan, &plan.name));
    fields.insert(key.into(), Value::Object(spec));
    if let Some(limits) = &plan.termination {
        fields.insert("termination".into(), termination(limits));
    }
    fields.insert("collectLogs".into(), json!(plan.collect_logs));
    fields.insert("syncStatuses".into(), json!(plan.sync_statuses));
    fields.insert("notifications".into(), json!(plan.notifications));
    Value::Object(fields)
}

/// The template of a pod.
pub(super) fn template(plan: &PodPlan) -> Value {
    let mut template = Map::new();
    template.insert("metadata".into(), pod::metadata(plan, &plan.name));
    template.insert("spec".into(), Value::Object(spec_as_printed(plan)));
    Value::Object(template)
}

/// The pod as the reference prints it, which is not always what Kubernetes takes: text of the environment's objects
/// that reads as a number is one, and a variable of a shortcut has a source that says `null`.
fn spec_as_printed(plan: &PodPlan) -> Map<String, Value> {
    let mut spec = pod::spec(plan);
    for key in ["affinity", "tolerations", "dnsConfig", "hostAliases"] {
        if let Some(object) = spec.get_mut(key) {
            read_literals(object);
        }
    }
    for (key, containers) in [
        ("initContainers", &plan.init_containers),
        ("containers", &plan.containers),
    ] {
        let printed = spec.get_mut(key).and_then(Value::as_array_mut);
        for (printed, container) in printed.into_iter().flatten().zip(containers) {
            mark_shortcuts(printed, container);
        }
    }
    spec
}

fn read_literals(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(literal) = literal::lossless(text) {
                *value = literal;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(read_literals),
        Value::Object(fields) => fields.values_mut().for_each(read_literals),
        _ => {}
    }
}

fn mark_shortcuts(printed: &mut Value, container: &ContainerPlan) {
    let variables = printed.get_mut("env").and_then(Value::as_array_mut);
    for (printed, variable) in variables.into_iter().flatten().zip(&container.env) {
        if let Some(fields) = printed.as_object_mut().filter(|_| variable.shortcut) {
            fields.insert("value_from".into(), "null".into());
        }
    }
}

/// Limits in the words of a Job; zero counts as not set, as in the reference.
pub(super) fn termination(limits: &Termination) -> Value {
    let mut fields = Map::new();
    for (key, value) in [
        ("backoffLimit", limits.max_retries.map(u64::from)),
        ("activeDeadlineSeconds", limits.timeout_seconds),
        ("ttlSecondsAfterFinished", limits.ttl_seconds),
    ] {
        if let Some(value) = value.filter(|value| *value > 0) {
            fields.insert(key.to_owned(), json!(value));
        }
    }
    fields.extend(limits.rest.clone());
    Value::Object(fields)
}
