use serde_json::json;

use super::*;
use crate::diagnostic::Severity;

fn conversion(text: &str) -> Conversion {
    let source = Source::new("old.yaml", text);
    match convert(&source) {
        Ok(Some(conversion)) => conversion,
        other => panic!("{other:?}"),
    }
}

fn errors(text: &str) -> Vec<String> {
    match convert(&Source::new("old.yaml", text)) {
        Ok(found) => panic!("{found:?}"),
        Err(report) => report
            .diagnostics()
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .map(|found| found.field_path.clone())
            .collect(),
    }
}

const SEED: &str = "version: 1\nproject: {name: mnist}\ndeclarations: {batch_size: 128, lr: 0.1}\n\
    run:\n  image: tensorflow/tensorflow:1.4.1-py3\n  steps: [STEP]\n  \
    cmd: python3 train.py --lr=\"{{ lr }}\"\n";

#[test]
fn the_first_era_becomes_an_operation_with_a_build() {
    let found = conversion(&SEED.replace("STEP", "pip install scikit-learn"));
    assert_eq!(found.project.as_deref(), Some("mnist"));
    assert_eq!(
        found.operation,
        json!({
            "kind": "operation",
            "build": {
                "hubRef": "kaniko",
                "runPatch": {"init": [{"dockerfile": {
                    "image": "tensorflow/tensorflow:1.4.1-py3",
                    "langEnv": "en_US.UTF-8",
                    "run": ["pip install scikit-learn"],
                    "workdir": "/code",
                    "workdirPath": "{{ globals.uuid }}/uploads",
                }}]},
            },
            "component": {
                "inputs": [
                    {"name": "batch_size", "type": "int", "value": 128},
                    {"name": "lr", "type": "float", "value": 0.1},
                ],
                "run": {"kind": "job", "container": {
                    "command": ["/bin/bash", "-c"],
                    "args": ["python3 train.py --lr=\"{{ lr }}\""],
                }},
            },
        })
    );
    assert_eq!(found.notes.len(), 4, "{:?}", found.notes);
    assert!(
        found
            .notes
            .iter()
            .all(|note| note.code == Code::Deprecated && note.place.is_some())
    );
}

#[test]
fn files_that_steps_use_are_copied_before_them() {
    for (step, copied, run) in [
        (
            "pip install -r polyaxon_requirements.txt",
            json!([[
                "{{ globals.uuid }}/uploads/polyaxon_requirements.txt",
                "/code/polyaxon_requirements.txt"
            ]]),
            json!(["pip install -r polyaxon_requirements.txt"]),
        ),
        (
            "./polyaxon_setup.sh",
            json!([[
                "{{ globals.uuid }}/uploads/polyaxon_setup.sh",
                "/code/polyaxon_setup.sh"
            ]]),
            json!(["chmod +x polyaxon_setup.sh", "./polyaxon_setup.sh"]),
        ),
        (
            "pip install -r req/dev.txt && bash setup.sh",
            json!([
                [
                    "{{ globals.uuid }}/uploads/req/dev.txt",
                    "/code/req/dev.txt"
                ],
                ["{{ globals.uuid }}/uploads/setup.sh", "/code/setup.sh"],
            ]),
            json!(["pip install -r req/dev.txt && bash setup.sh"]),
        ),
        (
            "pip install -r /etc/all.txt a==1",
            json!(null),
            json!(["pip install -r /etc/all.txt a==1"]),
        ),
    ] {
        let found = conversion(&SEED.replace("STEP", step));
        let dockerfile = &found.operation["build"]["runPatch"]["init"][0]["dockerfile"];
        assert_eq!(dockerfile["copy"], copied, "{step}");
        assert_eq!(dockerfile["run"], run, "{step}");
    }
}

#[test]
fn later_eras_have_a_build_of_their_own() {
    let found = conversion(
        "version: 1\nkind: experiment\nname: e\ntags: [a]\nmax_restarts: 2\nlogging: {level: INFO}\n\
         build:\n  image: python:3\n  build_steps: [pip install a]\n  env_vars: [[A, 1], [B, b]]\n  \
         lang_env: C.UTF-8\n  git: https://git.example/team/code.git\n  branch: main\n  nocache: true\n  backend: kaniko\n\
         environment:\n  node_selector: {gpu: yes please}\n  env_vars: [[C, c]]\n  \
         resources: {cpu: {requests: 1, limits: 2}, memory: {requests: 512}, gpu: {limits: 1}}\n\
         run: {cmd: [a, b]}\n",
    );
    assert_eq!(
        found.operation,
        json!({
            "kind": "operation",
            "name": "e",
            "tags": ["a"],
            "plugins": {"logLevel": "INFO"},
            "termination": {"maxRetries": 2},
            "build": {
                "hubRef": "kaniko",
                "params": {"cache": {"value": false}},
                "runPatch": {"init": [
                    {"git": {"url": "https://git.example/team/code.git", "revision": "main"}},
                    {"dockerfile": {
                        "image": "python:3",
                        "env": [["A", "1"], ["B", "b"]],
                        "langEnv": "C.UTF-8",
                        "run": ["pip install a"],
                        "workdir": "/code",
                        "workdirPath": "code",
                    }},
                ]},
            },
            "component": {"run": {
                "kind": "job",
                "environment": {"nodeSelector": {"gpu": "yes please"}},
                "container": {
                    "command": ["/bin/bash", "-c"],
                    "args": ["a && b"],
                    "env": [{"name": "C", "value": "c"}],
                    "resources": {
                        "requests": {"cpu": 1, "memory": "512Mi"},
                        "limits": {"cpu": 2, "nvidia.com/gpu": 1},
                    },
                },
            }},
        })
    );
}

