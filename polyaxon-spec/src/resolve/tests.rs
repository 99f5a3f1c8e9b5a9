use serde_json::{Value, json};

use super::*;
use crate::agent_config::AgentConfig;
use crate::model::pods_of;
use crate::source::Source;

fn catalog() -> Catalog {
    let text = "namespace: builds\nadditionalNamespaces: [other]\n\
        artifactsStore: {name: store, kind: volume_claim, schema: {volumeClaim: c, mountPath: /store/}}\n\
        connections:\n- {name: registry, kind: registry, schema: {url: r.example/team}}\n\
        - {name: bare, kind: registry}\n";
    AgentConfig::read(&Source::new("agent.yaml", text))
        .expect("valid")
        .catalog()
}

fn context() -> RunContext {
    RunContext {
        owner: "acme/vision-team".into(),
        project: "vision".into(),
        run_uuid: "8aac02e3a62a4f0aaa257c59da5eab80".into(),
        run_name: "build".into(),
        created_at: "2024-01-02T03:04:05.5Z".parse().ok(),
        ..RunContext::default()
    }
}

fn document() -> Value {
    json!({
        "kind": "compiled_operation",
        "inputs": [
            {"name": "context", "type": "str", "isOptional": true},
            {"name": "cache", "type": "bool", "value": true, "isFlag": true, "isOptional": true},
            {"name": "steps", "type": "int", "value": 3, "isOptional": true},
        ],
        "outputs": [{"name": "destination", "type": "image"}],
        "run": {
            "kind": "job",
            "connections": ["{{ params.destination.connection }}"],
            "container": {
                "image": "executor",
                "args": ["-c", "{{ context or globals.artifacts_path }}", "-d",
                    "{% if connections[params.destination.connection].url %}{{ connections[params.destination.connection].url }}/{% endif %}{{ destination }}",
                    "{{ cache }}", "{{ context }}", "None"],
                "env": [{"name": "STEPS", "value": "{{ steps }}"}, {"name": "V", "value": "1.10"}],
            },
        },
    })
}

fn resolve_with(document: Value, params: Value) -> Result<ResolvedOperation, Report> {
    let params = serde_json::from_value(params).expect("params");
    resolve(
        &CompiledOperation { document, params },
        &context(),
        &catalog(),
    )
}

#[test]
fn a_build_is_resolved_with_the_url_of_its_connection() {
    let params =
        json!({"destination": {"value": "app:{{ globals.uuid }}", "connection": "registry"}});
    let resolved = resolve_with(document(), params).expect("resolved");
    let image = "r.example/team/app:8aac02e3a62a4f0aaa257c59da5eab80";
    assert_eq!(
        resolved.document["run"]["container"]["args"],
        json!([
            "-c",
            "/plx-context/artifacts",
            "-d",
            image,
            "--cache",
            "None"
        ])
    );
    assert_eq!(resolved.document["run"]["connections"], json!(["registry"]));
    assert_eq!(
        resolved.document["run"]["container"]["env"],
        json!([{"name": "STEPS", "value": "3"}, {"name": "V", "value": "1.10"}])
    );
    assert_eq!(
        resolved.destination(),
        Some(Destination {
            image: image.into(),
            connection: Some("registry".into())
        })
    );
}

/// The form that public copies of the component still have.
#[test]
fn components_of_the_first_generation_read_attributes_of_images() {
    let mut document = document();
    document["run"]["connections"] = json!(["{{ destination.connection }}"]);
    document["run"]["container"]["args"] = json!([
        "{{ destination.name }}",
        "{{ connections[destination.connection].url }}/{{ destination.value }}",
        "{{ destination | upper }}",
        "{{ destination.split(':')[1] }}",
    ]);
    let value = json!("app:{{ globals.uuid }}");
    let uuid = "8aac02e3a62a4f0aaa257c59da5eab80";
    for params in [
        json!({"destination": {"value": value, "connection": "registry"}}),
        json!({"destination": {"value": {"name": value, "connection": "registry"}}}),
    ] {
        let resolved = resolve_with(document.clone(), params).expect("resolved");
        assert_eq!(
            resolved.document["run"]["container"]["args"],
            json!([
                format!("app:{uuid}"),
                format!("r.example/team/app:{uuid}"),
                format!("APP:{}", uuid.to_uppercase()),
                uuid,
            ])
        );
        assert_eq!(resolved.document["run"]["connections"], json!(["registry"]));
    }
    let report =
        resolve_with(document, json!({"destination": {"value": "a"}})).expect_err("refused");
    assert!(
        report
            .to_string()
            .contains("param `destination` has no `connection`"),
        "{report}"
    );
}

