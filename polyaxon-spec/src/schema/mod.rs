//! JSON Schemas for editors, made from the tables that files are checked by.
//!
//! A schema describes the spelling in camel case; names in snake case are accepted below the root and not described.
//! What only the checker knows, such as rules over several fields, is left to it.

mod agent;
mod descriptions;
mod settings;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::model::{Field, Kind, Model, PORT, ROOT, any_run, mount, param, runtimes};

pub use agent::agent_config;

/// The dialect; the one that language servers know best.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// The schema of an operation file.
pub fn operation() -> Value {
    file("operation", "A request to run a component")
}

/// The schema of a component file.
pub fn component() -> Value {
    file(
        "component",
        "Something that can be run, with its inputs and outputs",
    )
}

fn file(kind: &str, description: &str) -> Value {
    let mut schemas = Schemas::default();
    let root = schemas.model(&ROOT, true);
    let mut schema = json!({
        "$schema": DIALECT,
        "title": format!("Polyaxon {kind}"),
        "description": description,
        "allOf": [root, {"properties": {"kind": {"const": kind}}}],
    });
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("definitions".into(), Value::Object(schemas.definitions));
    }
    schema
}

/// The definitions that were needed so far.
#[derive(Default)]
struct Schemas {
    definitions: Map<String, Value>,
}

