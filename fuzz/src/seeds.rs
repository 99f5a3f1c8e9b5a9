//! Where fuzzing starts: the files of the golden cases and the recorded texts of the reader.

use std::fs;
use std::path::{Path, PathBuf};

use crate::targets::SEPARATOR;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../polyaxon-spec/tests")
}

/// The folders of the golden cases, by name.
fn cases() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(tests().join("golden/cases"))
        .expect("the golden cases are there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The named files of every case that has the first of them, one after another.
fn joined(names: &[&str]) -> Vec<String> {
    let texts = cases().into_iter().filter_map(|case| {
        let parts: Vec<String> = names.iter().map(|name| read(&case.join(name))).collect();
        parts
            .first()
            .is_some_and(|text| !text.is_empty())
            .then(|| parts.join(SEPARATOR))
    });
    texts.collect()
}

/// The recorded texts of the reader, one of so many.
fn vectors(every: usize) -> Vec<String> {
    read(&tests().join("yaml/vectors.jsonl"))
        .lines()
        .step_by(every)
        .filter_map(|line| {
            let vector: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(vector.get("text")?.as_str()?.to_owned())
        })
        .collect()
}

/// The places of the golden files that hold templates, each with names that it may use.
fn templates() -> Vec<String> {
    let names = r#"{"params": {"x": {"value": [1, "a"]}}, "globals": {"run_artifacts_path": "/a"}, "x": [3, 1.5, null], "text": "a,b"}"#;
    let files = cases()
        .into_iter()
        .flat_map(|case| ["operation.yaml", "component.yaml"].map(|name| read(&case.join(name))));
    let mut found: Vec<String> = files
        .flat_map(|text| {
            let lines = text
                .lines()
                .filter(|line| line.contains("{{") || line.contains("{%"));
            lines
                .map(|line| format!("{}{SEPARATOR}{names}", line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    let more = [
        "{% for i in range(9) %}{{ loop.index }}{% endfor %}",
        "{{ x | join('-') | upper }}",
        "{{ '%05.1f|%s' | format(x[1], x) }}",
        "{% macro m(a, b=2) %}{{ a ~ b }}{% endmacro %}{{ m(text) }}",
        "{{ text.split(',')[::-1] | list | tojson }}",
        "{% set ns = namespace(a=1) %}{% if ns.a is odd %}{{ 2 ** 62 // 3 % 7 }}{% endif %}",
        "{{ x | sort | unique | batch(2) | list | pprint }}",
    ];
    found.extend(more.iter().map(|text| format!("{text}{SEPARATOR}{names}")));
    found.sort();
    found.dedup();
    found
}

fn types() -> Vec<String> {
    let values = [
        ("int", "'12'", "{ge: 1, multipleOf: 3}"),
        ("float", "1.5e3", "{lt: 9, decimalPlaces: 2}"),
        ("List[str]", "[a, b]", "{minItems: 1, maxItems: 3}"),
        (
            "Dict[str, Union[int, float]]",
            "{a: 1, b: 1.5}",
            "{keys: {minLength: 1}}",
        ),
        ("Optional[Literal['a', 2]]", "a", "{options: [a, b]}"),
        ("timedelta", "P1DT2H", "{}"),
        ("datetime", "2024-12-31T23:59:00+01:00", "{}"),
        ("date", "2024-12-31", "{}"),
        ("uuid", "8aac02e3a62a4f0aaa257c59da5eab80", "{}"),
        ("email", "a@example.org", "{regex: '^[a-z]+@(x|y)*'}"),
        (
            "uri",
            "https://user:pass@example.org/a?b#c",
            "{contains: e}",
        ),
        (
            "image",
            "registry.example.org:5000/a/b:1@sha256:00",
            "{minLength: 2}",
        ),
        ("git", "{url: 'git@example.org:a/b', revision: main}", "{}"),
        (
            "dockerfile",
            "{image: a, run: [b]}",
            "{containsKeys: image}",
        ),
        ("artifacts", "{files: [a, [b, c]]}", "{}"),
        ("event", "{kind: metric, value: 1}", "{}"),
        ("bool", "'on'", "{}"),
        ("s3", "s3://bucket/key", "{}"),
    ];
    values
        .iter()
        .map(|(name, value, rules)| [*name, *value, *rules].join(SEPARATOR))
        .collect()
}

/// The part of a text from its line with `dockerfile:` on, moved to the left.
fn dockerfile(text: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.trim_end().ends_with("dockerfile:"));
    lines.next()?;
    let indent_of = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = lines.collect();
    let indent = indent_of(lines.first()?);
    let own = lines.iter().take_while(|line| indent_of(line) >= indent);
    let own: Vec<&str> = own.filter_map(|line| line.get(indent..)).collect();
    Some(own.join("\n"))
}

/// The seeds of a target.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let with = |more: Vec<String>, mut texts: Vec<String>| {
        texts.extend(more);
        texts
    };
    let texts = match target {
        "reader" | "format" => with(vectors(17), joined(&["operation.yaml"])),
        "component" => joined(&["component.yaml"]),
        "agent" => joined(&["agent.yaml"]),
        "merge" => joined(&["operation.yaml", "operation.yaml"]),
        "template" => templates(),
        "types" => types(),
        "legacy" => joined(&["operation.yaml"])
            .into_iter()
            .filter(|text| text.starts_with("version: 1\n") || text.contains("build_steps"))
            .collect(),
        "dockerfile" => joined(&["operation.yaml"])
            .iter()
            .filter_map(|text| dockerfile(text))
            .collect(),
        _ => joined(&["operation.yaml", "component.yaml", "agent.yaml"]),
    };
    texts.into_iter().map(String::into_bytes).collect()
}
