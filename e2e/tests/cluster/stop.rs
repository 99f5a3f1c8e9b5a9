//! A stop at every step between the queue and the next attempt; and objects that others delete.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{at_once, check_one_end, count_lines, get, print_lines, wait_for_text};
use polyaxon_e2e::cluster::{AgentFile, ClusterServices};
use polyaxon_e2e::command::eventually;

use crate::digest::{NOT_NOW, proxy, start_behind, through, wait_for_answers};
use crate::failures::{class, wait_for_pull, with_resources};
use crate::{
    END, SMALL, check_end_and_lines, image, operation, prints_and, wait_for_lines, with_init,
};

/// Kubernetes gives a pod ten seconds to end, and a busy node sees late that it should.
const STOP_LIMIT: Duration = Duration::from_secs(50);

/// Stops a run: it ends so, once, and leaves nothing.
pub(crate) fn stop(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    let asked = Instant::now();
    ask_for_stop(cluster, uuid)?;
    cluster.wait_for_status(uuid, "stopped", STOP_LIMIT)?;
    ensure!(
        asked.elapsed() < STOP_LIMIT,
        "it took {:?}",
        asked.elapsed()
    );
    check_one_end(cluster, uuid)?;
    cluster.wait_until_gone(uuid)
}

fn ask_for_stop(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    cluster
        .polyaxon(&["ops", "stop", "-uid", uuid, "-y"])?
        .expect_status(0)?;
    Ok(())
}

/// How a run gets to where it is stopped, and what is looked at afterwards.
type Step = fn(&ClusterServices) -> Result<()>;

const STEPS: [Step; 9] = [
    at_once_after_queueing,
    without_a_node,
    without_an_image,
    in_an_init_step,
    while_it_prints,
    after_it_has_printed,
    while_it_ignores_the_signal,
    while_it_ignores_that_its_time_is_over,
    before_the_next_attempt,
];

fn at_once_after_queueing(cluster: &ClusterServices) -> Result<()> {
    let uuid = cluster.queue(&operation("early", "sleep 300"))?;
    stop(cluster, &uuid)
}

fn without_a_node(cluster: &ClusterServices) -> Result<()> {
    let huge = with_resources(&operation("huge", "true"), "{requests: {cpu: '1000'}}");
    let uuid = cluster.queue(&huge)?;
    cluster.wait_for_status(&uuid, "unschedulable", END)?;
    stop(cluster, &uuid)
}

fn without_an_image(cluster: &ClusterServices) -> Result<()> {
    let missing = image("team/no-such-image:1")?;
    let step = format!("container: {{name: missing, image: '{missing}'}}");
    let uuid = cluster.queue(&with_init(&operation("image", "true"), &step))?;
    wait_for_pull(cluster, &uuid, &missing)?;
    stop(cluster, &uuid)
}

fn in_an_init_step(cluster: &ClusterServices) -> Result<()> {
    let image = image("library/busybox:1.36")?;
    let step = format!("container: {{name: slow, image: '{image}', command: [sleep, '300']}}");
    let uuid = cluster.queue(&with_init(&operation("init", "sleep 300"), &step))?;
    eventually(END, || {
        let pods = cluster.objects("pods", &uuid)?;
        let pod = pods.first().context("no pod yet")?;
        let inits = pod["status"]["initContainerStatuses"].as_array();
        let runs = inits
            .into_iter()
            .flatten()
            .any(|status| status["name"] == "slow" && status["state"]["running"].is_object());
        ensure!(runs, "{}", pod["status"]);
        Ok(())
    })?;
    stop(cluster, &uuid)
}

fn while_it_prints(cluster: &ClusterServices) -> Result<()> {
    let uuid = cluster.queue(&operation("printing", &print_lines(10_000, "0.05")))?;
    wait_for_text(cluster, &uuid, "line-20-end")?;
    let before = count_lines(&cluster.logs(&uuid)?)?;
    stop(cluster, &uuid)?;
    let after = count_lines(&cluster.logs(&uuid)?)?;
    ensure!(after >= before, "{before} lines became {after}");
    Ok(())
}

fn after_it_has_printed(cluster: &ClusterServices) -> Result<()> {
    let uuid = cluster.queue(&operation("build", &prints_and("sleep 300")))?;
    wait_for_lines(cluster, &uuid)?;
    stop(cluster, &uuid)?;
    check_end_and_lines(cluster, &uuid)
}

