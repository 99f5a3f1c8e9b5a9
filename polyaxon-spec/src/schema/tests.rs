use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::{Value, json};

use super::*;
use crate::model::Document;
use crate::source::Source;
use crate::yaml;

/// Whether a value fits a schema, as far as the keywords go that the schemas use.
fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(rules) = schema.as_object() else {
        return true;
    };
    rules.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$ref" => {
            let name = rule
                .as_str()
                .and_then(|text| text.strip_prefix('#'))
                .expect("a reference");
            fits(value, root.pointer(name).expect("a definition"), root)
        }
        "type" => match rule {
            Value::Array(types) => types.iter().any(|name| has_type(value, name)),
            name => has_type(value, name),
        },
        "enum" => rule.as_array().expect("a list").contains(value),
        "const" => rule == value,
        "pattern" => value.as_str().is_none_or(|text| {
            Regex::new(rule.as_str().expect("text"))
                .expect("a pattern")
                .is_match(text)
        }),
        "minimum" => value
            .as_f64()
            .is_none_or(|number| number >= rule.as_f64().expect("a number")),
        "minItems" | "maxItems" => value.as_array().is_none_or(|items| {
            let limit = rule.as_u64().expect("a number");
            let count = items.len() as u64;
            if keyword == "minItems" {
                count >= limit
            } else {
                count <= limit
            }
        }),
        "anyOf" => rule
            .as_array()
            .expect("a list")
            .iter()
            .any(|schema| fits(value, schema, root)),
        "allOf" => rule
            .as_array()
            .expect("a list")
            .iter()
            .all(|schema| fits(value, schema, root)),
        "not" => !fits(value, rule, root),
        "items" => value
            .as_array()
            .is_none_or(|items| items.iter().all(|item| fits(item, rule, root))),
        "required" => value.as_object().is_none_or(|fields| {
            rule.as_array()
                .expect("a list")
                .iter()
                .all(|name| fields.contains_key(name.as_str().expect("text")))
        }),
        "properties" => value.as_object().is_none_or(|fields| {
            fields.iter().all(|(name, value)| {
                rule.get(name)
                    .is_none_or(|schema| fits(value, schema, root))
            })
        }),
        "additionalProperties" => value.as_object().is_none_or(|fields| {
            let properties = schema.get("properties");
            let patterns = schema.get("patternProperties").and_then(Value::as_object);
            fields.iter().all(|(name, value)| {
                let is_known = properties.is_some_and(|known| known.get(name).is_some())
                    || patterns.is_some_and(|patterns| {
                        patterns
                            .keys()
                            .any(|pattern| Regex::new(pattern).expect("a pattern").is_match(name))
                    });
                is_known || *rule != json!(false) && fits(value, rule, root)
            })
        }),
        "$schema" | "title" | "description" | "definitions" | "patternProperties" => true,
        other => panic!("`{other}` is not checked here"),
    })
}

fn has_type(value: &Value, name: &Value) -> bool {
    match name.as_str().expect("text") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type"),
    }
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
}

fn written(path: &Path) -> Option<(Source, Value)> {
    let source = Source::new(path.to_string_lossy(), fs::read_to_string(path).ok()?);
    let (node, _) = yaml::read(&source).ok()?;
    Some((source, node.to_json()))
}

/// Files that the checker takes have to fit, or an editor would underline what is right.
#[test]
fn every_valid_file_fits_its_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in [
        "tests/golden/cases",
        "tests/overview",
        "../components",
        "../examples",
    ] {
        yaml_files(&root.join(folder), &mut files);
    }
    let (operation, component, agent) = (operation(), component(), agent_config());
    let mut checked = [0; 3];
    for path in files {
        let Some((source, value)) = written(&path) else {
            continue;
        };
        if path.ends_with("agent.yaml") {
            if crate::agent_config::AgentConfig::read(&source).is_ok() {
                checked[2] += 1;
                assert!(fits(&value, &agent, &agent), "{}", path.display());
            }
            continue;
        }
        let is_lax = ["accept-lax", "dockerfile.yaml", "seed-legacy"]
            .iter()
            .any(|part| path.to_string_lossy().contains(part));
        if is_lax || Document::read(&source).is_err() {
            continue;
        }
        let (schema, index) = match value["kind"].as_str() {
            Some("component") => (&component, 1),
            _ => (&operation, 0),
        };
        checked[index] += 1;
        assert!(fits(&value, schema, schema), "{}\n{value}", path.display());
    }
    assert!(
        checked[0] > 100 && checked[1] > 50 && checked[2] > 50,
        "{checked:?}"
    );
}

#[test]
fn what_is_wrong_does_not_fit() {
    let (operation, component, agent) = (operation(), component(), agent_config());
    for value in [
        json!({"kind": "operation", "hubRf": "a"}),
        json!({"kind": "component"}),
        json!({"kind": "operation", "run_patch": {}}),
        json!({"kind": "operation", "name": "a b"}),
        json!({"kind": "operation", "termination": {"timeout": "1h"}}),
        json!({"kind": "operation", "runPatch": {"init": [{"dockerfile": {"run": []}}]}}),
        json!({"kind": "operation", "matrix": {"kind": "random", "params": {}}}),
        json!({"kind": "operation", "run": {"kind": "jobx"}}),
        json!({"kind": "operation", "component": {"inputs": [{"type": "int"}]}}),
    ] {
        assert!(!fits(&value, &operation, &operation), "{value}");
    }
    assert!(!fits(&json!({"kind": "operation"}), &component, &component));
    for value in [
        json!({"connections": [{"name": "a"}]}),
        json!({"connections": [{"name": "a", "kind": "registri"}]}),
        json!({"artifactsStore": {"name": "a", "kind": "git"}}),
    ] {
        assert!(!fits(&value, &agent, &agent), "{value}");
    }
}

#[test]
fn every_field_is_described_and_every_description_is_used() {
    let schema = operation();
    let mut used = BTreeSet::new();
    let mut missing = Vec::new();
    for (name, definition) in schema["definitions"].as_object().expect("definitions") {
        for (field, schema) in definition["properties"].as_object().expect("properties") {
            match schema["description"].as_str() {
                Some(text) => {
                    used.insert(text.to_owned());
                }
                None => missing.push(format!("{name}.{field}")),
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    let unused: Vec<&str> = descriptions::DESCRIPTIONS
        .iter()
        .filter(|(_, text)| !used.contains(*text))
        .map(|(key, _)| *key)
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_setting_of_the_agent_is_described() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/agent-yaml.md");
    let page = fs::read_to_string(page).expect("the page");
    let schema = agent_config().to_string();
    let name = Regex::new(r"`\.?([a-zA-Z.]+)`").expect("a pattern");
    let mut count = 0;
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    for row in rows {
        let keys = row.split('|').nth(1).expect("a first column");
        for found in name.captures_iter(keys) {
            let last = found[1].rsplit('.').next().expect("a name").to_owned();
            assert!(schema.contains(&format!("\"{last}\":")), "{row}");
            count += 1;
        }
    }
    assert!(count > 40, "{count} keys");
}
