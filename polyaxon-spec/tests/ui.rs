//! What people read when a file is wrong: one snapshot per mistake.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use polyaxon_spec::compose::compose;
use polyaxon_spec::diagnostic::{Report, render};
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::refs::ReferenceKind;
use polyaxon_spec::source::{MAX_SOURCE_BYTES, Source};

fn source(file: &str) -> Source {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/ui")
        .join(file);
    Source::from_bytes(file, &fs::read(path).unwrap()).unwrap()
}

/// Reads, collects the files that are referred to, and composes. Gives the warnings of what is accepted.
fn run(main: &Source, overlays: &[Source], flags: &Flags) -> Result<String, Report> {
    let (mut operation, warnings) = Operation::read(main, overlays, flags)?;
    while let Some(reference) = operation
        .references()
        .into_iter()
        .find(|reference| reference.kind == ReferenceKind::Path)
    {
        operation.attach(&reference, &source(&reference.resolved_path()))?;
    }
    compose(&operation)?;
    Ok(render(&warnings, false))
}

fn assert_snapshot(name: &str, result: Result<String, Report>) {
    let text = result.unwrap_or_else(|report| report.render(false));
    insta::with_settings!({
        snapshot_path => "ui",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn files() {
    for name in [
        "unknown_field",
        "wrong_type",
        "tab",
        "open_quote",
        "two_documents",
        "duplicate_key",
        "list",
        "empty",
        "bad_reference",
        "two_references",
        "unknown_kind",
        "circle_a",
        "missing_component",
        "leads_to_invalid",
        "leads_to_operation",
        "nothing_to_run",
        "patch_that_does_not_fit",
        "template",
        "old_format",
        "old_format_without_form",
        "matrix_without_values",
        "dag_in_a_circle",
    ] {
        let main = source(&format!("{name}.yaml"));
        assert_snapshot(name, run(&main, &[], &Flags::default()));
    }
}

#[test]
fn a_file_that_is_too_large() {
    let main = Source::new("large.yaml", "#".repeat(MAX_SOURCE_BYTES + 1));
    assert_snapshot("too_large", run(&main, &[], &Flags::default()));
}

#[test]
fn an_overlay_that_names_a_component() {
    let main = source("missing_component.yaml");
    let overlay = source("overlay_names_component.yaml");
    assert_snapshot(
        "overlay_names_component",
        run(&main, &[overlay], &Flags::default()),
    );
}

#[test]
fn flags() {
    let main = source("job.yaml");
    for (name, flags) in [
        (
            "flag_without_value",
            Flags {
                params: vec!["destination".into()],
                ..Flags::default()
            },
        ),
        (
            "flag_twice",
            Flags {
                params: vec!["a=1".into(), "a=2".into()],
                ..Flags::default()
            },
        ),
        (
            "flag_queue",
            Flags {
                queue: Some("a/b/c".into()),
                ..Flags::default()
            },
        ),
        (
            "flag_name",
            Flags {
                name: Some("my build".into()),
                ..Flags::default()
            },
        ),
    ] {
        assert_snapshot(name, run(&main, &[], &flags));
    }
}

#[test]
fn a_file_from_an_url_that_names_a_file() {
    let main = source("circle_a.yaml");
    let result = Operation::for_url(
        "https://example.com/build.yaml",
        &main,
        &[],
        &Flags::default(),
    );
    assert_snapshot("url_names_path", result.map(|_| String::new()));
}
