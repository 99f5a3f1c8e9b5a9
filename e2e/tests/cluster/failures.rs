//! What a cluster can do to a build, and the words that the run gets for it.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::get;
use polyaxon_e2e::cluster::{AgentFile, ClusterServices, kubectl};
use polyaxon_e2e::command::eventually;
use serde_json::Value;

use crate::{END, operation};

fn failed(cluster: &ClusterServices, operation: &str) -> Result<Value> {
    let uuid = cluster.queue(operation)?;
    cluster.wait_for_status(&uuid, "failed", END)?;
    let run = get(cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)?;
    Ok(run)
}

pub(crate) fn class(run: &Value) -> Result<&str> {
    run["failure"]["class"].as_str().context("no class")
}

pub(crate) fn with_resources(operation: &str, resources: &str) -> String {
    operation.replace(
        "runPatch:\n",
        &format!("runPatch:\n  container: {{resources: {resources}}}\n"),
    )
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_without_enough_memory_says_so() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let greedy = operation("memory", "tail /dev/zero");
    let run = failed(
        &cluster,
        &with_resources(&greedy, "{limits: {memory: 96Mi}}"),
    )?;
    ensure!(class(&run)? == "oom", "{run:#}");
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_failing_instruction_is_named_with_its_exit_status() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let run = failed(
        &cluster,
        &operation("status", "echo reason-in-the-log; exit 7"),
    )?;
    ensure!(class(&run)? == "run_failed", "{run:#}");
    ensure!(run["failure"]["exit_code"] == 7, "{run:#}");
    let lines = run["failure"]["last_lines"].to_string();
    ensure!(lines.contains("reason-in-the-log"), "{run:#}");
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_pod_that_no_node_takes_is_told_and_given_up() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start_with(&AgentFile {
        executor: "    unschedulableTimeout: 8\n",
        ..AgentFile::default()
    })?;
    let huge = with_resources(&operation("huge", "true"), "{requests: {cpu: '1000'}}");
    let uuid = cluster.queue(&huge)?;
    cluster.wait_for_status(&uuid, "unschedulable", END)?;
    let run = get(&cluster, &uuid)?;
    ensure!(
        run["message"].to_string().contains("Insufficient cpu"),
        "{run:#}"
    );
    cluster.wait_for_status(&uuid, "failed", END)?;
    let run = get(&cluster, &uuid)?;
    ensure!(class(&run)? == "unschedulable", "{run:#}");
    cluster.wait_until_gone(&uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_that_takes_too_long_is_stopped_with_a_whole_log() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let slow = operation("slow", "echo begun; sleep 300")
        .replace("{maxRetries: 0}", "{maxRetries: 0, timeout: 20}");
    let uuid = cluster.queue(&slow)?;
    cluster.wait_for_status(&uuid, "stopped", END)?;
    let run = get(&cluster, &uuid)?;
    ensure!(class(&run)? == "timed_out", "{run:#}");
    ensure!(cluster.logs(&uuid)?.contains("begun"), "the log is lost");
    cluster.wait_until_gone(&uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_pod_that_pod_security_refuses_is_told() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start_with(&AgentFile {
        executor: "    unschedulableTimeout: 15\n",
        ..AgentFile::default()
    })?;
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&["label", "namespace", cluster.namespaces()[0].name(), label])?;
    let uuid = cluster.queue(&operation("refused", "true"))?;
    eventually(END, || {
        let run = get(&cluster, &uuid)?;
        ensure!(
            run["message"].to_string().contains("violates PodSecurity"),
            "{run:#}"
        );
        Ok(())
    })?;
    cluster.wait_for_status(&uuid, "failed", END)?;
    cluster.wait_until_gone(&uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn an_executor_image_that_does_not_come_is_told_and_given_up() -> Result<()> {
    let _turn = crate::shared_turn();
    let registry = std::env::var("POLYAXON_E2E_CLUSTER_REGISTRY")?;
    let image = format!("{registry}/team/no-such-executor:1");
    let cluster = ClusterServices::start_with(&AgentFile {
        executor_image: Some(&image),
        ..AgentFile::default()
    })?;
    let uuid = cluster.queue(&operation("image", "true"))?;
    eventually(END, || {
        let run = get(&cluster, &uuid)?;
        ensure!(run["reason"] == "ImagePullBackOff", "{run:#}");
        ensure!(run["message"].to_string().contains(&image), "{run:#}");
        Ok(())
    })?;
    // The kubelet tries again for some minutes: a registry may be away.
    let run = eventually(2 * END, || {
        let run = get(&cluster, &uuid)?;
        ensure!(run["status"] == "failed", "{run:#}");
        Ok(run)
    })?;
    ensure!(class(&run)? == "executor_image_pull", "{run:#}");
    ensure!(run["failure"].to_string().contains(&image), "{run:#}");
    cluster.wait_until_gone(&uuid)
}
