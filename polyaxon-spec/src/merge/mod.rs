//! Patching: one section over another, by the tables of fields.
//!
//! The same engine serves an operation over its component, `runPatch` over the run, an overlay over a file and a
//! preset over a compiled operation. Nothing is matched by name: lists are lists, and only elements that are equal
//! as a whole are not repeated.

mod plain;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value as Json};

use crate::model::{Kind, Model, ROOT, runtime_of};
pub(crate) use plain::merge_plain;

/// What happens where both sides say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The patch takes the place of the field.
    Replace,
    /// The patch fills fields that are not set.
    IsNull,
    /// Mappings and lists are joined, the patch last and stronger.
    #[default]
    PostMerge,
    /// Mappings and lists are joined, the patch first and weaker.
    PreMerge,
}

impl Strategy {
    /// The strategy with this name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "replace" => Some(Self::Replace),
            "isnull" => Some(Self::IsNull),
            "post_merge" => Some(Self::PostMerge),
            "pre_merge" => Some(Self::PreMerge),
            _ => None,
        }
    }

    /// The strategy that a document asks for in `patchStrategy`.
    pub(crate) fn of(fields: &Map<String, Json>) -> Self {
        fields
            .get("patchStrategy")
            .and_then(Json::as_str)
            .and_then(Self::parse)
            .unwrap_or_default()
    }

    /// Whether a scalar of the patch wins.
    pub(crate) const fn patch_wins(self) -> bool {
        matches!(self, Self::Replace | Self::PostMerge)
    }
}

/// Patches a section. Fields that the patch does not have are kept; fields that are not set take the patch.
pub(crate) fn merge(
    model: &Model,
    base: &mut Map<String, Json>,
    patch: &Map<String, Json>,
    strategy: Strategy,
) {
    for (name, new) in patch {
        let kind = model.field(name).map_or(&Kind::Any, |field| &field.kind);
        match base.get_mut(name) {
            None | Some(Json::Null) => {
                base.insert(name.clone(), new.clone());
            }
            Some(old) => merge_value(kind, old, new, strategy),
        }
    }
}

fn merge_value(kind: &Kind, old: &mut Json, new: &Json, strategy: Strategy) {
    match (kind, &mut *old, new) {
        (Kind::Model(model), Json::Object(old), Json::Object(new)) => {
            merge(model, old, new, strategy);
        }
        (Kind::Component, Json::Object(old), Json::Object(new)) => {
            merge(&ROOT, old, new, strategy);
        }
        (Kind::RunPatch, Json::Object(old), Json::Object(new)) => {
            merge(runtime_of(old), old, new, strategy);
        }
        (Kind::Run, Json::Object(run), Json::Object(patch)) if is_same_kind(run, patch) => {
            merge(runtime_of(run), run, patch, strategy);
        }
        (Kind::Run, Json::Object(_), Json::Object(_)) => {
            if strategy.patch_wins() {
                *old = new.clone();
            }
        }
        (Kind::Tagged(_), Json::Object(section), Json::Object(patch))
            if !is_same_kind(section, patch) =>
        {
            if strategy.patch_wins() {
                *old = new.clone();
            }
        }
        (Kind::Kubernetes(_), Json::Object(old), Json::Object(new)) => {
            merge_kubernetes(old, new, strategy);
        }
        (Kind::Params(_), Json::Object(old), Json::Object(new)) => {
            merge_params(old, new, strategy);
        }
        // A null cannot take a whole section away.
        (
            Kind::Model(_)
            | Kind::Component
            | Kind::Run
            | Kind::RunPatch
            | Kind::Kubernetes(_)
            | Kind::Params(_),
            Json::Object(_),
            Json::Null,
        ) => {}
        _ => merge_plain(old, new, strategy),
    }
}

/// Whether a patch is for this section: it says the same `kind`, or none.
fn is_same_kind(section: &Map<String, Json>, patch: &Map<String, Json>) -> bool {
    patch
        .get("kind")
        .is_none_or(|kind| kind.is_null() || Some(kind) == section.get("kind"))
}

/// An object of Kubernetes: field by field, where a null is the same as nothing.
fn merge_kubernetes(old: &mut Map<String, Json>, new: &Map<String, Json>, strategy: Strategy) {
    for (name, value) in new.iter().filter(|(_, value)| !value.is_null()) {
        match old.get_mut(name) {
            None | Some(Json::Null) => {
                old.insert(name.clone(), value.clone());
            }
            Some(old) => merge_plain(old, value, strategy),
        }
    }
}

/// Params by name: a param is one value, so its connection does not outlive it.
fn merge_params(old: &mut Map<String, Json>, new: &Map<String, Json>, strategy: Strategy) {
    match strategy {
        Strategy::IsNull => {}
        Strategy::Replace => old.clone_from(new),
        Strategy::PostMerge => {
            for (name, param) in new {
                old.insert(name.clone(), param.clone());
            }
        }
        Strategy::PreMerge => {
            for (name, param) in new {
                old.entry(name.clone()).or_insert_with(|| param.clone());
            }
        }
    }
}
