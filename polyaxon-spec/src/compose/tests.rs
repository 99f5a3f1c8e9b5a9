use serde_json::json;

use super::*;
use crate::operation::Flags;
use crate::source::Source;

fn compiled(text: &str) -> Result<CompiledOperation, Report> {
    let source = Source::new("f.yaml", text);
    compose(&Operation::read(&source, &[], &Flags::default())?.0)
}

fn run(text: &str) -> Json {
    compiled(text).unwrap().document["run"].clone()
}

fn refused(text: &str) -> (Code, String) {
    let report = compiled(text).unwrap_err();
    let first = &report.diagnostics()[0];
    (first.code, first.field_path.clone())
}

#[test]
fn the_document_says_everything_and_nothing_twice() {
    let text = "version: 2\nkind: operation\nname: o\nqueue: q\nparams: {a: 1}\npatchStrategy: post_merge\n\
                tags: [o]\ncomponent:\n  version: 1.1\n  name: c\n  description: d\n  tags: [c]\n  strictParams: true\n  \
                run: {kind: job, container: {image: x}}\nrunPatch: {connections: [r]}\n";
    let compiled = compiled(text).unwrap();
    assert_eq!(
        compiled.document,
        json!({
            "version": 1.1,
            "kind": "compiled_operation",
            "name": "o",
            "description": "d",
            "tags": ["c", "o"],
            "strictParams": true,
            "queue": "q",
            "run": {"kind": "job", "container": {"image": "x"}, "connections": ["r"]},
        })
    );
    assert_eq!(compiled.params["a"].value, Some(json!(1)));
    assert_eq!(compiled.name(), Some("o"));
    assert_eq!(compiled.queue(), Some("q"));
    assert_eq!(compiled.tags(), ["c", "o"]);
    assert_eq!(compiled.run_kind(), Some("job"));
}

#[test]
fn components_of_components_come_first() {
    let text = "kind: operation\ncomponent:\n  name: outer\n  component:\n    name: inner\n    \
                run: {kind: job, container: {image: x, args: [inner]}}\n  runPatch: {container: {args: [outer]}}\n\
                runPatch: {container: {args: [operation]}}\n";
    let compiled = compiled(text).unwrap();
    assert_eq!(compiled.name(), Some("outer"));
    assert_eq!(
        compiled.document["run"]["container"]["args"],
        json!(["inner", "outer", "operation"])
    );
}

#[test]
fn shortcuts_write_into_the_run() {
    assert_eq!(
        run(
            "container: {image: x}\ncmd: [a, b]\nenv: {A: \"1\"}\nresources: {cpu: 1..2, memory: 1Gi, gpu: 1}\n\
             connections: [c]\n"
        ),
        json!({
            "kind": "job",
            "container": {
                "image": "x",
                "command": ["/bin/sh", "-c"],
                "args": ["set -e\na\nb"],
                "env": [{"name": "A", "value": "1", "valueFrom": null}],
                "resources": {
                    "requests": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": 1},
                    "limits": {"cpu": "2", "nvidia.com/gpu": 1},
                },
            },
            "connections": ["c"],
        })
    );
    assert_eq!(
        run("ports: [80]\ncontainer: {image: x}\n")["kind"],
        "service"
    );
}

/// What is patched in later comes after the last variable of a name.
#[test]
fn a_shortcut_leaves_one_variable_of_a_name() {
    for (strategy, expected) in [
        ("post_merge", "B=two A=1 B=one"),
        ("pre_merge", "B=one A=1 B=two"),
        ("replace", "B=one"),
        ("isnull", "B=one B=two"),
    ] {
        let text = format!(
            "kind: operation\npatchStrategy: {strategy}\nenv: {{A: \"1\"}}\n\
             runPatch: {{container: {{env: [{{name: B, value: one}}]}}}}\ncomponent:\n  \
             run: {{kind: job, container: {{image: x, env: [{{name: B, value: one}}, {{name: B, value: two}}]}}}}\n"
        );
        let run = run(&text);
        let shown: Vec<String> = run["container"]["env"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|variable| {
                let text = |field: &str| variable[field].as_str().unwrap_or_default();
                format!("{}={}", text("name"), text("value"))
            })
            .collect();
        assert_eq!(shown.join(" "), expected, "{strategy}");
    }
}

#[test]
fn a_command_takes_the_place_of_another_one() {
    let text = |strategy: &str| {
        format!(
            "kind: operation\npatchStrategy: {strategy}\ncmd: new\ncomponent:\n  \
             run: {{kind: job, container: {{image: x, command: [old], args: [old]}}}}\n"
        )
    };
    for (strategy, args) in [
        ("post_merge", "set -e\nnew"),
        ("replace", "set -e\nnew"),
        ("pre_merge", "old"),
        ("isnull", "old"),
    ] {
        assert_eq!(
            run(&text(strategy))["container"]["args"],
            json!([args]),
            "{strategy}"
        );
    }
}