#[test]
fn a_dockerfile_of_the_code_and_a_file_that_only_builds() {
    let found = conversion(
        "version: 1\nkind: build\nbuild: {dockerfile: docker/Dockerfile, context: ./src, git: 'git@h:o/r.git', commit: 12}\n",
    );
    assert_eq!(
        found.operation,
        json!({
            "kind": "operation",
            "hubRef": "kaniko",
            "params": {
                "context": {"value": "{{ globals.artifacts_path }}/r/src"},
                "dockerfile": {"value": "{{ globals.artifacts_path }}/r/docker/Dockerfile"},
            },
            "runPatch": {"init": [{"git": {"url": "git@h:o/r.git", "revision": "12"}}]},
        })
    );
}

#[test]
fn searches_keep_their_spaces() {
    let found = conversion(
        "version: 1\nkind: group\nhptuning:\n  concurrency: 2\n  random_search: {n_experiments: 5}\n  \
         matrix: {lr: {uniform: '0:1'}, b: {values: [1, 2]}}\nbuild: {image: a}\nrun: {cmd: c}\n",
    );
    assert_eq!(
        found.operation["matrix"],
        json!({
            "kind": "random",
            "params": {
                "lr": {"kind": "uniform", "value": "0:1"},
                "b": {"kind": "choice", "value": [1, 2]},
            },
            "concurrency": 2,
            "numRuns": 5,
        })
    );
    assert_eq!(
        found.operation["component"]["inputs"],
        json!([{"name": "lr", "type": "float"}, {"name": "b"}])
    );
    let grid = conversion(
        "matrix: {lr: {range: '0:1:1'}}\nsettings: {seed: 1}\nrun: {image: a, cmd: c}\n",
    );
    assert_eq!(grid.operation["matrix"]["kind"], "grid");
}

#[test]
fn what_has_no_form_is_an_error_at_its_place() {
    for (text, fields) in [
        ("declarations: {a: 1}", vec!["run"]),
        ("project: x\nrun: {image: a}", vec!["run.cmd"]),
        ("kind: notebook\nrun: {image: a, cmd: c}", vec!["kind"]),
        (
            "project: x\nframework: torch\nrun: {image: a, cmd: c}",
            vec!["framework"],
        ),
        (
            "project: x\nrun: {image: a, cmd: c, entry: b}",
            vec!["run.entry"],
        ),
        (
            "project: x\nrun: {image: a, cmd: c, env_vars: [[A], [B, 1]]}",
            vec!["run.env_vars[0]"],
        ),
        (
            "build: {image: a, secrets: [b]}\nrun: {cmd: c}",
            vec!["build.secrets"],
        ),
        (
            "build: {image: a, dockerfile: d}\nrun: {cmd: c}",
            vec!["build.image"],
        ),
        (
            "build: {image: a}\nrun: {image: b, cmd: c}",
            vec!["run.image"],
        ),
        ("build: {build_steps: [a]}\nrun: {cmd: c}", vec!["build"]),
        (
            "matrix: {a: {value: 1}}\nrun: {image: a, cmd: c}",
            vec!["matrix.a"],
        ),
        (
            "matrix: {a: {uniform: '0:1'}}\nrun: {image: a, cmd: c}",
            vec!["settings.random_search"],
        ),
        (
            "logging: {format: x}\nrun: {image: a, cmd: c}",
            vec!["logging.format"],
        ),
        (
            "environment: {pods: 1}\nrun: {image: a, cmd: c}",
            vec!["environment.pods"],
        ),
        ("kind: build\nproject: x", vec!["build"]),
        // The translation is checked like any operation.
        (
            "project: x\nrun: {image: a b, cmd: c}",
            vec!["build.runPatch.init[0].dockerfile.image"],
        ),
        (
            "declarations: {globals: 1}\nrun: {image: a, cmd: c}",
            vec!["component.inputs[0].name"],
        ),
    ] {
        assert_eq!(errors(text), fields, "{text}");
    }
    let report = convert(&Source::new(
        "old.yaml",
        "project: x\nrun: {image: a b, cmd: c}",
    ));
    let errors = report
        .err()
        .map(Report::into_diagnostics)
        .unwrap_or_default();
    let place = errors
        .into_iter()
        .find(|found| found.severity == Severity::Error)
        .and_then(|found| found.place);
    assert_eq!(place.map(|place| (place.line, place.column)), Some((2, 14)));
}

#[test]
fn todays_files_are_left_alone() {
    for text in [
        "kind: operation\nproject: x",
        "kind: component\nrun: {kind: job}",
        "run: {kind: job, container: {image: a}}",
        "build: {hubRef: kaniko}\nrun: {kind: job}",
        "hubRef: kaniko",
        "matrix: {kind: grid}",
        "[]",
    ] {
        assert_eq!(convert(&Source::new("new.yaml", text)), Ok(None), "{text}");
    }
}
