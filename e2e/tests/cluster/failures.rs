//! What a cluster can do to a build, and the words that the run gets for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{at_once, check_lines, check_one_end, get, statuses};
use polyaxon_e2e::cluster::{AgentFile, ClusterServices, kubectl};
use polyaxon_e2e::command::eventually;
use serde_json::Value;

use crate::{END, PRINTED, check_end_and_lines, image, operation, patched, prints_and};

/// Longest time until a run says what the cluster has against its Job.
const TOLD: Duration = Duration::from_secs(10);

/// Queues a run that prints and then fails at its first attempt.
fn failed(cluster: &ClusterServices, operation: &str) -> Result<Value> {
    let uuid = cluster.queue(&operation.replace("maxRetries: 0", "maxRetries: 2"))?;
    cluster.wait_for_status(&uuid, "failed", END)?;
    let run = get(cluster, &uuid)?;
    ensure!(run["attempt"] == 1, "{run:#}");
    check_end_and_lines(cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)?;
    Ok(run)
}

pub(crate) fn class(run: &Value) -> Result<&str> {
    run["failure"]["class"].as_str().context("no class")
}

pub(crate) fn with_resources(operation: &str, resources: &str) -> String {
    patched(operation, &format!("container: {{resources: {resources}}}"))
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_without_enough_memory_says_so() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let greedy = operation("memory", &prints_and("tail /dev/zero"));
    let run = failed(
        &cluster,
        &with_resources(&greedy, "{limits: {memory: 96Mi}}"),
    )?;
    ensure!(class(&run)? == "oom", "{run:#}");
    ensure!(run["failure"]["retry"] == "once", "{run:#}");
    // The command is killed, or the executor itself.
    let code = run["failure"]["exit_code"].as_i64();
    ensure!(matches!(code, Some(137 | 255)), "{run:#}");
    let message = run["message"].to_string();
    ensure!(message.contains("ran out of memory"), "{run:#}");
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_failing_instruction_is_named_with_its_exit_status() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let run = failed(
        &cluster,
        &operation("status", &prints_and("echo reason-in-the-log; exit 7")),
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
        executor: "    unschedulableTimeout: 20\n",
        ..AgentFile::default()
    })?;
    at_once(
        &[("cpu", "1000"), ("memory", "1000Ti")],
        |(kind, amount)| {
            let requests = format!("{{requests: {{{kind}: '{amount}'}}}}");
            let uuid = cluster.queue(&with_resources(&operation(kind, "true"), &requests))?;
            cluster.wait_for_status(&uuid, "unschedulable", END)?;
            let run = get(&cluster, &uuid)?;
            let words = format!("Insufficient {kind}");
            ensure!(run["message"].to_string().contains(&words), "{run:#}");
            cluster.wait_for_status(&uuid, "failed", END)?;
            let run = get(&cluster, &uuid)?;
            ensure!(class(&run)? == "unschedulable", "{run:#}");
            ensure!(run["failure"]["retry"] == "wait", "{run:#}");
            check_one_end(&cluster, &uuid)?;
            cluster.wait_until_gone(&uuid)
        },
    )
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_that_takes_too_long_is_stopped_with_a_whole_log() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    // Long enough for a node that is busy to begin with it.
    let slow = operation("slow", &prints_and("sleep 300"))
        .replace("{maxRetries: 0}", "{maxRetries: 2, timeout: 60}");
    let uuid = cluster.queue(&slow)?;
    cluster.wait_for_status(&uuid, "stopped", END)?;
    let run = get(&cluster, &uuid)?;
    ensure!(class(&run)? == "timed_out", "{run:#}");
    ensure!(run["attempt"] == 1, "{run:#}");
    check_end_and_lines(&cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_pod_that_pod_security_refuses_is_told() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start_with(&AgentFile {
        executor: "    unschedulableTimeout: 30\n",
        ..AgentFile::default()
    })?;
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl(&["label", "namespace", cluster.namespaces()[0].name(), label])?;
    let uuid = cluster.queue(&operation("refused", "true"))?;
    eventually(END, || {
        ensure!(!cluster.objects("jobs", &uuid)?.is_empty(), "no Job");
        Ok(())
    })?;
    let made = Instant::now();
    eventually(END, || {
        let run = get(&cluster, &uuid)?;
        let message = run["message"].to_string();
        ensure!(message.contains("violates PodSecurity"), "{run:#}");
        ensure!(run["status"] == "warning", "{run:#}");
        Ok(())
    })?;
    let told = made.elapsed();
    ensure!(told < TOLD, "it was told after {told:?}");
    cluster.wait_for_status(&uuid, "failed", END)?;
    check_one_end(&cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}

/// A run that is no build, in this image.
fn print_with(image: &str) -> String {
    let command = prints_and("true");
    format!(
        "kind: operation
component:
  run:
    kind: job
    container: {{image: '{image}', command: [sh, -c, '{command}']}}
"
    )
}

/// The run waits for an image, and says so.
pub(crate) fn wait_for_pull(cluster: &ClusterServices, uuid: &str, image: &str) -> Result<()> {
    eventually(END, || {
        let run = get(cluster, uuid)?;
        ensure!(run["reason"] == "ImagePullBackOff", "{run:#}");
        ensure!(run["message"].to_string().contains(image), "{run:#}");
        ensure!(run["status"] == "warning", "{run:#}");
        Ok(())
    })
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn an_image_is_waited_for_and_given_up_when_it_does_not_come() -> Result<()> {
    let _turn = crate::shared_turn();
    let missing = image("team/no-such-executor:1")?;
    let cluster = ClusterServices::start_with(&AgentFile {
        executor_image: Some(&missing),
        ..AgentFile::default()
    })?;
    let uuid = cluster.queue(&operation("image", "true"))?;
    let tag = cluster.namespaces()[0].name();
    let late = image(&format!("library/busybox:{tag}"))?;
    let patient = cluster.queue(&print_with(&late))?;
    wait_for_pull(&cluster, &uuid, &missing)?;
    wait_for_pull(&cluster, &patient, &late)?;
    cluster.tag("library/busybox", "1.36", tag)?;
    cluster.wait_for_status(&patient, "succeeded", END)?;
    let seen = statuses(&cluster, &patient)?;
    let wanted = ["warning", "running", "succeeded"].map(str::to_owned);
    ensure!(seen.ends_with(&wanted), "{seen:?}");
    check_lines(&cluster.whole_log(&patient)?, PRINTED)?;
    cluster.wait_until_gone(&patient)?;
    // The kubelet tries again for some minutes: a registry may be away.
    let run = eventually(2 * END, || {
        let run = get(&cluster, &uuid)?;
        ensure!(run["status"] == "failed", "{run:#}");
        Ok(run)
    })?;
    ensure!(class(&run)? == "executor_image_pull", "{run:#}");
    ensure!(run["failure"].to_string().contains(&missing), "{run:#}");
    check_one_end(&cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}
