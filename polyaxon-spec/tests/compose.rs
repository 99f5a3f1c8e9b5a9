//! The golden cases up to composition: what the client sends, and what is composed of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use polyaxon_spec::compose::{CompiledOperation, compose};
use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::params;
use polyaxon_spec::refs::{HubRef, ReferenceKind};
use polyaxon_spec::source::Source;
use serde_json::{Map, Value, json};

/// Differences on the way that are none at the end: the start of the path, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "environment-all operation.runPatch.environment.",
        "labels and annotations become text when they are read",
    ),
    (
        "seed-hub-flag-latest operation.version",
        "composition takes the version from the component",
    ),
];

struct Case {
    folder: PathBuf,
    options: Value,
    expected: Value,
}

impl Case {
    fn name(&self) -> String {
        self.folder
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    }

    fn source(&self, file: &str) -> Source {
        Source::from_bytes(file, &fs::read(self.folder.join(file)).unwrap()).unwrap()
    }

    fn texts(&self, key: &str) -> Vec<String> {
        let items = self.options[key].as_array().into_iter().flatten();
        items
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    }

    fn text(&self, key: &str) -> Option<String> {
        self.options[key].as_str().map(str::to_owned)
    }

    fn flags(&self) -> Flags {
        Flags {
            params: self.texts("params"),
            presets: self.texts("presets"),
            queue: self.text("queue"),
            namespace: self.text("namespace"),
            cache: (self.options["nocache"] == true).then_some(false),
            strict_params: self.options["strict_params"].as_bool(),
            ..Flags::default()
        }
    }

    /// The file that a reference leads to.
    fn fetch(&self, kind: ReferenceKind, value: &str) -> Option<String> {
        let file = match kind {
            ReferenceKind::Hub => {
                let key = HubRef::parse(value).ok()?.to_string();
                self.options["hub"].get(&key)?
            }
            ReferenceKind::Url => self.options["urls"].get(value)?,
            ReferenceKind::Path => return Some(value.to_owned()),
        };
        Some(file.as_str()?.to_owned())
    }

    fn operation(&self) -> Result<Operation, Report> {
        let overlays: Vec<Source> = self
            .texts("overlays")
            .iter()
            .map(|file| self.source(file))
            .collect();
        let flags = self.flags();
        let (mut operation, _) = if let Some(hub_ref) = self.text("hub_ref") {
            Operation::for_hub(&hub_ref, &overlays, &flags)?
        } else if let Some(url) = self.text("url_ref") {
            let file = self.fetch(ReferenceKind::Url, &url).unwrap();
            Operation::for_url(&url, &self.source(&file), &overlays, &flags)?
        } else {
            let file = self.text("operation").unwrap_or("operation.yaml".into());
            Operation::read(&self.source(&file), &overlays, &flags)?
        };
        loop {
            let references = operation.references();
            let Some((reference, file)) = references.iter().find_map(|reference| {
                Some((reference, self.fetch(reference.kind, &reference.value)?))
            }) else {
                return Ok(operation);
            };
            operation.attach(reference, &self.source(&file))?;
        }
    }

    /// What the client checks before it submits.
    fn checked(&self) -> Result<(), Report> {
        let (_, compiled) = self.compiled()?;
        params::check_document(&compiled.document, &compiled.params)
    }

    fn compiled(&self) -> Result<(Operation, CompiledOperation), Report> {
        let operation = self.operation()?;
        let compiled = compose(&operation)?;
        Ok((operation, compiled))
    }
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let json =
        |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| Case {
            options: json(folder.join("case.json")),
            expected: json(folder.join("expected.json")),
            folder,
        })
        .filter(|case| case.options["kind"] != "dockerfile")
        .collect()
}

