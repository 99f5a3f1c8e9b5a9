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

/// The second attempt began some seconds after the first one had ended: as many as the run was told, and not many more.
fn check_pause(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    let told = cluster.json(&["ops", "statuses", "-uid", uuid])?;
    let events = told["events"].as_array().context("no events")?;
    let event = |status: &str| {
        let found = events
            .iter()
            .find(|event| event["status"] == status && event["attempt"] == 2);
        found.with_context(|| format!("not {status}: {told:#}"))
    };
    let (ended, begun) = (event("retrying")?, event("queued")?);
    let words = ended["message"].as_str().unwrap_or_default();
    let announced = words
        .split_once("begins in ")
        .and_then(|(_, rest)| rest.strip_suffix(" seconds"));
    let announced: f64 = announced.context("no time is told")?.parse()?;
    let pause = time(begun)?.duration_since(time(ended)?).as_secs_f64();
    ensure!(
        announced >= 5.0 && pause >= announced && pause < announced + 20.0,
        "{pause} seconds: {words}"
    );
    Ok(())
}

fn time(event: &Value) -> Result<Timestamp> {
    let text = event["at"].as_str().context("no time")?;
    text.parse().with_context(|| text.to_owned())
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
    check_pause(&cluster, &uuid)?;
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
