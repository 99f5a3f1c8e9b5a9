use serde_json::{Value, json};

use super::*;
use crate::compose::compose;

fn compiled(document: &Value) -> CompiledOperation {
    let operation = Operation::from_json(document).unwrap_or_else(|error| panic!("{error}"));
    compose(&operation).unwrap_or_else(|error| panic!("{error}"))
}

fn with_build(build: &Value) -> CompiledOperation {
    compiled(&json!({
        "build": build,
        "params": {"lr": 0.5, "where": "{{ globals.uuid }}"},
        "component": {
            "inputs": [{"name": "lr", "type": "float"}, {"name": "steps", "type": "int", "value": 3}],
            "run": {"kind": "job", "container": {"image": "old"}},
        },
    }))
}

fn derived(build: &Value) -> Value {
    operation(&with_build(build))
        .unwrap_or_else(|error| panic!("{error}"))
        .map_or(Value::Null, |operation| operation.to_json())
}

#[test]
fn the_build_knows_the_literal_values_of_the_run() {
    let derived =
        derived(&json!({"hubRef": "kaniko", "connection": "registry", "queue": "builds"}));
    assert_eq!(
        derived,
        json!({
            "hubRef": "kaniko",
            "queue": "builds",
            "params": {
                "lr": {"value": 0.5, "contextOnly": true},
                "steps": {"value": 3, "contextOnly": true},
                "destination": {
                    "value": "{{ globals.project_name }}:{{ globals.uuid }}",
                    "connection": "registry",
                },
            },
        })
    );
}

#[test]
fn the_connection_of_the_section_beats_that_of_the_param() {
    for (section, expected) in [
        (json!({"hubRef": "k", "connection": "a"}), json!("a")),
        (json!({"hubRef": "k"}), json!("b")),
    ] {
        let mut section = section;
        section["params"] = json!({"destination": {"value": "x:1", "connection": "b"}});
        let destination = derived(&section)["params"]["destination"].clone();
        assert_eq!(destination["connection"], expected);
        assert_eq!(destination["value"], "x:1");
    }
}

#[test]
fn without_the_section_there_is_no_build() {
    let compiled = compiled(&json!({"component": {"run": {"kind": "job", "container": {}}}}));
    assert!(operation(&compiled).is_ok_and(|found| found.is_none()));
}

#[test]
fn the_image_goes_into_every_replica() {
    let with = |run: Value| {
        ResolvedOperation {
            document: json!({ "run": run }),
            lineage: Vec::new(),
        }
        .with_image("new")
        .document["run"]
            .clone()
    };
    assert_eq!(
        with(json!({"kind": "job"})),
        json!({"kind": "job", "container": {"image": "new"}})
    );
    assert_eq!(
        with(json!({
            "kind": "tfjob",
            "schedulingPolicy": {"queue": "q"},
            "chief": {"container": {"image": "old", "command": ["a"]}},
            "worker": {"replicas": 2},
        })),
        json!({
            "kind": "tfjob",
            "schedulingPolicy": {"queue": "q"},
            "chief": {"container": {"image": "new", "command": ["a"]}},
            "worker": {"replicas": 2, "container": {"image": "new"}},
        })
    );
    assert_eq!(
        with(json!({"kind": "raycluster", "workers": {"small": {"container": null}}})),
        json!({"kind": "raycluster", "workers": {"small": {"container": {"image": "new"}}}})
    );
}
