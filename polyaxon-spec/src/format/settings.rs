//! The order of an agent's file: that of its schema.

use serde_json::Value as Json;

use super::order::sort;
use super::tree::{Block, File, Value};
use crate::model::ROOT;
use crate::schema::agent_config;
use crate::yaml::camel;

/// Whether a file is that of an agent: it says something that only agents have, and nothing that only runs have.
pub(super) fn is_agents(file: &File) -> bool {
    let schema = agent_config();
    let is_known = |name: &str| {
        schema
            .pointer("/properties")
            .and_then(|p| p.get(name))
            .is_some()
    };
    let mut keys = file.root.children.iter().map(|child| camel(&child.key));
    let (of_agents, of_runs) = keys
        .try_fold((0, 0), |(agents, runs), key| {
            match (is_known(&key), ROOT.field(&key).is_some()) {
                (true, false) => Some((agents + 1, runs)),
                (false, true) => Some((agents, runs + 1)),
                (true, true) => Some((agents, runs)),
                (false, false) => None,
            }
        })
        .unwrap_or_default();
    of_agents > 0 && of_runs == 0
}

/// Brings the settings into order.
pub(super) fn arrange(file: &mut File) {
    let schema = agent_config();
    section(&mut file.root, &schema, &schema);
}

fn section(block: &mut Block, schema: &Json, root: &Json) {
    let found = described(schema, root);
    if block.is_sequence {
        if let Some(items) = found.get("items") {
            for child in &mut block.children {
                if let Value::Block { block, .. } = &mut child.value {
                    section(block, items, root);
                }
            }
        }
        return;
    }
    let Some(properties) = found.get("properties").and_then(Json::as_object) else {
        return;
    };
    for child in &mut block.children {
        if let (Some(schema), Value::Block { block, .. }) =
            (properties.get(&camel(&child.key)), &mut child.value)
        {
            section(block, schema, root);
        }
    }
    sort(block, |name| {
        properties.keys().position(|known| known == name)
    });
}

/// The part of a schema that names fields or items: what it refers to, or the first of its choices that does.
fn described<'a>(schema: &'a Json, root: &'a Json) -> &'a Json {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let target = reference
            .strip_prefix('#')
            .and_then(|path| root.pointer(path));
        return target.unwrap_or(schema);
    }
    let choices = ["anyOf", "allOf"]
        .iter()
        .find_map(|key| schema.get(key)?.as_array());
    choices
        .into_iter()
        .flatten()
        .map(|choice| described(choice, root))
        .find(|choice| choice.get("properties").is_some() || choice.get("items").is_some())
        .unwrap_or(schema)
}