/// A command that does not care for SIGTERM.
fn deaf() -> String {
    format!("trap \"\" TERM; {}", prints_and("sleep 300"))
}

fn while_it_ignores_the_signal(cluster: &ClusterServices) -> Result<()> {
    let uuid = cluster.queue(&operation("deaf", &deaf()))?;
    wait_for_lines(cluster, &uuid)?;
    stop(cluster, &uuid)?;
    check_end_and_lines(cluster, &uuid)
}

fn while_it_ignores_that_its_time_is_over(cluster: &ClusterServices) -> Result<()> {
    // Long enough for a node that is busy to begin with it.
    let time = Duration::from_mins(1);
    let limit = format!("{{maxRetries: 2, timeout: {}}}", time.as_secs());
    let late = operation("late", &deaf()).replace("{maxRetries: 0}", &limit);
    let uuid = cluster.queue(&late)?;
    wait_for_lines(cluster, &uuid)?;
    cluster.wait_for_status(&uuid, "stopped", time + STOP_LIMIT)?;
    let run = get(cluster, &uuid)?;
    ensure!(class(&run)? == "timed_out", "{run:#}");
    ensure!(run["attempt"] == 1, "{run:#}");
    check_end_and_lines(cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}

fn before_the_next_attempt(cluster: &ClusterServices) -> Result<()> {
    let step = "container: {name: wrong, image: 'localhost/Not-Valid:1'}";
    let again = operation("again", "true").replace("maxRetries: 0", "maxRetries: 2");
    let uuid = cluster.queue(&with_init(&again, step))?;
    cluster.wait_for_status(&uuid, "retrying", END)?;
    stop(cluster, &uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_run_stops_at_every_step_and_leaves_nothing() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut cluster = ClusterServices::start_with(&AgentFile {
        settings: SMALL,
        ..AgentFile::default()
    })?;
    at_once(&STEPS, |step| step(&cluster))?;
    cluster.kill_agent()?;
    at_once_after_queueing(&cluster).context("without an agent")
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_stop_while_the_registry_is_asked_leaves_the_work_done() -> Result<()> {
    let _turn = crate::shared_turn();
    let proxy = proxy(NOT_NOW)?;
    let cluster = start_behind(&[&proxy])?;
    let uuid = cluster.queue(&through(&proxy, &operation("asking", "true")))?;
    wait_for_answers(&proxy, 2)?;
    ask_for_stop(&cluster, &uuid)?;
    cluster.wait_for_status(&uuid, "succeeded", STOP_LIMIT)?;
    let run = get(&cluster, &uuid)?;
    ensure!(run["build"]["confirmed"] == false, "{run:#}");
    let reason = run["build"]["reason"].to_string();
    ensure!(reason.contains("a stop was asked for"), "{run:#}");
    check_one_end(&cluster, &uuid)?;
    let asked = Instant::now();
    cluster.whole_log(&uuid)?;
    ensure!(
        asked.elapsed() < STOP_LIMIT,
        "its log took {:?}",
        asked.elapsed()
    );
    // The pod stays as long as its sidecar asks: once main has ended, the kubelet gives that all of the grace period, whatever a
    // deletion says.
    proxy.set(None);
    cluster.wait_until_gone(&uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn what_somebody_else_deletes_fails_the_run_with_its_log() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    for kind in ["jobs", "pods"] {
        let uuid = cluster.queue(&operation(kind, &prints_and("sleep 300")))?;
        wait_for_lines(&cluster, &uuid)?;
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
        check_end_and_lines(&cluster, &uuid).context(kind)?;
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
    let image = format!("--image={}", image("library/busybox:1.36")?);
    cluster.kubectl(&["create", "job", &name, &image, "--", "sleep", "300"])?;
    cluster.start_agent()?;
    eventually(END, || {
        let run = get(&cluster, &uuid)?;
        ensure!(run["status"] == "failed", "{run:#}");
        let text = run.to_string();
        ensure!(text.contains("not of an agent"), "{run:#}");
        Ok(())
    })?;
    check_one_end(&cluster, &uuid)?;
    cluster.kubectl(&["get", "job", &name])?;
    Ok(())
}
