//! Runs of several pods: one plan for each kind of pod.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::scene::Scene;
use super::{PodPlan, Termination, environment, pod};
use crate::catalog::Catalog;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::{is_replica, replicas_of};
use crate::resolve::{ResolvedOperation, RunContext};

/// A run of several pods, in our own words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DistributedPlan {
    /// Name of the object, `plx-operation-<uuid>`.
    pub name: String,
    /// Namespace of the object.
    pub namespace: String,
    /// Kind of the runtime, such as `tfjob`.
    pub kind: String,
    /// Labels of the object.
    pub labels: IndexMap<String, String>,
    /// Annotations of the object.
    pub annotations: IndexMap<String, String>,
    /// The pods, in the order of their roles.
    pub replicas: Vec<ReplicaPlan>,
    /// The other fields of the run, as the file says them.
    pub settings: Map<String, Value>,
    /// Path below which the dashboard of a Dask scheduler is reached.
    pub dashboard: String,
    /// Limits on retries and time; `None` when the operation has no such section.
    pub termination: Option<Termination>,
    /// Whether logs are kept.
    pub collect_logs: bool,
    /// Whether conditions are reported.
    pub sync_statuses: bool,
    /// Who is told about which condition: `{connections, trigger}`, verbatim.
    pub notifications: Vec<Value>,
}

/// Pods that are alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplicaPlan {
    /// The field of the run that says it, `chief` or `workers`.
    pub field: String,
    /// The name of a group of workers of a Ray cluster.
    pub group: Option<String>,
    /// How many pods there are, and other fields that are not of the pod, as the file says them.
    pub settings: Map<String, Value>,
    /// One of the pods.
    pub pod: PodPlan,
}

/// Fields of a replica that are not of its pod.
const OF_REPLICA: &[&str] = &["replicas", "minReplicas", "maxReplicas", "rayStartParams"];

/// Whether a run of this kind is several pods.
pub fn is_distributed(kind: &str) -> bool {
    replicas_of(kind).is_some()
}

/// The replicas of a kind in the order of the reference.
fn roles(kind: &str) -> &'static [&'static str] {
    match kind {
        "tfjob" => &["chief", "worker", "ps", "evaluator"],
        "pytorchjob" => &["master", "worker"],
        "mpijob" => &["launcher", "worker"],
        "raycluster" => &["head", "workers"],
        _ => &["worker", "scheduler"],
    }
}

/// Plans the pods of a run of several. `suffixes` is as for [`plan`](super::plan()).
///
/// # Errors
///
/// What one of the pods cannot be planned for, and a run without any.
pub fn distributed(
    resolved: &ResolvedOperation,
    run: &RunContext,
    catalog: &Catalog,
    suffixes: &mut dyn FnMut() -> String,
) -> Result<DistributedPlan, Report> {
    let nothing = Value::Object(Map::new());
    let whole = Scene::of_pod(resolved, &nothing, run, catalog)?;
    let section = resolved.run();
    let mut replicas = Vec::new();
    for field in roles(&whole.kind) {
        match section.get(field).and_then(Value::as_object) {
            None => {}
            Some(_) if is_replica(&whole.kind, field) => {
                replicas.extend(section.get(field).map(|pods| (*field, None, pods)));
            }
            Some(groups) => {
                replicas.extend(groups.iter().map(|(name, pods)| (*field, Some(name), pods)));
            }
        }
    }
    let mut planned = Vec::with_capacity(replicas.len());
    for (field, group, pods) in replicas {
        let path = match group {
            Some(group) => format!("run.{field}.{group}"),
            None => format!("run.{field}"),
        };
        let pod = Scene::of_pod(resolved, pods, run, catalog)
            .and_then(|scene| pod(&scene, suffixes))
            .map_err(|report| in_replica(report, &path))?;
        planned.push(ReplicaPlan {
            field: field.to_owned(),
            group: group.cloned(),
            settings: kept(pods, |name| OF_REPLICA.contains(&name)),
            pod,
        });
    }
    if planned.is_empty() {
        let message = format!("a run of kind `{}` needs pods", whole.kind);
        return Err(Diagnostic::error(Code::CannotPlan, message)
            .in_field("run")
            .with_help(format!("add one of {}", roles(&whole.kind).join(", ")))
            .into());
    }
    let (owner, uuid) = (run.owner.as_str(), run.run_uuid.as_str());
    Ok(DistributedPlan {
        name: whole.name(),
        namespace: whole.namespace(),
        labels: environment::own_labels(&whole),
        annotations: environment::own_annotations(&whole),
        replicas: planned,
        settings: kept(section, |name| {
            name != "kind" && !roles(&whole.kind).contains(&name)
        }),
        dashboard: format!(
            "/monitors/v1/{}/{owner}/{}/runs/{uuid}/{}-scheduler/8787",
            whole.namespace(),
            run.project,
            whole.name(),
        ),
        termination: environment::termination(&whole)?,
        collect_logs: whole.plugins.collect_logs,
        sync_statuses: whole.plugins.sync_statuses,
        notifications: whole.plugins.notifications.clone(),
        kind: whole.kind,
    })
}

/// The fields with a value whose names are asked for.
fn kept(section: &Value, is_kept: impl Fn(&str) -> bool) -> Map<String, Value> {
    let fields = section.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| is_kept(name) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Errors of a pod, in the fields of the replica that it is of.
fn in_replica(report: Report, path: &str) -> Report {
    let diagnostics = report.into_diagnostics().into_iter().map(|mut found| {
        if let Some(rest) = found.field_path.strip_prefix("run.") {
            found.field_path = format!("{path}.{rest}");
        }
        found
    });
    let diagnostics: Vec<Diagnostic> = diagnostics.collect();
    let first = Report::error(Code::CannotPlan, "a pod cannot be planned");
    Report::from_diagnostics(diagnostics).unwrap_or(first)
}
