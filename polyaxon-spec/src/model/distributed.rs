//! Runs of several pods: the job kinds of Kubeflow, and clusters of Ray and Dask.

use serde_json::{Map, Value as Json};

use super::checker::{Checker, is_template};
use super::init::INIT;
use super::kubernetes::{CONTAINER, RESOURCES, VOLUME};
use super::path::Path;
use super::run::{ENVIRONMENT, pod_model, runtime};
use super::table::{CustomKind, Field, Kind, Model, field};
use crate::yaml::{Node, Value};

const REPLICAS: Field = field("replicas", Kind::Integer);

/// Pods that are alike.
pub(super) static REPLICA: Model = pod_model!("a replica", REPLICAS,);

/// Pods of a Ray cluster that are alike.
pub(super) static RAY_REPLICA: Model = pod_model!(
    "a replica of a raycluster",
    REPLICAS,
    field("minReplicas", Kind::Integer),
    field("maxReplicas", Kind::Integer),
    field("rayStartParams", Kind::TextMap).literal(),
);

const fn replica(name: &'static str) -> Field {
    field(name, Kind::Model(&REPLICA))
}

/// What becomes of pods when the run ends.
pub(super) const CLEAN_POD_POLICY: Kind = Kind::OneOf(&["All", "Running", "None"]);

pub(super) static TFJOB: Model = Model::new(
    "a tfjob",
    &[
        field("kind", Kind::Text),
        field("cleanPodPolicy", CLEAN_POD_POLICY).literal(),
        field("schedulingPolicy", Kind::Model(&SCHEDULING_POLICY)).literal(),
        field("enableDynamicWorker", Kind::Bool).literal(),
        field("successPolicy", Kind::Text),
        replica("chief"),
        replica("ps"),
        replica("worker"),
        replica("evaluator"),
    ],
);

pub(super) static PYTORCHJOB: Model = Model::new(
    "a pytorchjob",
    &[
        field("kind", Kind::Text),
        field("cleanPodPolicy", CLEAN_POD_POLICY).literal(),
        field("schedulingPolicy", Kind::Model(&SCHEDULING_POLICY)).literal(),
        field("elasticPolicy", Kind::Model(&ELASTIC_POLICY)).literal(),
        field("nProcPerNode", Kind::Integer),
        replica("master"),
        replica("worker"),
    ],
);

pub(super) static MPIJOB: Model = Model::new(
    "an mpijob",
    &[
        field("kind", Kind::Text),
        field("cleanPodPolicy", CLEAN_POD_POLICY).literal(),
        field("schedulingPolicy", Kind::Model(&SCHEDULING_POLICY)).literal(),
        field("slotsPerWorker", Kind::Integer),
        replica("launcher"),
        replica("worker"),
    ],
);

pub(super) static RAYCLUSTER: Model = Model::new(
    "a raycluster",
    &[
        field("kind", Kind::Text),
        field("entrypoint", Kind::Text),
        field("runtimeEnv", Kind::Map),
        field("metadata", METADATA),
        field("rayVersion", Kind::Text),
        field("head", Kind::Model(&RAY_REPLICA)),
        field("workers", WORKERS).literal(),
        field("enableInTreeAutoscaling", Kind::Bool),
        field("autoscalerOptions", Kind::Model(&AUTOSCALER)),
    ],
);

pub(super) static DASKCLUSTER: Model = Model::new(
    "a daskcluster",
    &[
        field("kind", Kind::Text),
        replica("worker"),
        replica("scheduler"),
        field("minReplicas", Kind::Integer),
        field("maxReplicas", Kind::Integer),
    ],
);

pub(super) static SCHEDULING_POLICY: Model = Model::new(
    "a scheduling policy",
    &[
        field("minAvailable", Kind::Integer),
        field("queue", Kind::Text),
        field("minResources", Kind::Integer),
        field("priorityClass", Kind::Text),
        field("scheduleTimeoutSeconds", Kind::Integer),
    ],
);

pub(super) static ELASTIC_POLICY: Model = Model::new(
    "an elastic policy",
    &[
        field("minReplicas", Kind::Integer),
        field("maxReplicas", Kind::Integer),
        field("rdvzBackend", Kind::Text),
        field("rdvzPort", Kind::Integer),
        field("rdvzHost", Kind::Text),
        field("rdvzId", Kind::Text),
        field("rdvzConf", Kind::List(&Kind::Map)).literal(),
        field("standalone", Kind::Bool),
        field("nProcPerNode", Kind::Integer),
        field("maxRestarts", Kind::Integer),
        field("Metrics", Kind::List(&Kind::Map)).literal(),
    ],
);

pub(super) static AUTOSCALER: Model = Model::new(
    "autoscaler options",
    &[
        field("upscalingMode", Kind::Text),
        field("imagePullPolicy", Kind::Text),
        field("resources", Kind::Kubernetes(&RESOURCES)).literal(),
    ],
);

/// Text by name. Unlike labels, what is not text is not made text.
pub(super) const METADATA: Kind = Kind::Custom(CustomKind(check_metadata));

fn check_metadata(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(map) = &node.value else {
        return checker.wrong_type(node, path, "a mapping of text to text");
    };
    map.iter()
        .map(|(name, entry)| (name.clone(), checker.text(&entry.value, &path.field(name))))
        .collect()
}

/// Worker groups of a Ray cluster by name.
pub(super) const WORKERS: Kind = Kind::Custom(CustomKind(check_workers));

fn check_workers(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(groups) = &node.value else {
        return checker.wrong_type(node, path, "a mapping of names to replicas");
    };
    let mut out = Map::with_capacity(groups.len());
    for (name, entry) in groups {
        let group = match entry.value.value.as_text().filter(|text| is_template(text)) {
            Some(text) => text.into(),
            None => checker.model(&entry.value, &RAY_REPLICA, &path.field(name)),
        };
        out.insert(name.clone(), group);
    }
    Json::Object(out)
}

/// The fields of a replica, which the patch of a distributed run may hold.
pub(crate) fn replicas_of(kind: &str) -> Option<&'static Model> {
    match kind {
        "tfjob" | "pytorchjob" | "mpijob" | "daskcluster" => Some(&REPLICA),
        "raycluster" => Some(&RAY_REPLICA),
        _ => None,
    }
}

/// The sections of a run that become pods, by the names on the way to them: of a job the run itself, of a run of
/// several pods each replica that is there.
pub(crate) fn pods_of(run: &Json) -> Vec<Vec<String>> {
    let kind = run.get("kind").and_then(Json::as_str).unwrap_or_default();
    if replicas_of(kind).is_none() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for (name, value) in run.as_object().into_iter().flatten() {
        match value {
            Json::Object(_) if is_replica(kind, name) => found.push(vec![name.clone()]),
            Json::Object(groups) if kind == "raycluster" && name == "workers" => {
                let groups = groups.iter().filter(|(_, group)| group.is_object());
                found.extend(groups.map(|(group, _)| vec![name.clone(), group.clone()]));
            }
            _ => {}
        }
    }
    found
}

/// Whether a field of a distributed run is a replica.
pub(crate) fn is_replica(kind: &str, field: &str) -> bool {
    let field = runtime(kind).and_then(|model| model.field(field));
    match (field.map(|field| &field.kind), replicas_of(kind)) {
        (Some(Kind::Model(found)), Some(replica)) => std::ptr::eq(*found, replica),
        _ => false,
    }
}
