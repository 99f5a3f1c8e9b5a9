use serde_json::{Value, json};

use super::*;
use crate::agent_config::AgentConfig;
use crate::compose::CompiledOperation;
use crate::resolve::preview;
use crate::source::Source;

fn catalog() -> Catalog {
    let text = "namespace: builds\n\
        artifactsStore: {name: store, kind: volume_claim, schema: {volumeClaim: c, mountPath: /store}}\n\
        connections:\n\
        - {name: registry, kind: registry, schema: {url: r.example}, secret: {name: conf, mountPath: /kaniko/.docker}}\n\
        - {name: again, kind: registry, schema: {url: r.example}, secret: {name: conf, mountPath: /other}}\n\
        - {name: keys, kind: aws, secret: {name: keys, items: [ID]}, configMap: {name: region, mountPath: /r, items: [REGION]}}\n\
        - {name: hook, kind: slack, env: [{name: LEVEL, value: high}], annotations: {a: b}}\n\
        secrets: [{name: everywhere, isRequested: true}, {name: nowhere}]\n";
    AgentConfig::read(&Source::new("agent.yaml", text))
        .expect("valid")
        .catalog()
}

fn run_context() -> RunContext {
    RunContext {
        owner: "acme".into(),
        project: "vision".into(),
        run_uuid: "8aac02e3a62a4f0aaa257c59da5eab80".into(),
        run_name: "Build 1".into(),
        api_host: "http://hub:8000".into(),
        ..RunContext::default()
    }
}

fn plan_of(document: Value, catalog: &Catalog) -> Result<PodPlan, Report> {
    let compiled = CompiledOperation {
        document,
        params: Default::default(),
    };
    let run = run_context();
    let resolved = preview(&compiled, &run, catalog)?;
    let mut count = 0;
    plan(&resolved, &run, catalog, &mut || {
        count += 1;
        format!("{count:010}")
    })
}

fn names(containers: &[ContainerPlan]) -> Vec<&str> {
    containers.iter().map(|c| c.name.as_str()).collect()
}

#[test]
fn a_command_may_be_one_text() {
    let plan_with = |command: Value| {
        let container = json!({"image": "a", "command": command, "args": 5});
        plan_of(
            json!({"run": {"kind": "job", "container": container}}),
            &catalog(),
        )
    };
    let main = plan_with(json!("sh"))
        .expect("planned")
        .main()
        .cloned()
        .expect("main");
    assert_eq!(
        (main.command, main.args),
        (vec!["sh".to_owned()], vec!["5".to_owned()])
    );
    let report = plan_with(json!({"a": "b"})).expect_err("a mapping");
    assert!(report.to_string().contains("has to be a list"), "{report}");
}

#[test]
fn containers_and_volumes_come_in_the_known_order() {
    let document = json!({
        "plugins": {"auth": true, "tmux": true},
        "run": {
            "kind": "job",
            "connections": ["registry", "again"],
            "init": [
                {"container": {"image": "busybox", "name": "mine"}},
                {"dockerfile": {"image": "python:3.11"}},
                {"git": {"url": "https://git.example/a/My_Repo.git"}, "path": "/src"},
            ],
            "sidecars": [{"image": "proxy"}],
            "volumes": [{"name": "scratch", "emptyDir": {}}],
            "container": {"image": "executor", "name": "other"},
        },
    });
    let plan = plan_of(document, &catalog()).expect("planned");
    assert_eq!(
        names(&plan.init_containers),
        [
            "polyaxon-init-auth",
            "polyaxon-init-tools",
            "polyaxon-init-artifacts-default",
            "polyaxon-init-dockerfile-0000000001",
            "polyaxon-init-git-my-repo-0000000002",
            "mine",
        ]
    );
    assert_eq!(
        names(&plan.containers),
        ["polyaxon-main", "polyaxon-sidecar", "sidecar-0000000003"]
    );
    let volumes: Vec<&str> = plan.volumes.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(volumes[0], "scratch");
    assert!(volumes[1].starts_with("connections-context-"));
    assert_eq!(
        volumes[2..],
        [
            "artifacts-context",
            "store",
            "conf",
            "shm",
            "configs-context",
            "plx-tools-bin",
        ]
    );
    let git = &plan.init_containers[4];
    assert_eq!(git.args[0], "--repo-path=/src/My_Repo");
    assert_eq!(git.mounts.last().map(|m| m.path.as_str()), Some("/src"));
    assert_eq!(plan.labels["app.kubernetes.io/name"], "build-1");
    // Two connections share a Secret: one volume, mounted once, where the first one wants it.
    let main = plan.main().expect("main");
    let conf: Vec<&Mount> = main.mounts.iter().filter(|m| m.volume == "conf").collect();
    assert_eq!(conf.len(), 1);
    assert_eq!(conf[0].path, "/kaniko/.docker");
}

