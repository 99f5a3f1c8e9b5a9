//! The operation that users type, unchanged, into the registry with TLS and a password.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{get, wait_for_text};
use polyaxon_e2e::cluster::ClusterServices;
use serde_json::{Value, json};

use crate::END;
use crate::gate::Gate;

const QUICK_START: &str = include_str!("../../fixtures/1-quick-start-builds.yaml");

/// What a build may do in its container, and nothing else.
const CAPABILITIES: [&str; 7] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "KILL",
    "SETFCAP",
    "SETGID",
    "SETUID",
];

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn quick_start_operation_builds_unchanged_and_then_from_the_cache() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    std::fs::write(cluster.path("build.yaml"), QUICK_START)?;
    // The registry may have its layers already, of another test.
    build(&cluster)?;
    let second = build(&cluster)?;
    let hits = second["build"]["cache_hits"].as_array();
    let instruction = "RUN pip3 install --no-cache-dir -U polyaxon";
    ensure!(
        hits.is_some_and(|hits| hits
            .iter()
            .any(|hit| hit.as_str().is_some_and(|hit| hit.starts_with(instruction)))),
        "{second:#}"
    );
    Ok(())
}

/// `polyaxon run -l` of the operation; the run as it is told afterwards.
fn build(cluster: &ClusterServices) -> Result<Value> {
    let output = cluster
        .polyaxon(&["run", "-f", "build.yaml", "-l"])?
        .expect_status(0)?;
    for status in ["created", "queued", "starting", "running", "succeeded in "] {
        ensure!(
            output.stderr.contains(status),
            "no `{status}`: {}",
            output.stderr
        );
    }
    ensure!(
        output
            .stdout
            .contains("RUN pip3 install --no-cache-dir -U polyaxon")
    );

    let runs = cluster.json(&["ops", "ls"])?;
    let uuid = runs["runs"][0]["uuid"].as_str().context("no run")?;
    let run = get(cluster, uuid)?;
    let digest = cluster
        .pushed_digest("polyaxon/polyaxon-quick-start", "latest")?
        .context("nothing was pushed")?;
    ensure!(run["build"]["digest"] == digest.as_str(), "{run:#}");
    ensure!(run["build"]["confirmed"] == true, "{run:#}");
    let logs = cluster
        .polyaxon(&["ops", "logs", "-uid", uuid])?
        .expect_status(0)?;
    ensure!(
        output.stdout == logs.stdout,
        "the followed log differs from the stored one"
    );
    cluster.wait_until_gone(uuid)?;
    Ok(run)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_pod_has_what_it_needs_and_no_more() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let kept = "for run in /plx-context/artifacts/*; do echo kept >$run/outputs/note; done";
    let gate = Gate::start(&cluster)?;
    let command = format!("{kept}; echo begun; {}", gate.wait()?);
    let uuid = cluster.queue(&crate::operation("pod", &command))?;
    wait_for_text(&cluster, &uuid, "begun")?;
    let pods = cluster.objects("pods", &uuid)?;
    let spec = &pods.first().context("no pod")?["spec"];
    ensure!(spec["automountServiceAccountToken"] == false, "{spec:#}");
    ensure!(
        spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
        "{spec:#}"
    );
    ensure!(spec["hostUsers"] == false, "{spec:#}");
    let context = &spec["containers"][0]["securityContext"]["capabilities"];
    ensure!(context["drop"] == json!(["ALL"]), "{context:#}");
    ensure!(context["add"] == json!(CAPABILITIES), "{context:#}");
    let jobs = cluster.objects("jobs", &uuid)?;
    let job = &jobs.first().context("no Job")?["spec"];
    ensure!(
        job["backoffLimit"] == 0 && job["podReplacementPolicy"] == "Failed",
        "{job:#}"
    );
    gate.open(1)?;
    cluster.wait_for_status(&uuid, "succeeded", END)?;
    let run = get(&cluster, &uuid)?;
    ensure!(run["build"]["confirmed"] == true, "{run:#}");
    ensure!(run["isolation"] == "userns", "{run:#}");
    // The sidecar writes it from the user namespace of the pod.
    let note = cluster.path("store").join(&uuid).join("outputs/note");
    let text = std::fs::read_to_string(&note).with_context(|| format!("{note:?}"))?;
    ensure!(text == "kept\n", "{text}");
    cluster.wait_until_gone(&uuid)
}
