//! Templates against what the reference's engine makes of them; `template/generate.py` records it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use polyaxon_spec::template::Context;
use regex::Regex;
use serde_json::Value;

/// Templates that the reference refuses and this engine renders.
const TAKEN: &[(&str, &str)] = &[
    (
        r" [<>]=? | (<|>|n < 5)",
        "an order of values of different types",
    ),
    (
        r"(nothing|none|missing|zero|round|n|map) (\||%\})|in (none|nothing)",
        "none has no items",
    ),
    (
        r"(mixed|rows) \| (sort|min|max|unique)",
        "an order of values of different types",
    ),
    (
        r"\| (bool|lines)\b",
        "filters that the reference does not know",
    ),
    (r"\{% (break|continue) %\}", "loops that end early"),
];

/// Templates that render otherwise or are refused.
const OTHERWISE: &[(&str, &str)] = &[
    (r"random", "the item is another one"),
    (
        r"range\(|range \}|joiner \}|self",
        "objects print as lists, or by another name",
    ),
    (
        r"\.(items|keys|values)\(\) \}",
        "views of mappings print as lists",
    ),
    (
        r"\.(append|update|encode)\(",
        "methods that change values, and bytes",
    ),
    (r"\| map( |$)", "`map` without what to apply"),
    (
        r"urlize|lipsum|autoescape|groupby",
        "text for web pages; groups print as lists",
    ),
    (r"attr", "attributes of mappings are their items"),
    (r"mixed \| unique", "`true` is not 1"),
    (r"is callable|\.real|\.current|\{\{ \+n", "names of Python"),
];

fn is_one_of(classes: &[(&str, &str)], text: &str) -> bool {
    classes
        .iter()
        .any(|(pattern, _)| Regex::new(pattern).unwrap().is_match(text))
}

#[test]
fn templates_render_as_the_reference_renders_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/template/vectors.jsonl");
    let vectors = fs::read_to_string(path).unwrap();
    let mut lines = vectors.lines();
    let names: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let context = Context::of(&names["names"]);
    let mut count = 0;
    let mut found = Vec::new();
    for line in lines {
        let vector: Value = serde_json::from_str(line).unwrap();
        let text = vector["text"].as_str().unwrap();
        let actual = context.text(text);
        count += 1;
        let holds = match (&actual, vector.get("rendered")) {
            (Ok(actual), Some(expected)) => {
                expected == actual.as_str() || is_one_of(OTHERWISE, text)
            }
            (Ok(_), None) => is_one_of(TAKEN, text),
            (Err(_), None) => true,
            (Err(_), Some(_)) => is_one_of(OTHERWISE, text),
        };
        if !holds {
            found.push(format!("{text:?}: {actual:?}, and the reference {line}"));
        }
    }
    assert!(count > 2000, "{count} templates");
    assert!(
        found.is_empty(),
        "{} of {count}\n{}",
        found.len(),
        found.join("\n")
    );
}
