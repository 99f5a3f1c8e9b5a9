//! Fields at the root that stand for fields of the run.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::run_patch;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::merge::{Strategy, merge};
use crate::model::{Model, SHORTCUTS, quantity, replicas_of, runtime_of};
use crate::operation::join;

/// Writes the shortcuts of a document into its run; a document without one gets a job, or a service for `ports`.
pub(super) fn apply(
    base: &mut Map<String, Json>,
    fields: &Map<String, Json>,
    strategy: Strategy,
    section: &str,
) -> Result<(), Report> {
    for name in SHORTCUTS {
        let Some(value) = fields.get(*name).filter(|value| !value.is_null()) else {
            continue;
        };
        if base.get("run").is_none_or(Json::is_null) {
            match *name {
                "ports" => base.insert("run".into(), json!({"kind": "service"})),
                "container" | "cmd" | "env" | "resources" => {
                    base.insert("run".into(), json!({"kind": "job"}))
                }
                _ => None,
            };
        }
        let target = match *name {
            "cmd" | "env" | "resources" => "container",
            name => name,
        };
        let Some(Json::Object(run)) = base.get_mut("run") else {
            return Err(no_place(name, base.get("run"), section));
        };
        let model = runtime_of(run);
        if model.field(target).is_some() {
            write(model, run, name, value, strategy);
            continue;
        }
        // A run of many pods has the field in each of them.
        let kind = run.get("kind").and_then(Json::as_str).unwrap_or_default();
        let kind = kind.to_owned();
        let Some(model) = replicas_of(&kind).filter(|replica| replica.field(target).is_some())
        else {
            return Err(no_place(name, base.get("run"), section));
        };
        for replica in run_patch::replicas(&kind, run) {
            write(model, replica, name, value, strategy);
        }
    }
    Ok(())
}

fn write(
    model: &'static Model,
    run: &mut Map<String, Json>,
    name: &str,
    value: &Json,
    strategy: Strategy,
) {
    let patch = match name {
        "cmd" => return write_command(run, value, strategy),
        "env" => json!({"container": {"env": variables(value, strategy)}}),
        "resources" => json!({"container": {"resources": resources(value)}}),
        _ => json!({name: value}),
    };
    if let Json::Object(patch) = patch {
        merge(model, run, &patch, strategy);
    }
    if name == "env" && is_merge(strategy) {
        let env = run
            .get_mut("container")
            .and_then(|container| container.get_mut("env"));
        if let Some(Json::Array(variables)) = env {
            keep_last_of_each_name(variables);
        }
    }
}

fn is_merge(strategy: Strategy) -> bool {
    matches!(strategy, Strategy::PostMerge | Strategy::PreMerge)
}

/// The last variable of a name counts, also for what is merged later.
fn keep_last_of_each_name(variables: &mut Vec<Json>) {
    let mut seen = BTreeSet::new();
    variables.reverse();
    variables.retain(|variable| {
        let name = variable.get("name").and_then(Json::as_str);
        name.is_none_or(|name| seen.insert(name.to_owned()))
    });
    variables.reverse();
}

/// A command is one thing: it takes the place of `command` and `args`, or neither.
fn write_command(run: &mut Map<String, Json>, value: &Json, strategy: Strategy) {
    let lines = match value {
        Json::Array(lines) => lines.iter().filter_map(Json::as_str).collect(),
        line => vec![line.as_str().unwrap_or_default()],
    };
    let container = run.entry("container").or_insert_with(|| json!({}));
    if !container.is_object() {
        *container = json!({});
    }
    let is_set = ["command", "args"]
        .iter()
        .any(|name| container.get(name).is_some_and(|value| !value.is_null()));
    if is_set && !strategy.patch_wins() {
        return;
    }
    let patch = json!({
        "command": ["/bin/sh", "-c"],
        "args": [format!("set -e\n{}", lines.join("\n"))],
    });
    if let (Json::Object(container), Json::Object(patch)) = (container, patch) {
        container.extend(patch);
    }
}

/// A null source tells a shortcut that was merged from a variable of a container, in the reference too.
fn variables(value: &Json, strategy: Strategy) -> Json {
    let is_merged = is_merge(strategy);
    let variables = value.as_object().into_iter().flatten();
    variables
        .map(|(name, value)| {
            if is_merged {
                json!({"name": name, "value": value, "valueFrom": null})
            } else {
                json!({"name": name, "value": value})
            }
        })
        .collect()
}

/// The requests and limits that the root field `resources` stands for; its values have been checked.
fn resources(value: &Json) -> Json {
    let mut requests = Map::new();
    let mut limits = Map::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let Ok(range) = quantity::range(name, value) else {
            continue;
        };
        let key = if name == "gpu" {
            "nvidia.com/gpu"
        } else {
            name
        };
        for (side, amount) in [(&mut requests, range.request), (&mut limits, range.limit)] {
            if let Some(amount) = amount {
                side.insert(key.into(), amount);
            }
        }
    }
    let mut resources = Map::new();
    for (name, values) in [("requests", requests), ("limits", limits)] {
        if !values.is_empty() {
            resources.insert(name.into(), values.into());
        }
    }
    Json::Object(resources)
}

fn no_place(name: &str, run: Option<&Json>, section: &str) -> Report {
    let kind = run.and_then(|run| run.get("kind")).and_then(Json::as_str);
    let (code, message) = match kind {
        Some(kind) => (
            Code::BadRunPatch,
            format!("`{name}` does not belong to a run of kind `{kind}`"),
        ),
        None => (
            Code::NoRun,
            format!("`{name}` has no run that it could be for"),
        ),
    };
    Diagnostic::error(code, message)
        .in_field(join(section, name))
        .with_help("write it into the `run` that it is meant for")
        .into()
}
