//! Artifacts that are known before the run.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::connections::{init_names, run_names};
use crate::catalog::Catalog;
use crate::model::Io;
use crate::params::{Section, items_of_type};

/// The image of each image-typed input and output, completed by the url of its connection, if the run asks for that
/// one; null where it has no value.
pub(super) fn known(document: &Value, catalog: &Catalog) -> Vec<Value> {
    let run = document.get("run").unwrap_or(&Value::Null);
    let mut requested = run_names(run);
    requested.extend(init_names(run));
    items_of_type(document, "image")
        .filter(|(section, _)| *section != Section::Contexts)
        .filter_map(|(section, item)| Some((section, Io::deserialize(item).ok()?)))
        .map(|(section, io)| {
            let url = io
                .connection
                .as_ref()
                .filter(|name| requested.contains(name))
                .and_then(|name| catalog.connection(name)?.url());
            let value = io.value.as_ref().and_then(Value::as_str);
            let image = value.map(|value| match url {
                Some(url) => format!("{url}/{value}"),
                None => value.to_owned(),
            });
            let mut artifact = Map::new();
            artifact.insert("name".into(), json!(io.name));
            artifact.insert("kind".into(), json!("docker_image"));
            artifact.insert("summary".into(), json!({ "image": image }));
            if let Some(connection) = &io.connection {
                artifact.insert("connection".into(), json!(connection));
            }
            let is_input = section == Section::Inputs;
            artifact.insert("is_input".into(), json!(is_input));
            Value::Object(artifact)
        })
        .collect()
}
