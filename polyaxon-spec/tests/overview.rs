//! Operations and components with every field of the orchestration sections and of the runs of several pods: they are
//! read, fit the schema, and each field is refused under another name.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use polyaxon_spec::catalog::Catalog;
use polyaxon_spec::compose::compose;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::resolve::{RunContext, preview};
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;
use serde_json::{Value, json};

/// The fields by section, as the reference documentation lists them.
const FIELDS: &[(&str, &str, &str)] = &[
    (
        "dag",
        "/run",
        "kind operations components environment connections volumes concurrency earlyStopping",
    ),
    (
        "matrix-mapping",
        "/matrix",
        "kind values concurrency earlyStopping",
    ),
    (
        "matrix-mapping",
        "/matrix/earlyStopping/0",
        "kind metric value optimization policy",
    ),
    ("matrix-mapping", "/matrix/earlyStopping/3", "kind percent"),
    (
        "matrix-grid",
        "/matrix",
        "kind params numRuns concurrency earlyStopping",
    ),
    (
        "matrix-random",
        "/matrix",
        "kind params numRuns seed concurrency earlyStopping",
    ),
    (
        "matrix-random",
        "/matrix/params",
        "choice pchoice range daterange datetimerange linspace logspace geomspace uniform quniform \
         loguniform qloguniform normal qnormal lognormal qlognormal",
    ),
    (
        "matrix-hyperband",
        "/matrix",
        "kind params maxIterations eta resource metric resume seed tuner concurrency",
    ),
    (
        "matrix-bayes",
        "/matrix",
        "kind utilityFunction numInitialRuns maxIterations metric params seed concurrency tuner",
    ),
    (
        "matrix-tpe",
        "/matrix",
        "kind maxIterations metric params numRuns seed concurrency tuner",
    ),
    (
        "matrix-iterative",
        "/matrix",
        "kind params maxIterations seed concurrency tuner",
    ),
    (
        "schedule-interval",
        "/schedule",
        "kind frequency startAt endAt maxRuns dependsOnPast",
    ),
    (
        "schedule-cron",
        "/schedule",
        "kind cron startAt endAt maxRuns dependsOnPast",
    ),
    ("schedule-datetime", "/schedule", "kind startAt"),
    ("joins", "/joins/0", "ref query sort limit offset params"),
    ("events", "/events/0", "kinds ref"),
    (
        "tfjob",
        "/run",
        "kind cleanPodPolicy schedulingPolicy enableDynamicWorker successPolicy chief ps worker evaluator",
    ),
    (
        "tfjob",
        "/run/chief",
        "replicas environment connections volumes init sidecars container",
    ),
    (
        "pytorchjob",
        "/run",
        "kind cleanPodPolicy schedulingPolicy elasticPolicy nProcPerNode master worker",
    ),
    (
        "mpijob",
        "/run",
        "kind cleanPodPolicy schedulingPolicy slotsPerWorker launcher worker",
    ),
    (
        "raycluster",
        "/run",
        "kind entrypoint runtimeEnv metadata rayVersion head workers enableInTreeAutoscaling autoscalerOptions",
    ),
    (
        "raycluster",
        "/run/head",
        "replicas environment connections volumes init sidecars container minReplicas maxReplicas \
         rayStartParams",
    ),
    (
        "daskcluster",
        "/run",
        "kind worker scheduler minReplicas maxReplicas",
    ),
];

/// Mappings of names that the file chooses.
const OPEN: &[&str] = &["/matrix/params"];

fn written(name: &str) -> Value {
    let file = format!("{name}.yaml");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/overview")
        .join(&file);
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let source = Source::from_bytes(&file, &text).unwrap_or_else(|report| panic!("{report}"));
    let (node, warnings) = yaml::read(&source).unwrap_or_else(|report| panic!("{report}"));
    assert!(warnings.is_empty(), "{name}: {warnings:?}");
    node.to_json()
}

fn read(name: &str, value: &Value) -> Result<Operation, String> {
    let source = Source::new(format!("{name}.yaml"), value.to_string());
    Operation::read(&source, &[], &Flags::default())
        .map(|(operation, _)| operation)
        .map_err(|report| report.to_string())
}

fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = FIELDS.iter().map(|(name, ..)| *name).collect();
    names.dedup();
    names
}

#[test]
fn every_field_is_read_and_kept() {
    for (name, section, fields) in FIELDS {
        let file = written(name);
        let found = file.pointer(section).and_then(Value::as_object);
        let found: Vec<&str> = found
            .unwrap_or_else(|| panic!("{name} has no {section}"))
            .keys()
            .map(String::as_str)
            .collect();
        let mut expected: Vec<&str> = fields.split_whitespace().collect();
        let mut sorted = found.clone();
        sorted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(sorted, expected, "{name}{section}");
    }
}

#[test]
fn every_file_is_compiled_as_far_as_it_goes() {
    let catalog: Catalog = serde_json::from_value(json!({
        "connections": [{"name": "c", "kind": "slack"}],
    }))
    .expect("a catalog");
    for name in names() {
        let operation = read(name, &written(name)).unwrap_or_else(|error| panic!("{error}"));
        let compiled = compose(&operation).unwrap_or_else(|report| panic!("{name}: {report}"));
        let resolved = preview(&compiled, &RunContext::default(), &catalog)
            .unwrap_or_else(|report| panic!("{name}: {report}"));
        let file = written(name);
        for section in ["matrix", "schedule", "joins", "events"] {
            let kept = resolved.document.get(section);
            assert_eq!(kept.is_some(), file.get(section).is_some(), "{name}");
        }
    }
}

#[test]
fn a_field_under_another_name_is_refused_at_its_place() {
    for (name, section, fields) in FIELDS {
        if OPEN.contains(section) {
            continue;
        }
        for field in fields.split_whitespace() {
            let mut file = written(name);
            let object = file.pointer_mut(section).and_then(Value::as_object_mut);
            let object = object.unwrap_or_else(|| panic!("{name} has no {section}"));
            let value = object.shift_remove(field).expect("the field");
            object.insert(format!("{field}X"), value);
            let error = read(name, &file).err();
            let error = error.unwrap_or_else(|| panic!("{name}{section}/{field}X is taken"));
            assert!(
                error.contains(&format!("`{field}X`")) || field == "kind",
                "{error}"
            );
        }
    }
}
