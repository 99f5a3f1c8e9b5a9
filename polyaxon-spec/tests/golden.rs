//! The golden cases from the files to the resource and the Dockerfiles, as users see them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use polyaxon_spec::dockerfile::{Dockerfile, generate};
use polyaxon_spec::source::Source;
use polyaxon_spec::{legacy, yaml};
use regex::Regex;
use serde_json::{Map, Value, json};

#[path = "../examples/golden/case.rs"]
mod case;

/// Sections of a result that are compared.
const SECTIONS: [&str; 4] = ["lineage", "k8s", "dockerfiles", "build_context"];

#[test]
fn every_case_has_the_verdict_and_the_objects_of_the_reference() {
    let mut found = Vec::new();
    let mut compared = 0;
    for folder in folders() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let read = |file: &str| -> Value {
            serde_json::from_slice(&fs::read(folder.join(file)).unwrap()).unwrap()
        };
        if read("case.json").get("reference_bug").is_some() {
            continue;
        }
        compared += 1;
        let expected = read("expected.json");
        let actual = case::Case::read(&folder).unwrap().compute();
        for (path, difference) in differences_of(&expected, &actual) {
            found.push(format!("{name} {path}: {difference} {}", actual["error"]));
        }
    }
    assert!(compared > 150, "{compared} cases");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Where the reference misbehaves, a sound result is asked for instead of an equal one.
#[test]
fn cases_in_which_the_reference_is_wrong_have_sound_results() {
    let of = |name: &str| {
        let folder = root().join(name);
        case::Case::read(&folder).unwrap().compute()
    };
    let main =
        |actual: &Value| actual["k8s"]["batchJobSpec"]["template"]["spec"]["containers"][0].clone();
    let variable = |actual: &Value, name: &str| {
        let env = main(actual)["env"].as_array().cloned().unwrap();
        env.into_iter()
            .find(|variable| variable["name"] == name)
            .map(|variable| variable["value"].clone())
    };
    let literal = of("env-literal-values");
    for (name, value) in [
        ("V", "1.10"),
        ("H", "0x10"),
        ("N", "None"),
        ("E", "1e3"),
        ("U", "1_0"),
    ] {
        assert_eq!(variable(&literal, name), Some(json!(value)), "{name}");
    }
    for name in ["conn-env-mapping", "conn-env-objects", "conn-env-pairs"] {
        assert_eq!(variable(&of(name), "A"), Some(json!("1")), "{name}");
    }
    let spec = |name: &str| of(name)["k8s"]["batchJobSpec"]["template"]["spec"].clone();
    assert_eq!(spec("environment-dns-none")["dnsPolicy"], "None");
    assert_eq!(spec("environment-host-pid")["hostPID"], true);
    assert!(!spec("environment-pod-security-context")["securityContext"]["fsGroup"].is_null());
    assert!(
        of("init-dockerfile-version-env")["dockerfiles"][0]["content"]
            .as_str()
            .is_some_and(|text| text.contains("ENV VERSION 1.10\n"))
    );
    for name in [
        "init-dockerfile-literal-run",
        "init-git-numeric-revision",
        "io-delay-validation",
        "io-delay-validation-deprecated",
        "plugins-sidecar-tag-number",
    ] {
        assert_eq!(
            of(name)["verdict"],
            "accepted",
            "{name}: {}",
            of(name)["error"]
        );
    }
    assert_eq!(of("reject-job-without-container")["verdict"], "rejected");
}

/// The reference rejects the old format; here it is translated, and these are the texts.
#[test]
fn the_old_format_is_translated() {
    for name in ["pip", "requirements", "setup"] {
        let name = format!("seed-legacy-steps-{name}");
        let text = fs::read(root().join(&name).join("operation.yaml")).unwrap();
        let source = Source::from_bytes("operation.yaml", &text).unwrap();
        let found = legacy::convert(&source).unwrap().unwrap();
        let pointer = "/build/runPatch/init/0/dockerfile";
        let fields = found.operation.pointer(pointer).unwrap();
        let dockerfile = Dockerfile::from_json(fields).unwrap();
        let text = format!(
            "{}\n{}",
            yaml::write(&found.operation),
            generate(&dockerfile)
        );
        insta::with_settings!({
            snapshot_path => "golden/legacy",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name.clone(), text);
        });
        let case = case::Case::read(&root().join(&name)).unwrap().compute();
        assert_eq!(case["verdict"], "accepted", "{}", case["error"]);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases")
}

fn folders() -> Vec<PathBuf> {
    let distributed = root().with_file_name("distributed");
    let mut folders: Vec<PathBuf> = [root(), distributed]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        // The v0 format is rejected by the reference and has to be translated.
        .filter(|path| path.is_dir() && !path.to_string_lossy().contains("seed-legacy-"))
        .collect();
    folders.sort();
    folders
}

fn differences_of(expected: &Value, actual: &Value) -> Vec<(String, String)> {
    if expected["verdict"] != actual["verdict"] {
        return vec![(
            "verdict".into(),
            format!(
                "expected {}, found {}",
                expected["verdict"], actual["verdict"]
            ),
        )];
    }
    let mut found = Vec::new();
    if expected["verdict"] == "accepted" {
        let build = |result: &Value| pruned(&result["build"]["operation"]);
        differences(
            "build.operation",
            &build(expected),
            &build(actual),
            &mut found,
        );
        for (of, prefix) in [("", ""), ("/build", "build.")] {
            let (expected, actual) = (expected.pointer(of), actual.pointer(of));
            let (Some(expected), Some(actual)) = (expected, actual) else {
                continue;
            };
            for section in SECTIONS {
                let (left, right) = (section_of(expected, section), section_of(actual, section));
                let path = format!("{prefix}{section}");
                differences(&path, &left, &right, &mut found);
            }
        }
    }
    found
}

