//! `polyaxon compile`.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::fake_hub::{FakeHub, State};
use crate::process::Home;
use crate::run::BUILD;

const AGENT: &str = "namespace: builds
artifactsStore:
  name: artifacts-store
  kind: host_path
  schema: {hostPath: /srv/artifacts, mountPath: /plx-artifacts}
connections:
- name: docker-connection
  kind: registry
  schema: {url: 127.0.0.1:5000}
";

#[test]
fn every_stage_of_a_build() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", BUILD)?;
    home.write("agent.yaml", AGENT)?;
    for stage in [
        "operation",
        "compiled",
        "resolved",
        "plan",
        "resource",
        "job",
    ] {
        let output = home.polyaxon(&[
            "compile",
            "-f",
            "build.yaml",
            "--offline",
            "--agent-config",
            "agent.yaml",
            "--stage",
            stage,
        ])?;
        assert_eq!(output.status, Some(0), "{stage}: {output}");
        let wanted = match stage {
            "operation" => "hubRef: kaniko",
            "compiled" => "kind: compiled_operation",
            "resource" => "apiVersion: polyaxon.com/v1",
            "job" => "apiVersion: batch/v1",
            _ => "127.0.0.1:5000/team/app:1",
        };
        assert!(output.stdout.contains(wanted), "{stage}: {output}");
    }
    Ok(())
}

#[test]
fn a_document_is_the_file_as_it_was_read() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("odd.yaml", "a: on\nb: 0777\nc: 1:30\na: 1_000\n")?;
    let output = home.polyaxon(&[
        "compile", "-f", "odd.yaml", "--stage", "document", "-o", "json",
    ])?;
    let document: serde_json::Value = serde_json::from_str(&output.stdout)?;
    assert_eq!(document, serde_json::json!({"a": 1000, "b": 511, "c": 90}));
    assert!(output.stderr.contains("PX0107"), "{output}");
    let of_hub = home.polyaxon(&["compile", "--hub", "kaniko", "--stage", "document"])?;
    assert_eq!(of_hub.status, Some(2), "{of_hub}");
    Ok(())
}

#[test]
fn python_is_refused_with_a_sentence() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    for command in ["check", "compile", "run"] {
        let output = home.polyaxon(&[command, "-pm", "build.py:main"])?;
        assert_eq!(output.status, Some(2), "{output}");
        assert!(output.stderr.contains("write it as YAML"), "{output}");
    }
    Ok(())
}

#[test]
fn two_prints_are_equal() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write("build.yaml", BUILD)?;
    home.write("agent.yaml", AGENT)?;
    let arguments = [
        "compile",
        "-f",
        "build.yaml",
        "--offline",
        "--agent-config",
        "agent.yaml",
    ];
    let first = home.polyaxon(&arguments)?;
    let second = home.polyaxon(&arguments)?;
    assert_eq!(first.stdout, second.stdout);
    Ok(())
}

#[test]
fn an_unknown_connection_has_a_place() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write(
        "build.yaml",
        &BUILD.replace("docker-connection", "docker-conection"),
    )?;
    home.write("agent.yaml", AGENT)?;
    let output = home.polyaxon(&[
        "compile",
        "-f",
        "build.yaml",
        "--offline",
        "--agent-config",
        "agent.yaml",
    ])?;
    insta::assert_snapshot!(output);
    Ok(())
}

#[test]
fn components_come_from_the_hub() -> Result<()> {
    let mut version = crate::components::version("acme", "kaniko", "latest");
    version.content =
        br#"{"kind":"component","run":{"kind":"job","container":{"image":"from-the-hub"}}}"#
            .to_vec()
            .into();
    let hub = FakeHub::start(State {
        versions: vec![version],
        ..State::default()
    })?;
    let home = Home::of(&hub)?;
    let output = home.polyaxon(&["compile", "--hub", "acme/kaniko", "--stage", "compiled"])?;
    assert!(output.stdout.contains("image: from-the-hub"), "{output}");
    let absent = home.polyaxon(&["compile", "--hub", "acme/kanik"])?;
    assert_eq!(absent.status, Some(6), "{absent}");
    Ok(())
}

#[test]
fn the_resource_of_a_distributed_run_has_all_of_its_pods() -> Result<()> {
    let home = Home::at("http://127.0.0.1:9")?;
    home.write(
        "train.yaml",
        "run:\n  kind: pytorchjob\n  master: {container: {image: a}}\n  worker: {replicas: 3, container: {image: a}}\n\
         plugins: {collectArtifacts: false}\n",
    )?;
    let stage = |stage: &str| {
        home.polyaxon(&[
            "compile",
            "-f",
            "train.yaml",
            "--offline",
            "--stage",
            stage,
            "-o",
            "json",
        ])
    };
    let resource = stage("resource")?;
    let resource: Value =
        serde_json::from_str(&resource.stdout).with_context(|| format!("{resource}"))?;
    assert_eq!(resource["kind"], "KfJob");
    let replicas = &resource["pytorchJobSpec"]["replicaSpecs"];
    assert_eq!(replicas["Worker"]["replicas"], 3);
    assert_eq!(
        replicas["Master"]["template"]["spec"]["containers"][0]["name"],
        "pytorch"
    );
    let plan = stage("plan")?;
    let plan: Value = serde_json::from_str(&plan.stdout)?;
    assert_eq!(plan["replicas"][1]["field"], "worker");
    let job = stage("job")?;
    assert_eq!(job.status, Some(2), "{job}");
    assert!(
        job.stderr.contains("is several pods, and one is asked for"),
        "{job}"
    );
    home.write(
        "dag.yaml",
        "run: {kind: dag, operations: [{name: a, component: {run: {kind: job, container: {image: a}}}}]}\n",
    )?;
    let dag = home.polyaxon(&["compile", "-f", "dag.yaml", "--offline"])?;
    assert_eq!(dag.status, Some(2), "{dag}");
    assert!(dag.stderr.contains("a dag has no pod of its own"), "{dag}");
    Ok(())
}
