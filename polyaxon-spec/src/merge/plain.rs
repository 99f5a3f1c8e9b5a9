//! Patching values that no table describes.

use serde_json::{Map, Value as Json};

use super::Strategy;

/// Patches a value that is set.
pub(crate) fn merge_plain(old: &mut Json, new: &Json, strategy: Strategy) {
    match (strategy, &mut *old, new) {
        (Strategy::PostMerge, Json::Object(old), Json::Object(new)) => overlay(old, new),
        (Strategy::PreMerge, Json::Object(old), Json::Object(new)) => fill(old, new),
        (Strategy::PostMerge, Json::Array(old), Json::Array(new)) => {
            let added = missing(new, old);
            old.extend(added);
        }
        (Strategy::PreMerge, Json::Array(old), Json::Array(new)) => {
            let kept = missing(old, new);
            old.clone_from(new);
            old.extend(kept);
        }
        (Strategy::PreMerge | Strategy::IsNull, ..) => {}
        (Strategy::Replace | Strategy::PostMerge, ..) => *old = new.clone(),
    }
}

/// The elements of one list that another does not have.
fn missing(items: &[Json], from: &[Json]) -> Vec<Json> {
    items
        .iter()
        .filter(|item| !from.contains(item))
        .cloned()
        .collect()
}

/// Mappings are joined at every depth; the patch wins.
fn overlay(old: &mut Map<String, Json>, new: &Map<String, Json>) {
    for (name, value) in new {
        match (old.get_mut(name), value) {
            (Some(Json::Object(old)), Json::Object(new)) => overlay(old, new),
            _ => {
                old.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Mappings are joined at every depth; what is there wins.
fn fill(old: &mut Map<String, Json>, new: &Map<String, Json>) {
    for (name, value) in new {
        match (old.get_mut(name), value) {
            (Some(Json::Object(old)), Json::Object(new)) => fill(old, new),
            (Some(_), _) => {}
            (None, _) => {
                old.insert(name.clone(), value.clone());
            }
        }
    }
}