#[test]
fn a_registry_without_url_and_a_false_flag_leave_nothing_behind() {
    let params = json!({
        "destination": {"value": "r/app:1", "connection": "bare"},
        "cache": {"value": "no"},
        "context": {"value": "/data"},
    });
    let resolved = resolve_with(document(), params).expect("resolved");
    assert_eq!(
        resolved.document["run"]["container"]["args"],
        json!(["-c", "/data", "-d", "r/app:1", "/data", "None"])
    );
}

#[test]
fn what_cannot_be_resolved_is_said_with_its_place() {
    let with_run = |path: &str, value: Value| {
        let mut document = document();
        document["run"][path] = value;
        document
    };
    let known = json!({"destination": {"value": "a", "connection": "registry"}});
    let mut elsewhere = document();
    elsewhere["namespace"] = json!("third");
    let mut built = document();
    built["build"] = json!({"hubRef": "kaniko"});
    for (document, params, expected) in [
        (
            document(),
            json!({}),
            "output `destination` is required, and no value was given",
        ),
        (
            document(),
            json!({"destination": {"value": "a", "connection": "registri"}}),
            "connection `registri` is not in the catalog of the agent (in `params.destination.connection`); did you mean `registry`?",
        ),
        (
            document(),
            json!({"destination": {"value": "a", "ref": "ops.other"}}),
            "takes its value from another run",
        ),
        (
            with_run("kind", json!("tfjob")),
            known.clone(),
            "kind `tfjob`",
        ),
        (built, known.clone(), "section `build` is not supported"),
        (
            with_run("container", json!({"args": ["{{ missing.name }}"]})),
            known.clone(),
            "run.container.args[0]",
        ),
        (
            with_run("container", json!({"args": ["{{ steps + }}"]})),
            known.clone(),
            "does not parse",
        ),
        (elsewhere, known.clone(), "namespace `third` is not managed"),
    ] {
        let report = resolve_with(document, params).expect_err(expected);
        assert!(report.to_string().contains(expected), "{report}");
    }
}

#[test]
fn an_unknown_connection_is_reported_where_it_was_written() {
    let param = json!({"destination": {"value": "a", "connection": "nowhere"}});
    let known = json!({"destination": {"value": "a", "connection": "registry"}});
    let mut literal = document();
    literal["run"]["connections"] = json!(["nowhere"]);
    let mut init = document();
    init["run"]["init"] =
        json!([{"git": {"url": "https://h/r.git"}, "connection": "{{ params.repo.connection }}"}]);
    init["inputs"] = json!([{"name": "repo", "type": "git", "isOptional": true}]);
    let mut repo = known.clone();
    repo["repo"] = json!({"value": {"url": "https://h/r.git"}, "connection": "nowhere"});
    let mut to_init = repo.clone();
    to_init["repo"]["toInit"] = json!(true);
    for (document, params, expected) in [
        (document(), param.clone(), "params.destination.connection"),
        (literal.clone(), known, "run.connections[0]"),
        (literal, param, "run.connections[0]"),
        (init.clone(), repo, "params.repo.connection"),
        (init, to_init, "params.repo.connection"),
    ] {
        let report = resolve_with(document, params).expect_err(expected);
        let fields: Vec<&str> = report
            .diagnostics()
            .iter()
            .map(|finding| finding.field_path.as_str())
            .collect();
        assert_eq!(fields, [expected], "{report}");
    }
}

