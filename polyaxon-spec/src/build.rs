//! The `build` section: the operation of the run that makes the image, and the image in the run that waits for it.

use serde_json::{Map, Value, json};

use crate::compose::CompiledOperation;
use crate::diagnostic::Report;
use crate::model::{is_replica, replicas_of};
use crate::operation::Operation;
use crate::params::{self, declarations, has_template};
use crate::resolve::ResolvedOperation;

/// Where the image of a build goes when nothing is said: a name that no other build has.
const DESTINATION: &str = "{{ globals.project_name }}:{{ globals.uuid }}";

/// Fields of the section that are fields of the operation too.
const SHARED: [&str; 7] = [
    "hubRef",
    "presets",
    "queue",
    "namespace",
    "cache",
    "runPatch",
    "patchStrategy",
];

/// The operation of the run that builds the image, if there is a `build` section. Its component is still to be
/// fetched. It knows the params of the section, the literal values of the run that waits, and a `destination`.
///
/// # Errors
///
/// When the params of the run that waits are wrong, and when the section is; a composed one never is.
pub fn operation(compiled: &CompiledOperation) -> Result<Option<Operation>, Report> {
    let Some(build) = compiled.document.get("build").and_then(Value::as_object) else {
        return Ok(None);
    };
    let document = params::apply(compiled)?;
    let mut fields = Map::new();
    for name in SHARED {
        if let Some(value) = build.get(name).filter(|value| !value.is_null()) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    fields.insert("params".into(), Value::Object(params_of(build, &document)));
    Operation::from_json(&Value::Object(fields)).map(Some)
}

fn params_of(build: &Map<String, Value>, document: &Value) -> Map<String, Value> {
    let mut params = match build.get("params") {
        Some(Value::Object(params)) => params.clone(),
        _ => Map::new(),
    };
    for declaration in declarations(document) {
        let value = declaration.io.value.filter(|value| !value.is_null());
        if let Some(value) = value.filter(|value| !has_template(value)) {
            let literal = json!({"value": value, "contextOnly": true});
            params.insert(declaration.io.name, literal);
        }
    }
    let destination = params
        .entry("destination")
        .or_insert_with(|| json!({}))
        .as_object_mut();
    if let Some(destination) = destination {
        let is_set = |value: Option<&Value>| match value {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        };
        if !is_set(destination.get("value")) {
            destination.insert("value".into(), DESTINATION.into());
        }
        if let Some(connection) = build.get("connection").filter(|name| is_set(Some(name))) {
            destination.insert("connection".into(), connection.clone());
        }
    }
    params
}

impl ResolvedOperation {
    /// The same operation with the image that was built for it, in the main container of every replica.
    #[must_use]
    pub fn with_image(mut self, image: &str) -> Self {
        let Some(run) = self.document.get_mut("run").and_then(Value::as_object_mut) else {
            return self;
        };
        let kind = run
            .get("kind")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if replicas_of(&kind).is_none() {
            set_image(run, image);
            return self;
        }
        for (name, section) in run.iter_mut() {
            let Some(section) = section.as_object_mut() else {
                continue;
            };
            if name == "workers" {
                for replica in section.values_mut().filter_map(Value::as_object_mut) {
                    set_image(replica, image);
                }
            } else if is_replica(&kind, name) {
                set_image(section, image);
            }
        }
        self
    }
}

fn set_image(replica: &mut Map<String, Value>, image: &str) {
    let container = replica.entry("container").or_insert_with(|| json!({}));
    if container.is_null() {
        *container = json!({});
    }
    if let Some(container) = container.as_object_mut() {
        container.insert("image".into(), image.into());
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
