use serde_json::json;

use super::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::refs::ReferenceKind;

const COMPONENT: &str = "kind: component\nname: c\nrun: {kind: job, container: {image: busybox}}\n";

fn source(name: &str, text: &str) -> Source {
    Source::new(name, text)
}

fn read(text: &str) -> Operation {
    Operation::read(&source("f.yaml", text), &[], &Flags::default())
        .unwrap()
        .0
}

fn with_flags(text: &str, flags: &Flags) -> Json {
    Operation::read(&source("f.yaml", text), &[], flags)
        .unwrap()
        .0
        .to_json()
}

fn with_overlays(text: &str, overlays: &[&str]) -> Result<Json, Code> {
    let overlays: Vec<Source> = overlays.iter().map(|text| source("o.yaml", text)).collect();
    Operation::read(&source("f.yaml", text), &overlays, &Flags::default())
        .map(|(operation, _)| operation.to_json())
        .map_err(|report| report.diagnostics()[0].code)
}

#[test]
fn a_component_is_wrapped() {
    let wrapped = read(COMPONENT).to_json();
    assert_eq!(wrapped["kind"], "operation");
    assert_eq!(wrapped["component"]["name"], "c");
    assert_eq!(wrapped["component"]["kind"], "component");
    assert_eq!(wrapped.get("version"), None);
    let wrapped = read(&format!("version: 1\n{COMPONENT}")).to_json();
    assert_eq!(wrapped["version"], 1.0);
}

#[test]
fn flags_change_the_file() {
    let flags = Flags {
        name: Some("n".into()),
        tags: vec!["t".into()],
        queue: Some("agent/q".into()),
        params: vec!["a=1=2".into(), "b=".into(), "d=x".into()],
        cache: Some(false),
        approved: Some(false),
        ..Flags::default()
    };
    let text = "kind: operation\nhubRef: k\ntags: [old]\ncache: {ttl: 5}\n\
                params: {a: {value: 0, connection: c}, c: 3, d: {ref: ops.x, value: outputs.y}}\n";
    let changed = with_flags(text, &flags);
    assert_eq!(changed["name"], "n");
    assert_eq!(changed["tags"], json!(["t"]));
    assert_eq!(changed["queue"], "agent/q");
    assert_eq!(changed["cache"], json!({"ttl": 5, "disable": true}));
    assert_eq!(changed["isApproved"], false);
    assert_eq!(
        changed["params"],
        json!({
            "a": {"value": "1=2", "connection": "c"},
            "b": {"value": ""},
            "c": {"value": 3},
            "d": {"value": "x"},
        })
    );
}

#[test]
fn overlays_come_after_flags_in_their_order() {
    let overlays = [
        source("1", "queue: one\nname: one\n"),
        source("2", "name: two\n"),
    ];
    let flags = Flags {
        queue: Some("flag".into()),
        description: Some("flag".into()),
        ..Flags::default()
    };
    let main = source("f.yaml", "kind: operation\nhubRef: k\n");
    let (operation, _) = Operation::read(&main, &overlays, &flags).unwrap();
    let operation = operation.to_json();
    assert_eq!(operation["queue"], "one");
    assert_eq!(operation["name"], "two");
    assert_eq!(operation["description"], "flag");
}

#[test]
fn an_overlay_is_merged_by_its_own_strategy() {
    let main = "kind: operation\nhubRef: k\ntags: [a]\nversion: 1\n";
    for (strategy, tags) in [
        ("post_merge", json!(["a", "b"])),
        ("pre_merge", json!(["b", "a"])),
        ("replace", json!(["b"])),
        ("isnull", json!(["a"])),
    ] {
        let overlay = format!("version: 2\nisPreset: true\npatchStrategy: {strategy}\ntags: [b]\n");
        let merged = with_overlays(main, &[&overlay]).unwrap();
        let expected = json!({"kind": "operation", "hubRef": "k", "tags": tags, "version": 1.0});
        assert_eq!(merged, expected, "{strategy}");
    }
}

#[test]
fn an_overlay_says_something() {
    let main = "kind: operation\nhubRef: a\n";
    for nothing in ["", "{}\n", "null\n", "# a comment\n", "---\n...\n"] {
        assert_eq!(
            with_overlays(main, &[nothing]),
            Err(Code::Empty),
            "{nothing:?}"
        );
    }
    let merged = with_overlays(main, &["isPreset: true\n"]).unwrap();
    assert_eq!(merged, with_overlays(main, &[]).unwrap());
}

