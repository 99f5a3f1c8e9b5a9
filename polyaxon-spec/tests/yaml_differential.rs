//! The reader against what PyYAML's `safe_load` makes of thousands of texts; `yaml/generate.py` makes and records them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use polyaxon_spec::diagnostic::Code;
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;
use regex::Regex;
use serde_json::{Value, json};

/// What a text is read as; errors are the codes.
fn read(text: &str) -> Result<Value, Vec<Code>> {
    yaml::read(&Source::new("vector.yaml", text))
        .map(|(node, _)| tagged(&node.to_json()))
        .map_err(|report| {
            report
                .diagnostics()
                .iter()
                .map(|found| found.code)
                .collect()
        })
}

/// Floats as the vectors write them, by their bits.
fn tagged(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            json!({"$float": number.as_f64().unwrap().to_bits()})
        }
        Value::Array(items) => items.iter().map(tagged).collect(),
        Value::Object(fields) => match fields.get("$float").and_then(Value::as_str) {
            Some(text) => json!({"$float": text.parse::<f64>().unwrap().to_bits()}),
            None => fields
                .iter()
                .map(|(name, value)| (name.clone(), tagged(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        },
        other => other.clone(),
    }
}

/// Texts that PyYAML refuses and this reader, which parses by version 1.2, takes: none changes what a valid file means.
const TAKEN: &[(&str, &str)] = &[
    (
        r"(?m)(^|[\s\[{,:\-])\t|\t([\s\]},#:]|$)|&\S+\t",
        "tabs among blanks",
    ),
    (
        r"(?m)^(- | )*(&\S+ ?)?:(\s|$)|[\[{,]\s*:\s|:[\]}]",
        "a key or value of nothing",
    ),
    (
        r"[\[{,:\s][:?]\S|[\[{][^\]}]*\?",
        "text in brackets with a colon at its start, or a question mark",
    ),
    (r"(?m)^\.\.\.", "the end of a document before it starts"),
    (r"(?s)&([xyz])\s.*&[xyz]", "an anchor given twice"),
    (
        r"&[^\s,\[\]{}]*[^\w\s,\[\]{}-]|[!*][^a-zA-Z0-9&!*\s]|[&!*]{2}|![^\s]|!(\s|\]|$)",
        "signs in anchors and tags",
    ),
    (r"&[\w-]+:", "an anchor with a colon"),
    (
        r"&[\w-]+[\[{]",
        "an anchor without a blank before a bracket",
    ),
    (r"(?s)[\[{].*\n[^\n]*:", "a key of two lines in brackets"),
    (
        r"^\s*(--- )?[>|][-+0-9]*\s*\n\S",
        "a block at the root whose text starts in the first column",
    ),
];

/// Texts that PyYAML reads and this reader refuses.
const REFUSED: &[(&str, &str)] = &[
    (r#"['"\]}\[{,]#"#, "a comment without a blank before it"),
    (r"[\[{ ,]-[\],}]", "a lone dash in brackets"),
    (
        r"\\\n\t+\n",
        "tabs alone after a line break that is escaped",
    ),
    (r"[\[{]\? :", "a key and a value of nothing in brackets"),
    (
        r"(?m)[>|][+-]?[2-9]\n *#",
        "a comment before the text of a block that says its indentation",
    ),
    (
        r#"(?s)'[^']*\n\t*\S|"(\\.|[^"\\])*\n\t*\S"#,
        "quoted text that goes on in the first column",
    ),
    (
        r#"(?m)^ +.*: ['"][^'"\n]*\n *[^ ]"#,
        "quoted text that goes on left of where it belongs",
    ),
    (r"\d{20}:", "a key that is a number beyond 64 bits"),
    (r"&\w+:", "an anchor with a colon"),
    (
        r"(?m)([:-]|!\S+)\s*\n[>|]",
        "a block that starts in the first column",
    ),
];

/// Texts that are read otherwise.
const OTHERWISE: &[(&str, &str)] = &[
    (
        r"[\[{,]\s*\?",
        "a question mark in brackets, which starts a key in version 1.1",
    ),
    (r"&[\w-]+:", "an anchor with a colon"),
    (
        r"&\w*[^\w\s,\[\]{}-]",
        "an anchor with signs, which are its text in version 1.1",
    ),
    (
        r"^\s*(--- )?[>|][-+0-9]*\s*\n#",
        "a block at the root whose text starts in the first column",
    ),
];

fn is_one_of(classes: &[(&str, &str)], text: &str) -> bool {
    classes
        .iter()
        .any(|(pattern, _)| Regex::new(pattern).unwrap().is_match(text))
}

/// A file beside this one.
fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/yaml")
        .join(name)
}

#[test]
fn texts_are_read_as_pyyaml_reads_them() {
    check(&fs::read_to_string(beside("vectors.jsonl")).unwrap());
}

/// `POLYAXON_PYYAML_SEED` chooses other texts.
#[test]
#[ignore = "needs PyYAML: POLYAXON_PYYAML, a python that has it (deploy/testbed/pyyaml.sh)"]
fn texts_of_another_seed_are_read_as_pyyaml_reads_them() {
    let python = env::var_os("POLYAXON_PYYAML")
        .expect("POLYAXON_PYYAML names a python with PyYAML; deploy/testbed/pyyaml.sh makes one");
    let seed = env::var("POLYAXON_PYYAML_SEED").unwrap_or_else(|_| "7".to_owned());
    println!("the texts of seed {seed}");
    let output = Command::new(&python)
        .arg(beside("generate.py"))
        .arg(&seed)
        .output()
        .unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {problems}", python.display());
    check(&String::from_utf8(output.stdout).unwrap());
}

/// Compares the reader with recorded answers, one a line.
fn check(vectors: &str) {
    let mut count = 0;
    let mut found = Vec::new();
    for line in vectors.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let text = vector["text"].as_str().unwrap();
        let actual = read(text);
        count += 1;
        let holds = match (&actual, vector.get("value")) {
            (Ok(actual), Some(expected)) => {
                *actual == tagged(expected) || is_one_of(OTHERWISE, text)
            }
            (Err(_), None) => true,
            // What PyYAML reads and no file of ours can say is refused or read as text.
            (Ok(_), None) => vector.get("formless").is_some() || is_one_of(TAKEN, text),
            (Err(_), Some(_)) => is_one_of(REFUSED, text),
        };
        if !holds {
            found.push(format!("{text:?}: {actual:?}, and PyYAML {line}"));
        }
    }
    assert!(count > 3000, "{count} texts");
    assert!(
        found.is_empty(),
        "{} of {count}\n{}",
        found.len(),
        found.join("\n")
    );
}
