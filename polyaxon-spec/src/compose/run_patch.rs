//! `runPatch` over the run.

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::merge::{Strategy, merge};
use crate::model::{Checker, Model, Path, is_replica, refuse_errors, replicas_of, runtime_of};
use crate::operation::join;
use crate::yaml::Node;

/// Applies a patch to the run of a document.
pub(super) fn apply(
    base: &mut Map<String, Json>,
    patch: &Map<String, Json>,
    strategy: Strategy,
    section: &str,
) -> Result<(), Report> {
    if patch.is_empty() {
        return Ok(());
    }
    let field_path = join(section, "runPatch");
    let Some(Json::Object(run)) = base.get_mut("run") else {
        return Err(
            Diagnostic::error(Code::NoRun, "`runPatch` has no run to patch")
                .in_field(field_path)
                .with_help("name a component, or add `run`")
                .into(),
        );
    };
    refuse_other_kind(run, patch, &field_path)?;
    let model = runtime_of(run);
    let Err(report) = check(model, patch, section) else {
        merge(model, run, patch, strategy);
        return Ok(());
    };
    let kind = run
        .get("kind")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned();
    match replicas_of(&kind) {
        Some(replica) if check(replica, patch, section).is_ok() => {
            for value in replicas(&kind, run) {
                merge(replica, value, patch, strategy);
            }
            Ok(())
        }
        _ => Err(report),
    }
}

/// The replicas that a distributed run has.
pub(super) fn replicas<'a>(
    kind: &str,
    run: &'a mut Map<String, Json>,
) -> impl Iterator<Item = &'a mut Map<String, Json>> {
    let mut found = Vec::new();
    for (name, value) in run
        .iter_mut()
        .filter_map(|(name, value)| Some((name, value.as_object_mut()?)))
    {
        if is_replica(kind, name) {
            found.push(value);
        } else if name == "workers" {
            found.extend(value.values_mut().filter_map(Json::as_object_mut));
        }
    }
    found.into_iter()
}

fn refuse_other_kind(
    run: &Map<String, Json>,
    patch: &Map<String, Json>,
    field_path: &str,
) -> Result<(), Report> {
    let kind_of =
        |map: &Map<String, Json>| map.get("kind").and_then(Json::as_str).map(str::to_owned);
    match (kind_of(run), kind_of(patch)) {
        (Some(run), Some(patch)) if run != patch => {
            let message = format!("a patch for a run of kind `{patch}` cannot patch a `{run}`");
            Err(Diagnostic::error(Code::BadRunPatch, message)
                .in_field(format!("{field_path}.kind"))
                .with_help("remove `kind` from `runPatch`")
                .into())
        }
        _ => Ok(()),
    }
}

/// Checks a patch against the table of the run that it is for.
fn check(model: &'static Model, patch: &Map<String, Json>, section: &str) -> Result<(), Report> {
    let mut checker = Checker::default();
    let node = Node::from_json(&Json::Object(patch.clone()));
    checker.model(&node, model, &Path::ROOT.field("runPatch"));
    for diagnostic in &mut checker.diagnostics {
        diagnostic.field_path = join(section, &diagnostic.field_path);
    }
    refuse_errors(checker.diagnostics).map(drop)
}
