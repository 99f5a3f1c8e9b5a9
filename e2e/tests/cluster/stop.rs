//! A stop before there is a pod, in an init step, and in the build; and objects that others delete.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{get, wait_for_text};
use polyaxon_e2e::cluster::ClusterServices;
use polyaxon_e2e::command::eventually;

use crate::{END, operation};

/// Kubernetes gives a pod ten seconds to end.
const STOP_LIMIT: Duration = Duration::from_secs(25);

/// Stops a run and waits until nothing of it is left.
pub(crate) fn stop(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    let asked = Instant::now();
    cluster
        .polyaxon(&["ops", "stop", "-uid", uuid, "-y"])?
        .expect_status(0)?;
    cluster.wait_for_status(uuid, "stopped", STOP_LIMIT)?;
    ensure!(
        asked.elapsed() < STOP_LIMIT,
        "it took {:?}",
        asked.elapsed()
    );
    cluster.wait_until_gone(uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_run_stops_at_every_step_and_leaves_nothing() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let early = cluster.queue(&operation("early", "sleep 300"))?;
    stop(&cluster, &early)?;

    let image = std::env::var("POLYAXON_E2E_CLUSTER_REGISTRY")?;
    let init = format!(
        "  init:\n  - container: {{name: slow, image: '{image}/library/busybox:1.36', command: [sleep, '300']}}\n"
    );
    let during = cluster.queue(&operation("init", "sleep 300").replace("  init:\n", &init))?;
    eventually(END, || {
        let pods = cluster.objects("pods", &during)?;
        let pod = pods.first().context("no pod yet")?;
        let inits = pod["status"]["initContainerStatuses"].as_array();
        let runs = inits
            .into_iter()
            .flatten()
            .any(|status| status["name"] == "slow" && status["state"]["running"].is_object());
        ensure!(runs, "{}", pod["status"]);
        Ok(())
    })?;
    stop(&cluster, &during)?;

    let building = cluster.queue(&operation("build", "echo begun; sleep 300"))?;
    wait_for_text(&cluster, &building, "begun")?;
    stop(&cluster, &building)?;
    ensure!(
        cluster.logs(&building)?.contains("begun"),
        "the log is lost"
    );
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn what_somebody_else_deletes_fails_the_run_with_its_log() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    for kind in ["jobs", "pods"] {
        let uuid = cluster.queue(&operation(kind, "echo begun; sleep 300"))?;
        wait_for_text(&cluster, &uuid, "begun")?;
        let selector = format!("operation.polyaxon.com/uuid={uuid}");
        let mut delete = vec!["delete", kind, "-l", &selector, "--wait=false"];
        if kind == "pods" {
            delete.push("--grace-period=1");
        }
        cluster.kubectl(&delete)?;
        cluster.wait_for_status(&uuid, "failed", END)?;
        let run = get(&cluster, &uuid)?;
        let message = run["message"].as_str().context("no message")?;
        ensure!(
            message.contains("deleted by somebody else"),
            "{kind}: {message}"
        );
        ensure!(
            cluster.logs(&uuid)?.contains("begun"),
            "{kind}: the log is lost"
        );
        cluster.wait_until_gone(&uuid)?;
    }
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_job_of_the_same_name_is_a_conflict_and_stays() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut cluster = ClusterServices::start()?;
    cluster.kill_agent()?;
    let uuid = cluster.queue(&operation("foreign", "true"))?;
    let name = format!("plx-operation-{uuid}");
    let registry = std::env::var("POLYAXON_E2E_CLUSTER_REGISTRY")?;
    let image = format!("--image={registry}/library/busybox:1.36");
    cluster.kubectl(&["create", "job", &name, &image, "--", "sleep", "300"])?;
    cluster.start_agent()?;
    eventually(END, || {
        let run = get(&cluster, &uuid)?;
        ensure!(run["status"] == "failed", "{run:#}");
        let text = run.to_string();
        ensure!(text.contains("not of an agent"), "{run:#}");
        Ok(())
    })?;
    cluster.kubectl(&["get", "job", &name])?;
    Ok(())
}
