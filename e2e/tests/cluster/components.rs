//! A component that a team forked from the official one, from the hub: what it presets is on the pod.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::wait_for_text;
use polyaxon_e2e::cluster::ClusterServices;

use crate::gate::Gate;
use crate::operation;

/// What it presets.
const FLAG: &str = "--image-fs-extract-retry=2";

/// The official component with one more flag, registered as `acme/kaniko:latest`.
fn fork(cluster: &ClusterServices) -> Result<()> {
    let official = cluster
        .polyaxon(&["components", "get", "kaniko", "-o", "yaml"])?
        .expect_status(0)?
        .stdout;
    let args = "    args:\n";
    ensure!(official.contains(args), "{official}");
    let forked = official.replace(args, &format!("{args}    - {FLAG}\n"));
    std::fs::write(cluster.path("kaniko.yaml"), forked)?;
    let register = [
        "components",
        "register",
        "-f",
        "kaniko.yaml",
        "-p",
        "acme/kaniko",
        "-ver",
        "latest",
    ];
    cluster.polyaxon(&register)?.expect_status(0)?;
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_forked_component_builds_from_the_hub_with_its_flags() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    fork(&cluster)?;
    let gate = Gate::start(&cluster)?;
    // With a name that no cache knows.
    let name = cluster.namespaces()[0].name();
    let command = format!("echo line-1-end; : {name}; {}", gate.wait()?);
    let forked = operation("forked", &command)
        .replace("hubRef: kaniko\n", "")
        .replace("cache: false", "cache_ttl: 24h");
    std::fs::write(cluster.path("build.yaml"), forked)?;
    let run = cluster.json(&["run", "--hub", "acme/kaniko", "-f", "build.yaml"])?;
    let uuid = run["uuid"].as_str().context("no uuid")?;
    wait_for_text(&cluster, uuid, "line-1-end")?;
    let pods = cluster.objects("pods", uuid)?;
    let args = &pods.first().context("no pod")?["spec"]["containers"][0]["args"];
    let has = |flag: &str| {
        let all = args.as_array().into_iter().flatten();
        all.into_iter().any(|arg| arg == flag)
    };
    for flag in [FLAG, "--cache", "--cache-ttl=24h"] {
        ensure!(has(flag), "no `{flag}` in {args}");
    }
    gate.open(1)?;
    cluster.check_whole(uuid, 1)
}
