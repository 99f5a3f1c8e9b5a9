//! From an operation and its components to one document without references and patches.

mod compiled;
mod dag;
mod preset;
mod run_patch;
mod shortcuts;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::merge::{Strategy, merge};
use crate::model::{Checker, Path, REFERENCES, ROOT, SHORTCUTS, check_run, refuse_errors};
use crate::operation::{Operation, join};
use crate::yaml::Node;
pub use compiled::CompiledOperation;

/// Fields that are about the document itself, or that have their own step.
const OWN_STEP: &[&str] = &[
    "kind",
    "version",
    "component",
    "isPreset",
    "patchStrategy",
    "strictParams",
    "template",
    "run",
    "runPatch",
];

/// Puts the operation over its component, the component over its own, and the patches over the run.
///
/// # Errors
///
/// When a component has not been collected, when there is nothing to run, when a patch does not fit the run, and
/// when the document is a template that was not edited. Places are given where the operation knows them.
pub fn compose(operation: &Operation) -> Result<CompiledOperation, Report> {
    compose_fields(operation.fields())
        .map_err(|report| report.located(|field_path| operation.locate(field_path)))
}

fn compose_fields(fields: &Map<String, Json>) -> Result<CompiledOperation, Report> {
    refuse_template(fields)?;
    let effective = effective(fields, "")?;
    check_effective_run(&effective, fields)?;
    if effective.get("run").and_then(|run| run.get("kind")) == Some(&"dag".into()) {
        dag::check(&effective)?;
    }
    CompiledOperation::from_effective(effective)
}

/// A document with everything below it applied.
fn effective(fields: &Map<String, Json>, section: &str) -> Result<Map<String, Json>, Report> {
    let mut base = if let Some(Json::Object(component)) = fields.get("component") {
        effective(component, &join(section, "component"))?
    } else {
        refuse_reference(fields, section)?;
        Map::new()
    };
    let strategy = Strategy::of(fields);
    let is_strict = |fields: &Map<String, Json>| fields.get("strictParams") == Some(&true.into());
    let strict = is_strict(&base) || is_strict(fields);
    merge(&ROOT, &mut base, &shared(fields), strategy);
    base.insert("strictParams".into(), strict.into());
    if let Some(version) = fields.get("version") {
        base.entry("version").or_insert_with(|| version.clone());
    }
    if let Some(run) = fields.get("run") {
        let patch = Map::from_iter([("run".to_owned(), run.clone())]);
        merge(&ROOT, &mut base, &patch, strategy);
    }
    shortcuts::apply(&mut base, fields, strategy, section)?;
    if let Some(Json::Object(patch)) = fields.get("runPatch") {
        run_patch::apply(&mut base, patch, strategy, section)?;
    }
    Ok(base)
}

/// The fields that components and operations share.
fn shared(fields: &Map<String, Json>) -> Map<String, Json> {
    let is_own = |name: &str| {
        OWN_STEP.contains(&name) || REFERENCES.contains(&name) || SHORTCUTS.contains(&name)
    };
    fields
        .iter()
        .filter(|(name, _)| !is_own(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn refuse_reference(fields: &Map<String, Json>, section: &str) -> Result<(), Report> {
    let reference = REFERENCES
        .iter()
        .find_map(|name| Some((*name, fields.get(*name)?.as_str()?)));
    let Some((name, value)) = reference else {
        return Ok(());
    };
    let help = if name == "dagRef" {
        "`dagRef` names a component of a dag, and this is not inside of one"
    } else {
        "its component has to be fetched first"
    };
    Err(Diagnostic::error(
        Code::UnresolvedReference,
        format!("the component of `{name}: {value}` is not known"),
    )
    .in_field(join(section, name))
    .with_help(help)
    .into())
}

/// A template is edited before it is run. What the hub serves is not the user's to edit.
fn refuse_template(fields: &Map<String, Json>) -> Result<(), Report> {
    let is_enabled = |fields: &Map<String, Json>| {
        fields
            .get("template")
            .and_then(|template| template.get("enabled"))
            == Some(&true.into())
    };
    let is_fetched = REFERENCES.iter().any(|name| fields.get(*name).is_some());
    let section = match fields.get("component") {
        _ if is_enabled(fields) => "template",
        Some(Json::Object(component)) if !is_fetched && is_enabled(component) => {
            "component.template"
        }
        _ => return Ok(()),
    };
    Err(Diagnostic::error(
        Code::TemplateEnabled,
        "this file is a template to be edited",
    )
    .in_field(section)
    .with_help("edit the fields that it names, then remove `template` or set `enabled: false`")
    .into())
}

/// The run as a whole: a `run` that leaves its kind to the component is known only now.
fn check_effective_run(
    effective: &Map<String, Json>,
    fields: &Map<String, Json>,
) -> Result<(), Report> {
    let run = match effective.get("run") {
        Some(run) if !run.is_null() => run,
        _ => {
            return Err(Diagnostic::error(Code::NoRun, "there is nothing to run")
                .with_help("name a component with `hubRef`, `urlRef` or `pathRef`, or add `run`")
                .into());
        }
    };
    if run.get("kind").is_none_or(Json::is_null) {
        return Err(Diagnostic::error(Code::NoRun, "the run has no `kind`")
            .in_field("run")
            .with_help("add `kind: job` to it")
            .into());
    }
    if fields.contains_key("run") {
        let mut checker = Checker::default();
        check_run(
            &mut checker,
            &Node::from_json(run),
            &Path::ROOT.field("run"),
        );
        refuse_errors(checker.diagnostics)?;
    }
    Ok(())
}
