//! The schema of `agent.yaml`: the catalog that compiling reads, and the settings of the agent itself.

use serde_json::{Map, Value, json};

use super::DIALECT;
use super::settings::settings;
use crate::agent_config::AgentConfig;
use crate::catalog::KINDS;

/// Fields are read in snake case too.
const SNAKE_CASE: &str = "^[a-z]+(_[a-z0-9]+)+$";

/// The schema of the configuration of an agent.
pub fn agent_config() -> Value {
    let mut described: Map<String, Value> = AgentConfig::catalog_keys()
        .iter()
        .map(|key| ((*key).to_owned(), root(key)))
        .collect();
    for (name, schema, description) in settings() {
        described.insert(name.to_owned(), nullable(&schema, description));
    }
    json!({
        "$schema": DIALECT,
        "title": "Polyaxon agent",
        "description": "The configuration of an agent",
        "type": "object",
        "properties": described,
        "patternProperties": {SNAKE_CASE: {}},
        "additionalProperties": false,
        "definitions": {
            "connection": connection(),
            "resource": resource(),
            "auxiliary": auxiliary(),
        },
    })
}

fn root(key: &str) -> Value {
    let text = json!({"type": "string"});
    let list_of =
        |name: &str| json!({"type": "array", "items": {"$ref": format!("#/definitions/{name}")}});
    let (mut schema, description) = match key {
        "namespace" => (text, "Namespace that runs go to when they name none."),
        "additionalNamespaces" => (
            json!({"type": "array", "items": text}),
            "Further namespaces that runs may name.",
        ),
        "artifactsStore" => (
            json!({"allOf": [
                {"$ref": "#/definitions/connection"},
                {"properties": {"kind": {"enum": ["host_path", "volume_claim", "gcs", "s3", "wasb"]}}},
            ]}),
            "Where artifacts are kept.",
        ),
        "connections" => (
            list_of("connection"),
            "Everything that runs can ask for by name.",
        ),
        "secrets" => (
            list_of("resource"),
            "Secrets of the agent; those with `isRequested` go into every run.",
        ),
        "configMaps" => (
            list_of("resource"),
            "ConfigMaps of the agent; those with `isRequested` go into every run.",
        ),
        "runsSa" => (text, "Service account of runs that name none."),
        "agentSecretName" => (text, "Secret with the agent's token."),
        "appSecretName" => (text, "Secret with the internal token."),
        "init" => (
            json!({"$ref": "#/definitions/auxiliary"}),
            "The init containers of the platform.",
        ),
        _ => (
            json!({"$ref": "#/definitions/auxiliary"}),
            "The sidecar of the platform.",
        ),
    };
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("description".into(), description.into());
    }
    json!({"anyOf": [schema, {"type": "null"}], "description": description})
}

/// A field that may be null, with its description.
pub(super) fn nullable(schema: &Value, description: &str) -> Value {
    json!({"anyOf": [schema, {"type": "null"}], "description": description})
}

/// A closed section: fields with their schemas and descriptions.
pub(super) fn section(required: &[&str], fields: &[(&str, Value, &str)]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, schema, description)| ((*name).to_owned(), nullable(schema, description)))
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "patternProperties": {SNAKE_CASE: {}},
        "additionalProperties": false,
        "required": required,
    })
}

fn connection() -> Value {
    let resource = json!({"$ref": "#/definitions/resource"});
    section(
        &["name", "kind"],
        &[
            (
                "name",
                json!({"type": "string"}),
                "Name, unique among the connections.",
            ),
            (
                "kind",
                json!({"enum": KINDS.as_slice()}),
                "What it connects to.",
            ),
            (
                "description",
                json!({"type": "string"}),
                "What it is for, for people.",
            ),
            (
                "tags",
                json!({"type": "array", "items": {"type": "string"}}),
                "Words to find it by.",
            ),
            (
                "isAlias",
                json!({"type": "boolean"}),
                "Whether it is another name for the same thing.",
            ),
            (
                "schema",
                json!({"type": "object"}),
                "Where it is: `url`, `bucket`, `volumeClaim` and `mountPath`, ...",
            ),
            ("secret", resource.clone(), "Its credentials."),
            ("configMap", resource, "Its settings."),
            (
                "env",
                json!({"type": ["array", "object"]}),
                "Variables for the containers that ask for it.",
            ),
            (
                "annotations",
                json!({"type": "object"}),
                "Annotations for the pods that ask for it.",
            ),
        ],
    )
}

fn resource() -> Value {
    section(
        &["name"],
        &[
            (
                "name",
                json!({"type": "string"}),
                "Name of the Secret or ConfigMap.",
            ),
            (
                "mountPath",
                json!({"type": "string"}),
                "Folder for its keys; without it they become variables.",
            ),
            (
                "hostPath",
                json!({"type": "string"}),
                "Kept for files that have it; nothing reads it.",
            ),
            (
                "items",
                json!({"type": "array", "items": {"type": "string"}}),
                "The keys to use; all when empty.",
            ),
            (
                "defaultMode",
                json!({"type": ["string", "integer"]}),
                "File mode, octal text as `\"0600\"`.",
            ),
            (
                "isRequested",
                json!({"type": "boolean"}),
                "Whether every run gets it.",
            ),
        ],
    )
}

fn auxiliary() -> Value {
    let seconds = json!({"type": "integer"});
    section(
        &[],
        &[
            ("image", json!({"type": "string"}), "Image without tag."),
            ("imageTag", json!({"type": "string"}), "Tag of the image."),
            (
                "imagePullPolicy",
                json!({"type": "string"}),
                "`Always`, `IfNotPresent` or `Never`.",
            ),
            (
                "resources",
                json!({"type": "object"}),
                "Requests and limits, as Kubernetes writes them.",
            ),
            (
                "sleepInterval",
                seconds.clone(),
                "Seconds between two looks at the main container.",
            ),
            (
                "syncInterval",
                seconds,
                "Seconds between two rounds of collecting.",
            ),
            (
                "monitorLogs",
                json!({"type": "boolean"}),
                "Whether logs are collected.",
            ),
            (
                "monitorSpec",
                json!({"type": "boolean"}),
                "Whether the specification of the pod is collected.",
            ),
        ],
    )
}
