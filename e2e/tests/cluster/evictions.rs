//! Builds that the cluster moves away: by its API, and for what they write.

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use polyaxon_e2e::build::{ended, get, wait_for_text};
use polyaxon_e2e::cluster::{ClusterServices, kubectl};
use polyaxon_e2e::command::eventually;
use serde_json::{Value, json};

use crate::failures::{class, with_resources};
use crate::stop::stop;
use crate::{END, check_end_and_lines, operation, prints_and};

/// Asks the cluster to move the pod of a run away, as draining its node does.
fn evict(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    let pods = cluster.objects("pods", uuid)?;
    let metadata = &pods.first().context("no pod")?["metadata"];
    let (name, namespace) = (&metadata["name"], &metadata["namespace"]);
    let eviction = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"gracePeriodSeconds": 1},
    });
    let file = cluster.path("eviction.json");
    std::fs::write(&file, eviction.to_string())?;
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}/eviction",
        namespace.as_str().unwrap_or_default(),
        name.as_str().unwrap_or_default()
    );
    kubectl(&["create", "--raw", &path, "-f", &file.display().to_string()])?;
    Ok(())
}

/// The statuses of a run, and when its next attempt is due.
fn told(cluster: &ClusterServices, uuid: &str) -> Result<Value> {
    cluster.json(&["ops", "statuses", "-uid", uuid])
}

fn time(told: &Value) -> Result<Timestamp> {
    let text = told.as_str().with_context(|| told.to_string())?;
    text.parse().with_context(|| text.to_owned())
}

/// The second attempt began when it was due, some seconds after the first one had ended, and not much later.
fn check_pause(told: &Value, due: Timestamp) -> Result<()> {
    let events = told["events"].as_array().context("no events")?;
    let at = |status: &str| {
        let found = events
            .iter()
            .find(|event| event["status"] == status && event["attempt"] == 2);
        time(&found.with_context(|| format!("not {status}: {told:#}"))?["at"])
    };
    let (ended, begun) = (at("retrying")?, at("queued")?);
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
    let (pause, late) = (seconds(ended, begun), seconds(due, begun));
    ensure!(
        (3.0..30.0).contains(&pause) && (0.0..10.0).contains(&late),
        "a pause of {pause} seconds, {late} after it was due"
    );
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn an_evicted_build_is_built_again_and_counts_as_no_retry() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let once =
        operation("evicted", "echo begun; sleep 300").replace("maxRetries: 0", "maxRetries: 1");
    let uuid = cluster.queue(&once)?;
    wait_for_text(&cluster, &uuid, "begun")?;
    evict(&cluster, &uuid)?;
    cluster.wait_for_status(&uuid, "retrying", END)?;
    let due = time(&told(&cluster, &uuid)?["next_attempt_at"])?;
    eventually(END, || {
        let log = cluster.logs(&uuid)?;
        let begun = log.lines().filter(|line| *line == "begun").count();
        ensure!(begun == 2, "begun {begun} times: {log}");
        Ok(())
    })?;
    let run = get(&cluster, &uuid)?;
    ensure!(run["attempt"] == 2 && run["max_attempts"] == 3, "{run:#}");
    let first = &run["earlier_attempts"][0];
    ensure!(class(first)? == "evicted", "{run:#}");
    check_pause(&told(&cluster, &uuid)?, due)?;
    stop(&cluster, &uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_that_writes_more_than_it_may_is_told_so_and_not_repeated() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let greedy = operation(
        "greedy",
        &prints_and("dd if=/dev/zero of=/large bs=1M count=64; sleep 300"),
    )
    .replace("maxRetries: 0", "maxRetries: 2");
    let uuid = cluster.queue(&with_resources(
        &greedy,
        "{limits: {ephemeral-storage: 32Mi}}",
    ))?;
    let run = ended(&cluster, &uuid)?;
    ensure!(run["status"] == "failed" && run["attempt"] == 1, "{run:#}");
    ensure!(class(&run)? == "disk_full", "{run:#}");
    ensure!(run["failure"]["retry"] == "once", "{run:#}");
    let message = run["message"].to_string();
    ensure!(message.contains("ephemeral"), "{run:#}");
    check_end_and_lines(&cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}