#[test]
fn a_patch_for_every_replica() {
    let text = "kind: operation\ncomponent:\n  run:\n    kind: pytorchjob\n    \
                master: {replicas: 1, container: {image: m}}\n    worker: {replicas: 2, container: {image: w}}\n\
                runPatch: {environment: {nodeName: n}}\n";
    assert_eq!(
        run(text),
        json!({
            "kind": "pytorchjob",
            "master": {"replicas": 1, "container": {"image": "m"}, "environment": {"nodeName": "n"}},
            "worker": {"replicas": 2, "container": {"image": "w"}, "environment": {"nodeName": "n"}},
        })
    );
    let one = text
        .replace("{environment", "{worker: {environment")
        .replace("n}}", "n}}}");
    assert_eq!(run(&one)["master"].get("environment"), None);
    assert_eq!(run(&one)["worker"]["environment"]["nodeName"], "n");
}

#[test]
fn a_run_may_leave_its_kind_to_the_component() {
    let text = |run: &str| {
        format!(
            "kind: operation\nrun: {{{run}}}\ncomponent: {{run: {{kind: job, container: {{image: x}}}}}}\n"
        )
    };
    assert_eq!(run(&text("connections: [c]"))["connections"], json!(["c"]));
    assert_eq!(
        refused(&text("ports: [80]")),
        (Code::UnknownField, "run.ports".into())
    );
    assert_eq!(
        run(&text("kind: service, ports: [80]")),
        json!({"kind": "service", "ports": [80]})
    );
}

#[test]
fn what_cannot_be_composed_is_refused_with_its_place() {
    let job = "component: {run: {kind: job, container: {image: x}}}\n";
    for (text, code, field_path) in [
        ("kind: operation\nname: n\n".to_owned(), Code::NoRun, ""),
        (
            "kind: operation\nhubRef: k\n".into(),
            Code::UnresolvedReference,
            "hubRef",
        ),
        (
            "kind: operation\ndagRef: k\n".into(),
            Code::UnresolvedReference,
            "dagRef",
        ),
        (
            "kind: operation\ncomponent: {hubRef: k}\n".into(),
            Code::UnresolvedReference,
            "component.hubRef",
        ),
        (
            "kind: operation\nrunPatch: {connections: [a]}\n".into(),
            Code::NoRun,
            "runPatch",
        ),
        (
            "kind: operation\nrun: {connections: [a]}\n".into(),
            Code::NoRun,
            "run",
        ),
        (
            "kind: operation\ninit: [{connection: a}]\n".into(),
            Code::NoRun,
            "init",
        ),
        (
            format!("kind: operation\nports: [80]\n{job}"),
            Code::BadRunPatch,
            "ports",
        ),
        (
            format!("kind: operation\nrunPatch: {{kind: service}}\n{job}"),
            Code::BadRunPatch,
            "runPatch.kind",
        ),
        (
            format!("kind: operation\ntemplate: {{enabled: true}}\n{job}"),
            Code::TemplateEnabled,
            "template",
        ),
        (
            "kind: component\ntemplate: {enabled: true}\nrun: {kind: job}\n".into(),
            Code::TemplateEnabled,
            "component.template",
        ),
    ] {
        assert_eq!(refused(&text), (code, field_path.to_owned()), "{text}");
        let report = compiled(&text).unwrap_err();
        assert_eq!(
            report.diagnostics()[0].place.is_some(),
            !field_path.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn a_template_of_the_hub_is_not_the_users_to_edit() {
    let text = "kind: operation\nhubRef: k\ncomponent:\n  template: {enabled: true}\n  \
                run: {kind: job, container: {image: x}}\n";
    assert!(compiled(text).is_ok());
}

#[test]
fn presets_change_what_is_compiled() {
    let mut compiled =
        compiled("run: {kind: job, container: {image: x, args: [a]}}\nparams: {p: 1}\n").unwrap();
    let preset = "patchStrategy: replace\nqueue: q\nparams: {p: 2}\nresources: {memory: 1Gi}\n\
                  runPatch: {container: {args: [b]}}\n";
    compiled
        .apply_preset(&Source::new("preset", preset))
        .unwrap();
    assert_eq!(compiled.queue(), Some("q"));
    assert_eq!(compiled.params["p"].value, Some(json!(1)));
    assert_eq!(
        compiled.document["run"]["container"],
        json!({"image": "x", "args": ["b"], "resources": {"requests": {"memory": "1Gi"}}})
    );
    let wrong = Source::new("preset", "runPatch: {ports: [80]}\n");
    let report = compiled.apply_preset(&wrong).unwrap_err();
    assert_eq!(
        report.diagnostics()[0]
            .place
            .as_ref()
            .map(|place| place.line),
        Some(1)
    );
}

#[test]
fn shortcuts_reach_every_pod_of_a_run() {
    let text = "kind: operation\nenv: {A: x}\nresources: {cpu: 1}\ncomponent:\n  run:\n    kind: raycluster\n    \
                head: {container: {image: h}}\n    workers: {small: {container: {image: w}}}\n";
    let run = run(text);
    for pod in ["/head", "/workers/small"] {
        let container = run.pointer(pod).unwrap()["container"].clone();
        assert_eq!(container["env"][0]["name"], "A", "{pod}");
        assert_eq!(
            container["resources"],
            json!({"requests": {"cpu": 1}}),
            "{pod}"
        );
    }
    let dag =
        "kind: operation\nenv: {A: x}\nrun: {kind: dag, operations: [{name: a, hubRef: b}]}\n";
    assert_eq!(refused(dag), (Code::BadRunPatch, "env".into()));
}
