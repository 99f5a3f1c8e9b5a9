//! `polyaxon compile`.

use anyhow::Result;

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
