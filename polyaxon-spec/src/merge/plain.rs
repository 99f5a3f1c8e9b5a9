//! Patching values that no table describes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

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
    // Elements that are equal have the same number; the lists may be long.
    let mut known: HashMap<u64, Vec<&Json>> = HashMap::with_capacity(from.len());
    for item in from {
        let same = known.entry(number_of(item)).or_default();
        if !same.contains(&item) {
            same.push(item);
        }
    }
    let is_known = |item: &Json| {
        known
            .get(&number_of(item))
            .is_some_and(|same| same.contains(&item))
    };
    items
        .iter()
        .filter(|item| !is_known(item))
        .cloned()
        .collect()
}

/// A number that equal values share, whatever the order of their fields.
fn number_of(value: &Json) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Json::Null => 0_u8.hash(&mut hasher),
        Json::Bool(value) => value.hash(&mut hasher),
        // Zero has two signs that are equal.
        Json::Number(number) if number.as_f64() == Some(0.0) => 1_u8.hash(&mut hasher),
        Json::Number(number) => number.hash(&mut hasher),
        Json::String(text) => text.hash(&mut hasher),
        Json::Array(items) => {
            for item in items {
                number_of(item).hash(&mut hasher);
            }
        }
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let mut hasher = DefaultHasher::new();
                name.hash(&mut hasher);
                number_of(value).hash(&mut hasher);
                hasher.finish()
            });
            fields.fold(0, u64::wrapping_add).hash(&mut hasher);
        }
    }
    hasher.finish()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_elements_are_not_repeated() {
        let old = [json!(1), json!(0.0), json!({"a": 1, "b": [2]}), json!("1")];
        let new = [
            json!(-0.0),
            json!({"b": [2], "a": 1}),
            json!(1.0),
            json!("1"),
            json!(null),
        ];
        assert_eq!(missing(&new, &old), [json!(1.0), json!(null)]);
        assert_eq!(missing(&old, &[]), old);
    }

    #[test]
    fn long_lists_take_no_longer_than_their_length() {
        let list = |from: usize| (from..from + 200_000).map(Json::from).collect::<Vec<_>>();
        assert_eq!(missing(&list(0), &list(100_000)).len(), 100_000);
    }
}