impl Schemas {
    /// A section; its definition is written once.
    fn model(&mut self, model: &'static Model, is_root: bool) -> Value {
        let name = definition_name(model, is_root);
        let reference = json!({"$ref": format!("#/definitions/{name}")});
        if self.definitions.contains_key(&name) {
            return reference;
        }
        // A section may contain itself.
        self.definitions.insert(name.clone(), Value::Null);
        let mut properties = Map::new();
        for field in model.fields {
            properties.insert(field.name.to_owned(), self.field(model, field));
        }
        let required: Vec<&str> = model
            .fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.name)
            .collect();
        let mut schema = json!({
            "type": "object",
            "description": format!("The fields of {}.", model.name),
            "properties": properties,
            "additionalProperties": false,
        });
        if let Some(fields) = schema.as_object_mut() {
            if !required.is_empty() {
                fields.insert("required".into(), json!(required));
            }
            if !is_root {
                fields.insert(
                    "patternProperties".into(),
                    json!({"^[a-z]+(_[a-z0-9]+)+$": {}}),
                );
            }
        }
        self.definitions.insert(name, schema);
        reference
    }

    /// A field: its kind, nothing, or a template.
    fn field(&mut self, model: &'static Model, field: &'static Field) -> Value {
        let mut kinds = match custom(model, field) {
            None if field.name == "mount" => {
                let entry = self.model(mount(), false);
                vec![json!({"type": "array", "items": {"anyOf": [{"type": "string"}, entry]}})]
            }
            Some(schema) => vec![schema],
            None => vec![self.kind(&field.kind)],
        };
        kinds.push(json!({"type": "null"}));
        if field.templated && !matches!(field.kind, Kind::Text | Kind::Any | Kind::Tags) {
            kinds.push(template());
        }
        let mut schema = json!({"anyOf": kinds});
        if let (Some(text), Some(fields)) = (
            descriptions::of(model.name, field.name),
            schema.as_object_mut(),
        ) {
            fields.insert("description".into(), text.into());
        }
        schema
    }

    fn kind(&mut self, kind: &'static Kind) -> Value {
        match kind {
            Kind::Custom(_) if std::ptr::eq(kind, &raw const PORT) => {
                json!({"type": "integer", "minimum": 1, "maximum": 65535})
            }
            Kind::Any | Kind::Custom(_) => json!({}),
            Kind::Text => json!({"type": "string"}),
            Kind::Bool => json!({"type": "boolean"}),
            Kind::Integer => json!({"type": "integer"}),
            Kind::Number => {
                json!({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^-?[0-9.]+$"}]})
            }
            Kind::OneOf(words) => json!({"enum": words}),
            Kind::Tags => {
                json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
            }
            Kind::TextMap => json!({
                "type": "object",
                "additionalProperties": {"not": {"type": "null"}},
            }),
            Kind::Map => json!({"type": "object"}),
            Kind::Params(short) => {
                let param = self.model(param(), false);
                let value = if *short {
                    json!({"anyOf": [param, {}]})
                } else {
                    param
                };
                json!({"type": "object", "additionalProperties": value})
            }
            Kind::List(item) => json!({"type": "array", "items": self.kind(item)}),
            Kind::Model(model) => self.model(model, false),
            Kind::Tagged(models) => self.tagged(models),
            Kind::Kubernetes(object) => {
                let properties: Map<String, Value> = object
                    .fields
                    .iter()
                    .map(|name| ((*name).to_owned(), json!({})))
                    .collect();
                json!({
                    "type": "object",
                    "description": format!("The fields of {}, as Kubernetes writes them.", object.name),
                    "properties": properties,
                    "patternProperties": {"^[a-z]+(_[a-z0-9]+)+$": {}},
                    "additionalProperties": false,
                    "required": object.required.into_iter().collect::<Vec<_>>(),
                })
            }
            Kind::Run => {
                let mut run = self.tagged(runtimes());
                let patch = self.model(any_run(), false);
                if let Some(kinds) = run.get_mut("anyOf").and_then(Value::as_array_mut) {
                    kinds.push(json!({"allOf": [patch, {"not": {"required": ["kind"]}}]}));
                }
                run
            }
            Kind::RunPatch => self.model(any_run(), false),
            Kind::Component => self.model(&ROOT, false),
        }
    }

    /// One of several sections, told apart by their `kind`.
    fn tagged(&mut self, models: &'static [(&'static str, &'static Model)]) -> Value {
        let choices: Vec<Value> = models
            .iter()
            .map(|(kind, model)| {
                let section = self.model(model, false);
                json!({
                    "allOf": [section, {"required": ["kind"], "properties": {"kind": {"const": kind}}}],
                })
            })
            .collect();
        json!({"anyOf": choices})
    }
}

fn template() -> Value {
    json!({"type": "string", "pattern": "\\{[{%]"})
}

/// A name without blanks; the root and the same section inside of it differ in their spelling.
fn definition_name(model: &Model, is_root: bool) -> String {
    let name = model.name;
    let name = ["a ", "an ", "the "]
        .iter()
        .find_map(|article| name.strip_prefix(article))
        .unwrap_or(name);
    let suffix = if is_root { "-file" } else { "" };
    format!("{}{suffix}", name.replace(' ', "-"))
}

/// Fields whose values have their own code.
fn custom(model: &Model, field: &Field) -> Option<Value> {
    if !matches!(field.kind, Kind::Custom(_)) {
        return None;
    }
    let pairs = || {
        json!({
            "type": "array",
            "items": {"anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2},
            ]},
        })
    };
    Some(match (model.name, field.name) {
        (_, "version" | "priority") => json!({"type": ["number", "string"]}),
        (_, "uid" | "gid" | "timeout" | "numWarmup" | "numIterations" | "numRestartsOptimizer") => {
            json!({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]})
        }
        (_, "eta") => json!({"type": "number", "minimum": 0}),
        (_, "port") => json!({"type": ["integer", "string"]}),
        ("a Polyaxonfile", "kind") => {
            json!({"enum": ["operation", "component", "compiled_operation"]})
        }
        ("a Polyaxonfile", "name") => {
            json!({"anyOf": [{"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}, template()]})
        }
        (_, "hubRef" | "image") => json!({"type": "string"}),
        (_, "cmd" | "uuids") => {
            json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
        }
        ("a Polyaxonfile", "env") | ("a raycluster" | "a run", "metadata") => {
            json!({"type": "object", "additionalProperties": {"type": "string"}})
        }
        (_, "env") => json!({"type": ["object", "array"]}),
        (_, "paths") => json!({"anyOf": [{"type": "string"}, pairs()]}),
        (_, "files" | "dirs" | "copy" | "postRunCopy") => pairs(),
        (_, "frequency" | "startAt" | "endAt") => json!({"type": ["string", "number"]}),
        (_, "concurrency" | "numRuns" | "maxIterations" | "numInitialRuns") => {
            json!({"type": "integer", "minimum": 1})
        }
        (_, "params" | "workers" | "resources") => json!({"type": "object"}),
        _ => return None,
    })
}
