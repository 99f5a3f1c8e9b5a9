//! The graph of a run of kind `dag`: what each operation is, and which ones it waits for.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json};

use super::effective;
use crate::diagnostic::{Code, Diagnostic, MAX_DIAGNOSTICS, Report};
use crate::model::nearest;
use crate::operation::join;

/// Checks every operation of a dag, and that they can be put in an order.
pub(super) fn check(document: &Map<String, Json>) -> Result<(), Report> {
    let Some(run) = document.get("run").and_then(Json::as_object) else {
        return Ok(());
    };
    if document.get("build").is_some_and(|build| !build.is_null()) {
        let message = "a dag has no container that the image of `build` could be for";
        return Err(Diagnostic::error(Code::Conflict, message)
            .in_field("build")
            .with_help("write `build` into the operations that need it")
            .into());
    }
    let (Some(operations), components) = (items(run, "operations"), items(run, "components"))
    else {
        return Err(wrong("run.operations", "a dag needs operations").into());
    };
    if operations.is_empty() {
        return Err(wrong("run.operations", "a dag needs operations").into());
    }
    let mut errors = Vec::new();
    let components = named(components.unwrap_or_default(), "components", &mut errors);
    let operations = named(operations, "operations", &mut errors);
    let mut upstream = HashMap::new();
    for (name, (section, operation)) in &operations {
        match check_node(section, operation, &components) {
            Ok(node) => {
                upstream.insert(*name, waits_for(&node));
            }
            Err(report) => errors.extend(report.into_diagnostics()),
        }
    }
    for (name, (section, _)) in &operations {
        for needed in upstream.get(name).into_iter().flatten() {
            if !operations.contains_key(needed.as_str()) {
                // Finding the nearest name is as long as the dag.
                let is_shown = errors.len() < MAX_DIAGNOSTICS;
                errors.push(unknown(
                    section,
                    name,
                    needed,
                    is_shown.then_some(&operations),
                ));
            }
        }
    }
    if errors.is_empty() {
        errors.extend(circle(&operations, &upstream));
    }
    // A map has no order, and the first errors are shown first.
    errors.sort_by(|left, right| left.field_path.cmp(&right.field_path));
    Report::from_diagnostics(errors).map_or(Ok(()), Err)
}

type Named<'a> = HashMap<&'a str, (String, &'a Map<String, Json>)>;

fn items<'a>(run: &'a Map<String, Json>, list: &str) -> Option<Vec<&'a Map<String, Json>>> {
    let items = run.get(list)?.as_array()?;
    Some(items.iter().filter_map(Json::as_object).collect())
}

fn wrong(field: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::BadValue, message).in_field(field)
}

/// The items of a list by their names, which are there and unique.
fn named<'a>(
    items: Vec<&'a Map<String, Json>>,
    list: &str,
    errors: &mut Vec<Diagnostic>,
) -> Named<'a> {
    let mut found = HashMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let section = format!("run.{list}[{index}]");
        match item.get("name").and_then(Json::as_str) {
            None | Some("") => errors.push(
                Diagnostic::error(
                    Code::MissingField,
                    format!("everything in `{list}` needs a name"),
                )
                .in_field(section)
                .with_help("add `name:`"),
            ),
            Some(name) if found.contains_key(name) => {
                let message = format!("there are two `{name}` in `{list}`");
                errors.push(wrong(&join(&section, "name"), message));
            }
            Some(name) => {
                found.insert(name, (section, item));
            }
        }
    }
    found
}

/// An operation with its component applied.
fn check_node(
    section: &str,
    operation: &Map<String, Json>,
    components: &Named<'_>,
) -> Result<Map<String, Json>, Report> {
    if operation
        .get("schedule")
        .is_some_and(|schedule| !schedule.is_null())
    {
        let message = "an operation of a dag cannot have a schedule of its own";
        return Err(wrong(&join(section, "schedule"), message).into());
    }
    let has_component = operation.get("component").is_some_and(Json::is_object);
    let node = match operation.get("dagRef").and_then(Json::as_str) {
        Some(name) if !has_component => {
            let Some((_, component)) = components.get(name) else {
                let help = nearest(name, components.keys().copied())
                    .map(|nearest| format!("did you mean `{nearest}`?"));
                let mut diagnostic = Diagnostic::error(
                    Code::UnresolvedReference,
                    format!("the dag has no component `{name}`"),
                )
                .in_field(join(section, "dagRef"));
                diagnostic.help = help;
                return Err(diagnostic.into());
            };
            let mut node = operation.clone();
            node.shift_remove("dagRef");
            node.insert("component".into(), Json::Object((*component).clone()));
            effective(&node, section)?
        }
        _ => effective(operation, section)?,
    };
    if !node.get("run").is_some_and(Json::is_object) {
        return Err(Diagnostic::error(Code::NoRun, "there is nothing to run")
            .in_field(section)
            .with_help(
                "name a component with `dagRef`, `hubRef`, `urlRef` or `pathRef`, or add `run`",
            )
            .into());
    }
    if !node
        .get("run")
        .and_then(|run| run.get("kind"))
        .is_some_and(Json::is_string)
    {
        return Err(Diagnostic::error(Code::MissingField, "the run has no kind")
            .in_field(join(section, "run"))
            .with_help("add `kind:` to the `run` of the component")
            .into());
    }
    Ok(node)
}

/// The names of the operations that have to come before: dependencies, and those whose values or events are used.
fn waits_for(node: &Map<String, Json>) -> Vec<String> {
    let texts = |value: Option<&Json>| -> Vec<String> {
        let items = value.and_then(Json::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect()
    };
    let mut names = texts(node.get("dependencies"));
    let params = node.get("params").and_then(Json::as_object);
    let events = node.get("events").and_then(Json::as_array);
    let users = params
        .into_iter()
        .flat_map(Map::values)
        .chain(events.into_iter().flatten());
    names.extend(users.filter_map(|user| {
        let reference = user.get("ref")?.as_str()?;
        Some(reference.strip_prefix("ops.")?.to_owned())
    }));
    names
}

fn unknown(section: &str, name: &str, needed: &str, operations: Option<&Named<'_>>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(
        Code::BadReference,
        format!("`{name}` waits for `{needed}`, which is no operation of the dag"),
    )
    .in_field(section);
    diagnostic.help = operations
        .and_then(|operations| nearest(needed, operations.keys().copied()))
        .map(|nearest| format!("did you mean `{nearest}`?"));
    diagnostic
}

/// An operation of a circle, or one that waits for a circle, if there is one.
fn circle(operations: &Named<'_>, upstream: &HashMap<&str, Vec<String>>) -> Option<Diagnostic> {
    let mut waiting: HashMap<&str, usize> = HashMap::new();
    let mut followers: HashMap<&str, Vec<&str>> = HashMap::new();
    for name in operations.keys() {
        let needed: HashSet<&str> = upstream
            .get(name)
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        waiting.insert(name, needed.len());
        for before in needed {
            followers.entry(before).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> = waiting
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| *name)
        .collect();
    while let Some(name) = ready.pop() {
        waiting.remove(name);
        for follower in followers.get(name).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(follower);
                }
            }
        }
    }
    let mut names: Vec<&str> = waiting.into_keys().collect();
    names.sort_unstable();
    let first = names.first()?;
    let (section, _) = operations.get(first)?;
    let message = format!("these operations wait for each other: {}", names.join(", "));
    Some(Diagnostic::error(Code::ReferenceCycle, message).in_field(section.clone()))
}

#[cfg(test)]
#[path = "dag_tests.rs"]
mod tests;