#[test]
fn connections_bring_variables_and_annotations() {
    let document = json!({
        "run": {
            "kind": "job",
            "connections": ["keys", "hook"],
            "container": {
                "image": "x",
                "env": [{"name": "POLYAXON_HOST", "value": "mine"}, {"name": "A", "value": "1"}],
                "resources": {"limits": {"nvidia.com/gpu": 1}},
            },
        },
    });
    let plan = plan_of(document, &catalog()).expect("planned");
    let main = plan.main().expect("main");
    let variable = |name: &str| main.env.iter().find(|v| v.name == name).map(|v| &v.source);
    assert_eq!(
        variable("POLYAXON_HOST"),
        Some(&EnvSource::Value("http://hub:8000".into()))
    );
    assert_eq!(variable("LEVEL"), Some(&EnvSource::Value("high".into())));
    assert!(matches!(variable("ID"), Some(EnvSource::SecretKey { name, .. }) if name == "keys"));
    assert!(matches!(
        variable("REGION"),
        Some(EnvSource::ConfigMapKey { .. })
    ));
    assert_eq!(variable("NVIDIA_VISIBLE_DEVICES"), None);
    assert_eq!(main.env_from, [EnvFrom::Secret("everywhere".into())]);
    assert_eq!(main.resources, json!({"limits": {"nvidia.com/gpu": "1"}}));
    assert_eq!(plan.annotations["a"], "b");
    let region = plan.volumes.iter().find(|v| v.name == "region");
    assert!(
        matches!(region.map(|v| &v.source), Some(VolumeSource::ConfigMap { items, .. }) if items.len() == 1)
    );
}

#[test]
fn sidecars_of_the_user_can_do_without_connections() {
    for (alone, expected) in [(false, 1), (true, 0)] {
        let document = json!({
            "plugins": {"sidecar": {"noConnections": alone}},
            "run": {
                "kind": "job",
                "connections": ["registry"],
                "sidecars": [{"image": "proxy", "name": "proxy"}],
                "container": {"image": "x"},
            },
        });
        let plan = plan_of(document, &catalog()).expect("planned");
        let proxy = plan.containers.iter().find(|c| c.name == "proxy");
        let mounts = &proxy.expect("the sidecar").mounts;
        assert_eq!(
            mounts.iter().filter(|m| m.volume == "conf").count(),
            expected
        );
    }
}

#[test]
fn main_listens_on_the_ports_of_a_service() {
    let document = json!({
        "run": {
            "kind": "service",
            "ports": [80, 90],
            "isExternal": false,
            "container": {"image": "x", "ports": [{"containerPort": 90, "name": "b"}]},
        },
    });
    let plan = plan_of(document, &catalog()).expect("planned");
    let ports = &plan.main().expect("main").ports;
    assert_eq!(
        *ports,
        [
            json!({"containerPort": 90, "name": "b"}),
            json!({"containerPort": 80})
        ]
    );
    let printed = crate::k8s::resource(&plan);
    assert_eq!(printed["serviceSpec"]["ports"], json!([80, 90]));
    assert!(printed["serviceSpec"].get("isExternal").is_none());
}

#[test]
fn a_run_of_several_pods_is_refused_by_its_kind() {
    for kind in ["tfjob", "pytorchjob", "mpijob", "raycluster", "daskcluster"] {
        let document = json!({"run": {"kind": kind, "worker": {"container": {"image": "x"}}}});
        let report = plan_of(document, &catalog()).expect_err(kind);
        assert!(
            report
                .to_string()
                .contains(&format!("kind `{kind}` is several pods")),
            "{report}"
        );
    }
}