#[test]
fn an_overlay_does_not_say_what_runs() {
    let main = "kind: operation\nhubRef: k\n";
    assert_eq!(
        with_overlays(main, &["hubRef: other\n"]),
        Err(Code::Conflict)
    );
    assert_eq!(
        with_overlays(main, &["urlRef: https://a/b\n"]),
        Err(Code::Conflict)
    );
    assert_eq!(with_overlays(main, &[COMPONENT]), Err(Code::UnknownKind));
    assert!(with_overlays(main, &["hubRef: k\n"]).is_ok());
}

#[test]
fn an_overlay_cannot_relax_strictness() {
    let main = "kind: operation\nhubRef: k\nstrictParams: true\n";
    let merged = with_overlays(main, &["strictParams: false\n"]).unwrap();
    assert_eq!(merged["strictParams"], true);
}

#[test]
fn references_are_found_wherever_they_are() {
    let operation = read(
        "kind: operation\ncomponent:\n  pathRef: base.yaml\n  run:\n    kind: dag\n    operations:\n    \
         - {name: a, hubRef: acme/a:1}\n    - {name: b, dagRef: x}\n    components:\n    \
         - {name: x, urlRef: https://a/b}\n",
    );
    let found: Vec<(ReferenceKind, String, String)> = operation
        .references()
        .into_iter()
        .map(|reference| (reference.kind, reference.section, reference.value))
        .collect();
    let expected = [
        (ReferenceKind::Path, "component", "base.yaml"),
        (
            ReferenceKind::Hub,
            "component.run.operations[0]",
            "acme/a:1",
        ),
        (
            ReferenceKind::Url,
            "component.run.components[0]",
            "https://a/b",
        ),
    ];
    assert_eq!(
        found,
        expected.map(|(kind, section, value)| (kind, section.to_owned(), value.to_owned()))
    );
    let place = operation.references()[0].place.clone().unwrap();
    assert_eq!((place.line, place.column), (3, 12));
}

#[test]
fn attaching_collects_and_keeps_the_reference() {
    let mut operation = read("kind: operation\npathRef: dir/a.yaml\n");
    let [first] = operation.references().try_into().unwrap();
    let a = source("dir/a.yaml", "kind: component\npathRef: b.yaml\n");
    operation.attach(&first, &a).unwrap();
    let [second] = operation.references().try_into().unwrap();
    assert_eq!(second.section, "component");
    assert_eq!(second.resolved_path(), "dir/b.yaml");
    assert_eq!(second.place.as_ref().unwrap().source.name(), "dir/a.yaml");
    operation
        .attach(&second, &source("dir/b.yaml", COMPONENT))
        .unwrap();
    assert_eq!(operation.references(), []);
    let json = operation.to_json();
    assert_eq!(json["pathRef"], "dir/a.yaml");
    assert_eq!(json["component"]["pathRef"], "b.yaml");
    assert_eq!(json["component"]["component"]["name"], "c");
}

fn refused(operation: &Operation, text: &str) -> Code {
    let before = operation.to_json();
    let mut operation = operation.clone();
    let reference = operation.references().remove(0);
    let report = operation
        .attach(&reference, &source("x.yaml", text))
        .unwrap_err();
    assert_eq!(
        operation.to_json(),
        before,
        "a refused component leaves no trace"
    );
    report.diagnostics()[0].code
}

#[test]
fn what_cannot_be_attached_is_refused() {
    let operation = read("kind: operation\nhubRef: k\n");
    for (text, code) in [
        (
            "kind: component\nhubRef: polyaxon/k:latest\n",
            Code::ReferenceCycle,
        ),
        (
            "kind: component\ncomponent: {hubRef: k}\n",
            Code::ReferenceCycle,
        ),
        (
            "kind: component\npathRef: /etc/passwd\n",
            Code::BadReference,
        ),
        ("kind: operation\nhubRef: other\n", Code::UnknownKind),
        ("nothing: true\n", Code::UnknownField),
    ] {
        assert_eq!(refused(&operation, text), code, "{text}");
    }
}

#[test]
fn another_version_is_another_component() {
    let mut operation = read("kind: operation\nhubRef: k:2\n");
    let reference = operation.references().remove(0);
    let older = source("hub", "kind: component\nhubRef: k:1\n");
    assert!(operation.attach(&reference, &older).is_ok());
}

#[test]
fn chains_have_an_end() {
    let mut operation = read("kind: operation\nhubRef: k-0\n");
    let refused = (1..100).find_map(|index| {
        let reference = operation.references().remove(0);
        let next = source("hub", &format!("kind: component\nhubRef: k-{index}\n"));
        operation.attach(&reference, &next).err()
    });
    assert_eq!(refused.unwrap().diagnostics()[0].code, Code::Limit);
}