#[test]
fn initializers_get_the_default_store_and_params_come_first() {
    let mut document = document();
    document["inputs"] = json!([
        {"name": "repo", "type": "git", "toInit": true, "value": {"url": "https://h/r.git"}},
        {"name": "version", "type": "float", "value": 1.5, "isOptional": true},
    ]);
    document["run"]["container"]["args"] = json!([]);
    document["run"]["init"] = json!([
        {"artifacts": {"files": ["a"]}},
        {"git": {"url": "https://h/x", "revision": "{{ version }}"}},
    ]);
    let params = json!({"destination": {"value": "a", "connection": "registry"}});
    let resolved = resolve_with(document, params).expect("resolved");
    assert_eq!(
        resolved.document["run"]["init"],
        json!([
            {"git": {"url": "https://h/r.git"}},
            {"artifacts": {"files": ["a"]}, "connection": "store"},
            {"git": {"url": "https://h/x", "revision": "1.5"}},
        ])
    );
}

#[test]
fn a_type_that_is_no_initializer_is_refused_without_a_value_too() {
    for (input, expected) in [
        (
            json!({"type": "int"}),
            Err("`x` cannot become an initializer"),
        ),
        (json!({"type": "git"}), Ok(json!([]))),
        (
            json!({"type": "List[path]", "value": [], "connection": "registry"}),
            Ok(json!([{"connection": "registry"}])),
        ),
    ] {
        let mut io = json!({"name": "x", "toInit": true, "isOptional": true});
        for (key, value) in input.as_object().expect("fields") {
            io[key] = value.clone();
        }
        let document = json!({"inputs": [io], "run": {"kind": "job", "init": [], "container": {"image": "a"}}});
        match (resolve_with(document, json!({})), expected) {
            (Ok(resolved), Ok(inits)) => assert_eq!(resolved.document["run"]["init"], inits),
            (Err(report), Err(text)) => assert!(report.to_string().contains(text), "{report}"),
            (result, expected) => panic!("{input}: {result:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_flag_may_be_a_number() {
    for (value, expected) in [(json!(1), json!(["--x"])), (json!(0.0), json!([]))] {
        let document = json!({
            "inputs": [{"name": "x", "type": "bool", "isFlag": true, "isOptional": true, "value": value}],
            "run": {"kind": "job", "container": {"image": "a", "args": ["{{ params.x.as_arg }}"]}},
        });
        let resolved = resolve_with(document, json!({})).expect("resolved");
        assert_eq!(resolved.document["run"]["container"]["args"], expected);
    }
}

#[test]
fn every_pod_of_a_distributed_run_is_bound() {
    for (kind, pods) in [
        (
            "tfjob",
            json!({"chief": {}, "worker": {"init": [{"artifacts": {}}]}}),
        ),
        ("raycluster", json!({"head": {}, "workers": {"small": {}}})),
        ("daskcluster", json!({"scheduler": {}, "worker": {}})),
    ] {
        let mut run = pods.clone();
        run["kind"] = json!(kind);
        for section in pods_of(&run) {
            let pod = section.iter().fold(&mut run, |pod, step| &mut pod[step]);
            pod["connections"] = json!(["{{ params.destination.connection }}"]);
            pod["container"] =
                json!({"image": "a", "args": ["{{ connections.registry.url }}", ""]});
        }
        let mut document = document();
        document["run"] = run;
        document["inputs"] = json!([
            {"name": "repo", "type": "git", "toInit": true, "value": {"url": "https://h/r.git"}},
        ]);
        let params = serde_json::from_value(
            json!({"destination": {"value": "a", "connection": "registry"}}),
        );
        let params = params.expect("params");
        let compiled = CompiledOperation { document, params };
        let resolved = preview(&compiled, &context(), &catalog()).expect("resolved");
        let run = &resolved.document["run"];
        assert_eq!(run.get("init"), None, "{kind}");
        for section in pods_of(run) {
            let pod = section.iter().fold(run, |pod, step| &pod[step]);
            assert_eq!(
                pod["connections"],
                json!(["registry"]),
                "{kind} {section:?}"
            );
            assert_eq!(
                pod["container"]["args"],
                json!(["r.example/team"]),
                "{kind}"
            );
            assert_eq!(
                pod["init"][0],
                json!({"git": {"url": "https://h/r.git"}}),
                "{kind}"
            );
        }
    }
}

#[test]
fn globals_have_their_values_and_unknown_names_none() {
    let mut document = document();
    document["run"]["container"]["args"] = json!([
        "{{ globals.owner_name }}",
        "{{ globals.run_info }}",
        "{{ globals.namespace }}",
        "{{ globals.created_at }}",
        "{{ globals.run_outputs_path }}",
        "{{ globals.unknown }}",
        "{{ params.as_args }}",
        "{{ connections }}",
    ]);
    document["plugins"] = json!({"collectArtifacts": false});
    let params = json!({"destination": {"value": "a", "connection": "registry"}});
    let resolved = resolve_with(document, params).expect("resolved");
    assert_eq!(
        resolved.document["run"]["container"]["args"],
        json!([
            "acme/vision-team",
            "acme.vision.runs.8aac02e3a62a4f0aaa257c59da5eab80",
            "builds",
            "2024-01-02 03:04:05.500000+00:00",
            "/store/8aac02e3a62a4f0aaa257c59da5eab80/outputs",
            "['--cache', '--steps=3', '--destination=a']",
            "{'registry': {'url': 'r.example/team'}}",
        ])
    );
}

#[test]
fn everything_that_would_be_dropped_is_refused_at_once() {
    let compiled = |document: Value| {
        CompiledOperation::from_json(json!({"document": document, "params": {}})).expect("compiled")
    };
    let mut job = document();
    job["isApproved"] = json!(false);
    job["cache"] = json!({"disable": true});
    job["hooks"] = json!([]);
    assert_eq!(check_launchable(&job), Ok(()));

    let mut pipeline = job.clone();
    pipeline["run"] = json!({"kind": "service"});
    let sections = [
        ("build", json!({"hubRef": "kaniko"})),
        ("matrix", json!({"kind": "mapping", "values": []})),
        ("joins", json!([{"query": "q"}])),
        ("schedule", json!({"kind": "cron", "cron": "0 0 * * *"})),
        ("hooks", json!([{"hubRef": "h"}])),
        ("events", json!([{"kinds": [], "ref": "r"}])),
        ("dependencies", json!(["a"])),
        ("trigger", json!("all_done")),
        ("conditions", json!("{{ x }}")),
        ("mount", json!(["a:b"])),
    ];
    for (section, value) in &sections {
        pipeline[*section] = value.clone();
    }
    let report = resolve(
        &compiled(pipeline),
        &RunContext::default(),
        &Catalog::default(),
    )
    .expect_err("refused");
    let fields: Vec<&str> = report
        .diagnostics()
        .iter()
        .map(|diagnostic| diagnostic.field_path.as_str())
        .collect();
    let mut expected: Vec<&str> = sections.iter().map(|(section, _)| *section).collect();
    expected.push("run.kind");
    assert_eq!(fields, expected);
}

#[test]
fn runs_of_other_kinds_are_refused_by_name() {
    for kind in [
        "service",
        "dag",
        "tfjob",
        "pytorchjob",
        "mpijob",
        "raycluster",
        "daskcluster",
        "notifier",
        "cleaner",
        "tuner",
    ] {
        let mut document = document();
        document["run"] = json!({"kind": kind});
        let report = check_launchable(&document).expect_err(kind);
        let message = &report.diagnostics()[0].message;
        assert_eq!(
            *message,
            format!("a run of kind `{kind}` cannot be launched by this version")
        );
    }
}