#[test]
fn connections_do_not_hide_each_other() {
    let text = "connections:\n\
        - {name: a, kind: registry, schema: {url: a}, secret: {name: sa, mountPath: /kaniko/.docker}}\n\
        - {name: b, kind: registry, schema: {url: b}, secret: {name: sb, mountPath: /kaniko/.docker}}\n";
    let catalog = AgentConfig::read(&Source::new("agent.yaml", text))
        .expect("valid")
        .catalog();
    let document = |mounts: Value| {
        json!({
            "plugins": {"collectArtifacts": false, "shm": false},
            "run": {"kind": "job", "connections": ["a", "b"], "container": {"image": "x", "volumeMounts": mounts}},
        })
    };
    let volumes = |mounts: Value| {
        let plan = plan_of(document(mounts), &catalog).expect("planned");
        let main = plan.main().cloned().expect("main");
        main.mounts
            .into_iter()
            .map(|mount| mount.volume)
            .collect::<Vec<_>>()
    };
    assert_eq!(volumes(json!([])), ["sa", "sb"]);
    let own = json!([{"name": "mine", "mountPath": "/kaniko/.docker"}]);
    assert_eq!(volumes(own), ["mine"]);
}

#[test]
fn no_device_is_hidden_from_a_container_that_asks_for_one() {
    for (resources, is_hidden) in [
        (json!({}), true),
        (json!({"limits": {"nvidia.com/gpu": 0}}), true),
        (json!({"limits": {"nvidia.com/gpu": "1"}}), false),
        (json!({"requests": {"amd.com/gpu": 1}}), false),
        (json!({"limits": {"cpu": 1}}), true),
    ] {
        let container = json!({"image": "a", "resources": resources});
        let document = json!({"run": {"kind": "job", "container": container}});
        let plan = plan_of(document, &catalog()).expect("planned");
        let main = plan.main().expect("main");
        let found = main.env.iter().any(|v| v.name == "NVIDIA_VISIBLE_DEVICES");
        assert_eq!(found, is_hidden, "{resources}");
    }
}

#[test]
fn what_initializers_bring_is_for_main_alone() {
    let document = json!({
        "plugins": {"tmux": true, "collectArtifacts": false},
        "run": {
            "kind": "job",
            "init": [{"file": {"content": "c"}, "path": "/brought"}, {"file": {"content": "d"}}],
            "sidecars": [{"image": "proxy", "name": "proxy"}],
            "container": {"image": "x"},
        },
    });
    let plan = plan_of(document, &catalog()).expect("planned");
    let paths = |name: &str| {
        let container = plan
            .containers
            .iter()
            .find(|container| container.name == name);
        let mounts = container.expect("the container").mounts.iter();
        mounts.map(|mount| mount.path.clone()).collect::<Vec<_>>()
    };
    for path in ["/brought", "/plx-context/artifacts", "/opt/polyaxon/bin"] {
        assert!(
            paths(crate::plan::MAIN).iter().any(|found| found == path),
            "{path}"
        );
        assert!(!paths("proxy").iter().any(|found| found == path), "{path}");
    }
}

#[test]
fn what_cannot_be_planned_names_its_field() {
    let job = |extra: Value| {
        let mut run = json!({"kind": "job", "container": {"image": "x"}});
        if let (Some(run), Value::Object(extra)) = (run.as_object_mut(), extra) {
            run.extend(extra);
        }
        json!({ "run": run })
    };
    for (document, expected) in [
        (job(json!({"container": null})), "no `container`"),
        (job(json!({"container": {"args": ["a"]}})), "no `image`"),
        (job(json!({"init": [{"path": "/x"}]})), "run.init[0]"),
        (
            job(json!({"init": [{"connection": "hook"}]})),
            "add a `container`",
        ),
        (job(json!({"init": [{"git": {}}]})), "no url"),
        (
            job(json!({"init": [{"dockerfile": {"run": []}}]})),
            "run.init[0].dockerfile",
        ),
        (
            job(json!({"container": {"image": "x", "volumeMounts": [{"name": "a"}]}})),
            "run.container.volumeMounts[0]",
        ),
    ] {
        let report = plan_of(document, &catalog()).expect_err(expected);
        assert!(report.to_string().contains(expected), "{report}");
    }
    let report = plan_of(job(json!({})), &Catalog::default()).expect_err("no store");
    assert!(
        report.to_string().contains("no artifacts store"),
        "{report}"
    );
}

#[test]
fn the_same_input_gives_the_same_plan() {
    let document = json!({"run": {"kind": "job", "container": {"image": "x"},
        "init": [{"file": {"content": "c"}}]}});
    let first = plan_of(document.clone(), &catalog()).expect("planned");
    assert_eq!(plan_of(document, &catalog()), Ok(first.clone()));
    let text = serde_json::to_string(&first).expect("JSON");
    assert_eq!(serde_json::from_str::<PodPlan>(&text).expect("plan"), first);
}