/// The canonical form of the golden vectors: nothing that is empty, whole floats as integers.
fn canonical(value: &Value) -> Value {
    let is_nothing = |value: &Value| {
        value.is_null()
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty)
    };
    match value {
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), canonical(value)))
                .filter(|(key, value)| key == "emptyDir" || !is_nothing(value))
                .collect(),
        ),
        Value::Number(number) => match number.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the vectors have small numbers"
            )]
            Some(float) if number.is_f64() && float.fract() == 0.0 => json!(float as i64),
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// Where two values differ, as `path: expected, actual`.
fn differences(path: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                differences(&format!("{path}.{key}"), &of(left), &of(right), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                differences(&format!("{path}[{index}]"), left, right, found);
            }
        }
        _ if expected == actual => {}
        _ => found.push(format!("{path}: expected {expected}, found {actual}")),
    }
}

#[test]
fn accepted_cases_compose_as_in_the_reference() {
    let mut found = Vec::new();
    let accepted = cases()
        .into_iter()
        .filter(|case| case.expected["verdict"] == "accepted");
    let mut compared = 0;
    for case in accepted {
        compared += 1;
        let mut compare = |what: &str, expected: &Value, actual: &Value| {
            let path = format!("{} {what}", case.name());
            differences(&path, &canonical(expected), &canonical(actual), &mut found);
        };
        let (operation, compiled) = match case.compiled() {
            Ok(done) => done,
            Err(report) => {
                found.push(format!("{}: {report}", case.name()));
                continue;
            }
        };
        compare(
            "operation",
            &case.expected["check"]["operation"],
            &operation.to_json(),
        );
        let Some(expected) = case.expected["compiled"].as_object() else {
            continue;
        };
        let mut expected = expected.clone();
        // Params without a declaration are added when params are applied.
        expected.remove("contexts");
        compare("compiled", &Value::Object(expected), &compiled.document);
        let params = serde_json::to_value(&compiled.params).unwrap();
        compare("params", &case.expected["params"], &params);
    }
    found.retain(|line| !DIFFERENT.iter().any(|(start, _)| line.starts_with(start)));
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(compared > 0, "there are no cases");
}

#[test]
fn the_wire_forms_read_back_equal() {
    for case in cases() {
        let Ok((operation, compiled)) = case.compiled() else {
            continue;
        };
        let wire = operation.to_json();
        let again = Operation::from_json(&wire).unwrap();
        assert_eq!(again.to_json(), wire, "{}", case.name());
        let composed = compose(&again).unwrap();
        assert_eq!(composed, compiled, "{}", case.name());
        let again = CompiledOperation::from_json(compiled.to_json()).unwrap();
        assert_eq!(again, compiled, "{}", case.name());
    }
}

#[test]
fn cases_that_the_client_rejects_are_rejected() {
    let mut accepted = Vec::new();
    for case in cases() {
        // The old format is translated here.
        let is_sound =
            case.options.get("reference_bug").is_none() && !case.name().starts_with("seed-legacy-");
        if case.expected["error"]["stage"] == "check" && is_sound && case.checked().is_ok() {
            accepted.push((case.name(), case.expected["error"]["message"].clone()));
        }
    }
    assert_eq!(accepted, Vec::new());
}

/// The same patch as a preset and as the operation gives the same run.
#[test]
fn presets_patch_as_operations_do() {
    let all = cases();
    let find = |name: String| all.iter().find(|case| case.name() == name).unwrap();
    for strategy in ["post-merge", "pre-merge", "replace", "isnull"] {
        let case = find(format!("patch-preset-{strategy}"));
        let (_, mut compiled) = case.compiled().unwrap();
        for preset in compiled
            .presets()
            .iter()
            .map(|name| format!("presets/{name}.yaml"))
            .collect::<Vec<_>>()
        {
            compiled.apply_preset(&case.source(&preset)).unwrap();
        }
        let expected = &find(format!("patch-operation-{strategy}")).expected["compiled"];
        let mut found = Vec::new();
        for section in ["run", "plugins", "termination", "description"] {
            differences(
                section,
                &canonical(&expected[section]),
                &canonical(&compiled.document[section]),
                &mut found,
            );
        }
        assert!(found.is_empty(), "{strategy}: {}", found.join("\n"));
    }
}