/// One section in its canonical form.
fn section_of(result: &Value, section: &str) -> Value {
    let mut value = pruned(&result[section]);
    match section {
        "k8s" => walk(&mut value),
        "dockerfiles" => {
            for file in value.as_array_mut().into_iter().flatten() {
                let lines: Vec<String> = file["content"]
                    .as_str()
                    .unwrap_or_default()
                    .lines()
                    .map(|line| line.trim_end().to_owned())
                    .filter(|line| !line.is_empty())
                    .collect();
                file["content"] = json!(lines);
                if let Some(name) = file["container"].as_str().map(generic) {
                    file["container"] = json!(name);
                }
            }
        }
        _ => {}
    }
    value
}

/// Without nulls, empty lists and empty mappings; whole floats as integers.
fn pruned(value: &Value) -> Value {
    let is_nothing = |key: &str, value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty() && key != "emptyDir",
        _ => false,
    };
    match value {
        Value::Array(items) => items.iter().map(pruned).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, value)| (key.clone(), pruned(value)))
                .filter(|(key, value)| !is_nothing(key, value))
                .collect(),
        ),
        Value::Number(number) if number.is_f64() => match number.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the vectors have small numbers"
            )]
            Some(float) if float.fract() == 0.0 => json!(float as i64),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// A generated name without its suffix.
fn generic(name: &str) -> String {
    static GENERATED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            "^((?:polyaxon-init-(?:git|dockerfile|file|tb|artifacts|custom)|init|sidecar|container)(?:-.*)?)-[0-9a-f]{10}$",
        )
        .unwrap()
    });
    GENERATED.replace(name, "$1-*").into_owned()
}

fn walk(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            for key in ["containers", "initContainers"] {
                for container in fields
                    .get_mut(key)
                    .and_then(Value::as_array_mut)
                    .into_iter()
                    .flatten()
                {
                    canonical_container(container);
                }
            }
            for key in ["labels", "selector"] {
                if let Some(labels) = fields.get_mut(key).and_then(Value::as_object_mut) {
                    labels.shift_remove("app.kubernetes.io/version");
                }
            }
            for (key, value) in fields.iter_mut() {
                walk(value);
                let by = match key.as_str() {
                    "env" | "volumes" => "name",
                    "volumeMounts" => "mountPath",
                    "ports" => "containerPort",
                    _ => continue,
                };
                if let Some(items) = value.as_array_mut() {
                    items.sort_by_key(|item| item[by].to_string());
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(walk),
        _ => {}
    }
}

/// What users see of a container; how one of ours does its work is its own business.
fn canonical_container(container: &mut Value) {
    const JSON: [&str; 3] = ["--build-context=", "--file-context=", "--flags="];
    const SEEN: [&str; 6] = [
        "--url=",
        "--revision=",
        "--repo-path=",
        "--destination=",
        "--filepath=",
        "--connection=",
    ];
    let Some(fields) = container.as_object_mut() else {
        return;
    };
    let name = fields["name"].as_str().unwrap_or_default().to_owned();
    fields.insert("name".into(), json!(generic(&name)));
    let parse = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => json!({"<json>": pruned(&value)}),
        _ => json!(text),
    };
    for variable in fields
        .get_mut("env")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if variable["name"]
            .as_str()
            .is_some_and(|name| name.ends_with("_CATALOG"))
        {
            variable["value"] = parse(variable["value"].as_str().unwrap_or_default());
        }
    }
    let is_ours = name.starts_with("polyaxon-init-") || name == "polyaxon-sidecar";
    if !is_ours {
        return;
    }
    let image = fields
        .get("image")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if image.starts_with("polyaxon/polyaxon-init:")
        || image.starts_with("polyaxon/polyaxon-sidecar:")
    {
        fields.insert("image".into(), json!("<ours>"));
        fields.shift_remove("resources");
    }
    fields.shift_remove("command");
    let args: Vec<Value> = fields
        .shift_remove("args")
        .and_then(|args| args.as_array().cloned())
        .into_iter()
        .flatten()
        .filter_map(|arg| {
            let text = arg.as_str()?;
            if let Some(flag) = JSON.iter().find(|flag| text.starts_with(**flag)) {
                return Some(json!({ *flag: parse(&text[flag.len()..]) }));
            }
            SEEN.iter()
                .any(|flag| text.starts_with(flag))
                .then(|| arg.clone())
        })
        .collect();
    if !args.is_empty() {
        fields.insert("args".into(), Value::Array(args));
    }
    let env: Vec<Value> = fields
        .shift_remove("env")
        .and_then(|env| env.as_array().cloned())
        .into_iter()
        .flatten()
        .filter(|variable| {
            let is_secret = variable.to_string().contains("secretKeyRef");
            is_secret
                || !variable["name"]
                    .as_str()
                    .unwrap_or_default()
                    .starts_with("POLYAXON_")
        })
        .collect();
    if !env.is_empty() {
        fields.insert("env".into(), Value::Array(env));
    }
}

fn differences(path: &str, expected: &Value, actual: &Value, found: &mut Vec<(String, String)>) {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let of =
                |map: &Map<String, Value>, key: &str| map.get(key).cloned().unwrap_or_default();
            for key in keys {
                differences(
                    &format!("{path}.{key}"),
                    &of(left, key),
                    &of(right, key),
                    found,
                );
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{path}[{index}]"), left, right, found);
            }
        }
        _ if expected == actual => {}
        _ => found.push((
            path.to_owned(),
            format!("expected {expected}, found {actual}"),
        )),
    }
}
