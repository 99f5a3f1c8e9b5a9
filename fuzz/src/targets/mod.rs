//! What is fuzzed: one function per target. It takes bytes, and panics where a law does not hold.
//!
//! `make fuzz` runs them under libFuzzer, `cargo test -p polyaxon-spec --test fuzz` for some seconds without it.

mod agent;
mod compile;
mod component;
mod dockerfile;
mod format;
mod legacy;
mod merge;
mod reader;
mod template;
mod types;

use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;
use serde_json::Value;

/// A target by name.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]),
}

/// Every target.
pub(crate) const ALL: &[Target] = &[
    Target {
        name: "reader",
        run: reader::run,
    },
    Target {
        name: "format",
        run: format::run,
    },
    Target {
        name: "component",
        run: component::run,
    },
    Target {
        name: "merge",
        run: merge::run,
    },
    Target {
        name: "template",
        run: template::run,
    },
    Target {
        name: "types",
        run: types::run,
    },
    Target {
        name: "legacy",
        run: legacy::run,
    },
    Target {
        name: "dockerfile",
        run: dockerfile::run,
    },
    Target {
        name: "agent",
        run: agent::run,
    },
    Target {
        name: "compile",
        run: compile::run,
    },
];

/// What stands between the texts of an input that has several.
pub(crate) const SEPARATOR: &str = "\n%%%\n";

/// The names, for a message.
pub(crate) fn names() -> String {
    let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
    names.join(", ")
}

/// The text of an input, if it is one.
fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// The texts of an input; those that are missing are empty.
fn texts<const COUNT: usize>(data: &[u8]) -> Option<[&str; COUNT]> {
    let mut parts = text(data)?.splitn(COUNT, SEPARATOR);
    Some(std::array::from_fn(|_| parts.next().unwrap_or_default()))
}

/// A text as a value, if it can be read.
fn value(text: &str) -> Option<Value> {
    let (node, _) = yaml::read(&Source::new("value.yaml", text)).ok()?;
    Some(node.to_json())
}

/// A report names something in a place that exists, and can be printed.
fn check_report(report: &Report) {
    assert!(report.error_count() > 0, "a report without an error");
    for diagnostic in report.diagnostics() {
        assert!(!diagnostic.message.is_empty(), "a diagnostic says nothing");
        if let Some(place) = &diagnostic.place {
            let found = place.source.text().get(place.range.clone());
            assert!(found.is_some(), "no text at {:?}", place.range);
        }
    }
    assert!(!report.render(false).is_empty(), "a report prints nothing");
    assert!(report.to_json().is_array(), "a report is no list");
}