#[test]
fn the_wire_form_is_checked() {
    for (value, code) in [
        (json!([]), Code::NotAMapping),
        (json!({"kind": "operation", "nam": "x"}), Code::UnknownField),
        (
            json!({"kind": "compiled_operation", "run": {"kind": "job"}}),
            Code::UnknownKind,
        ),
        (
            json!({"kind": "operation", "component": {"kind": "operation"}}),
            Code::UnknownKind,
        ),
    ] {
        let report = Operation::from_json(&value).unwrap_err();
        assert_eq!(report.diagnostics()[0].code, code, "{value}");
    }
}

#[test]
fn fields_are_located_in_the_file_that_says_them() {
    let main = source(
        "main.yaml",
        "kind: operation\nhubRef: k\nrunPatch: {connections: [a]}\n",
    );
    let overlay = source(
        "over.yaml",
        "runPatch:\n  node_name: x\n  container: {image: y}\n",
    );
    let read = |overlays: &[Source]| Operation::read(&main, overlays, &Flags::default());
    assert!(
        read(std::slice::from_ref(&overlay)).is_err(),
        "`node_name` is no field of a run"
    );
    let overlay = source("over.yaml", "runPatch:\n  environment: {node_name: x}\n");
    let (operation, _) = read(&[overlay]).unwrap();
    let at = |field_path: &str| {
        let place = operation.locate(field_path)?;
        Some((place.source.name().to_owned(), place.line))
    };
    assert_eq!(
        at("runPatch.environment.nodeName"),
        Some(("over.yaml".into(), 2))
    );
    assert_eq!(at("runPatch.connections[0]"), Some(("main.yaml".into(), 3)));
    assert_eq!(at("runPatch.connections[7]"), Some(("main.yaml".into(), 3)));
    assert_eq!(at("nothing.at.all"), None);
    assert_eq!(at("run.connections[0]"), Some(("main.yaml".into(), 3)));
    assert_eq!(at("params.missing"), Some(("main.yaml".into(), 2)));
    assert_eq!(at("namespace"), None);
}

#[test]
fn what_a_flag_says_is_in_no_file() {
    let main = source("main.yaml", "kind: operation\nhubRef: k\nparams: {a: 1}\n");
    let flags = Flags {
        params: vec!["b=2".into()],
        ..Flags::default()
    };
    let (operation, _) = Operation::read(&main, &[], &flags).unwrap();
    let line = |field_path: &str| operation.locate(field_path).map(|place| place.line);
    assert_eq!(line("params.a"), Some(3));
    assert_eq!(line("params.b"), None);
    assert_eq!(line("params.c"), Some(3));
}

#[test]
fn what_was_merged_is_found_by_what_it_says() {
    let main = source(
        "main.yaml",
        "kind: operation\npathRef: c.yaml\nrunPatch: {container: {args: [\"{{ x + }}\"]}}\n",
    );
    let component = source(
        "c.yaml",
        "kind: component\nrun:\n  kind: job\n  container:\n    image: i\n    args:\n    - a\n    - \"{{ y + }}\"\n",
    );
    let (mut operation, _) = Operation::read(&main, &[], &Flags::default()).unwrap();
    let reference = operation.references().remove(0);
    operation.attach(&reference, &component).unwrap();
    let composed = crate::compose::compose(&operation).unwrap().document;
    let at = |field_path: &str| {
        let diagnostic = Diagnostic::error(Code::TemplateSyntax, "m").in_field(field_path);
        let report = operation.located(diagnostic.into(), &composed);
        let place = report.diagnostics()[0].place.clone().unwrap();
        (place.source.name().to_owned(), place.line)
    };
    assert_eq!(at("run.container.args[1]"), ("c.yaml".into(), 8));
    assert_eq!(at("run.container.args[2]"), ("main.yaml".into(), 3));
    assert_eq!(at("run.container.image"), ("c.yaml".into(), 5));
}

#[test]
fn references_are_counted() {
    let read = |count: usize| {
        let operations = "    - {hubRef: a}\n".repeat(count);
        let text = format!("kind: operation\nrun:\n  kind: dag\n  operations:\n{operations}");
        Operation::read(&source("f.yaml", &text), &[], &Flags::default())
    };
    assert_eq!(read(256).unwrap().0.references().len(), 256);
    assert_eq!(read(257).unwrap_err().diagnostics()[0].code, Code::Limit);
}
