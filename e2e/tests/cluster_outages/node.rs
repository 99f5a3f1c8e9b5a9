//! The node, or its kubelet, is killed while a build runs.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{
    END, check_one_end, ended, get, operation_to, print_lines, wait_for_text,
};
use polyaxon_e2e::cluster::{ClusterServices, kubectl};
use polyaxon_e2e::command::eventually;

use crate::lines;

/// How `ops logs` begins a mark.
const MARK: &str = "[a part of the log is missing here";

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_goes_on_while_the_kubelet_is_restarted() -> Result<()> {
    const LINES: usize = 40;
    let _turn = crate::turn();
    let cluster = ClusterServices::start()?;
    let uuid = cluster.queue(&lines("kubelet", LINES))?;
    wait_for_text(&cluster, &uuid, "line-3-end")?;
    cluster.without("kubelet")?.end()?;
    cluster.check_whole(&uuid, LINES)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_whose_node_dies_is_built_again() -> Result<()> {
    const LINES: usize = 40;
    let _turn = crate::turn();
    let cluster = ClusterServices::start()?;
    let operation = lines("node", LINES).replace("maxRetries: 0", "maxRetries: 1");
    let uuid = cluster.queue(&operation)?;
    wait_for_text(&cluster, &uuid, "line-3-end")?;
    cluster.without("node")?.end()?;
    let run = ended(&cluster, &uuid)?;
    ensure!(run["status"] == "succeeded", "{run:#}");
    let earlier = run["earlier_attempts"].as_array();
    ensure!(
        earlier.is_some_and(|attempts| attempts.len() == 1),
        "{run:#}"
    );
    ensure!(
        run["earlier_attempts"][0]["failure"]["class"] == "node_lost",
        "{run:#}"
    );
    check_log(&cluster.logs(&uuid)?, LINES)?;
    check_one_end(&cluster, &uuid)?;
    cluster.wait_until_gone(&uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_node_that_stays_away_keeps_nothing_waiting() -> Result<()> {
    const LINES: usize = 40;
    let _turn = crate::turn();
    let cluster = ClusterServices::start()?;
    let built = cluster.queue(&lines("built", LINES).replace("maxRetries: 0", "maxRetries: 1"))?;
    let stopped = cluster.queue(&lines("stopped", 1000))?;
    wait_for_text(&cluster, &built, "line-3-end")?;
    wait_for_text(&cluster, &stopped, "line-3-end")?;
    let outage = cluster.without("node")?;
    let gone = || {
        stop_without_a_node(&cluster, &stopped)?;
        // What the operator of a cluster does with a node that will not come back.
        kubectl(&["delete", "node", "--all"])?;
        eventually(END, || {
            let run = get(&cluster, &built)?;
            let class = &run["earlier_attempts"][0]["failure"]["class"];
            ensure!(class == "node_lost", "{run:#}");
            Ok(())
        })?;
        cluster.wait_until_gone(&stopped)?;
        // It registers anew.
        outage.end()?;
        let run = ended(&cluster, &built)?;
        ensure!(
            run["status"] == "succeeded" && run["attempt"] == 2,
            "{run:#}"
        );
        check_mark(&cluster, &built)?;
        check_log(&cluster.whole_log(&built)?, LINES)?;
        check_one_end(&cluster, &built)?;
        cluster.wait_until_gone(&built)
    };
    gone().with_context(|| cluster.log())
}

/// Stops a run whose node is away. Its pod stays until Kubernetes knows more, and is not ours any more.
fn stop_without_a_node(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    let stop = ["ops", "stop", "-uid", uuid, "-y"];
    cluster.polyaxon(&stop)?.expect_status(0)?;
    let run = ended(cluster, uuid)?;
    ensure!(run["status"] == "stopped", "{run:#}");
    check_mark(cluster, uuid)?;
    check_one_end(cluster, uuid)?;
    eventually(END, || {
        ensure!(cluster.objects("jobs", uuid)?.is_empty(), "the Job is left");
        let pods = cluster.objects("pods", uuid)?;
        let metadata = &pods.first().context("the pod was deleted by force")?["metadata"];
        ensure!(
            !metadata["finalizers"].to_string().contains("polyaxon"),
            "{metadata:#}"
        );
        Ok(())
    })
}

/// Waits until the run says that its log is not whole, and the log says where.
fn check_mark(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    eventually(END, || {
        let run = get(cluster, uuid)?;
        ensure!(run["log_incomplete"] == true, "{run:#}");
        let log = cluster.logs(uuid)?;
        ensure!(log.contains(MARK), "{log}");
        Ok(())
    })
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn what_is_rotated_away_while_the_agent_is_dead_is_marked() -> Result<()> {
    let _turn = crate::turn();
    let mut cluster = ClusterServices::start()?;
    let _small = cluster.with_small_logs("256Ki")?;
    // Four times 300 KiB, a rotation apart.
    let much = "for part in 1 2 3 4; do yes $(seq -s- 1 30) | head -n 4000; sleep 5; done";
    let command = format!("{}; {much}; echo the-last-line", print_lines(3, "1"));
    let uuid = cluster.queue(&operation_to("team/outage:rotated", &command))?;
    wait_for_text(&cluster, &uuid, "line-3-end")?;
    cluster.kill_agent()?;
    cluster.wait_for_pod(&uuid, "Succeeded")?;
    cluster.start_agent()?;
    let run = ended(&cluster, &uuid)?;
    ensure!(run["status"] == "succeeded", "{run:#}");
    check_mark(&cluster, &uuid)?;
    let log = cluster.whole_log(&uuid)?;
    let lines: Vec<&str> = log.lines().collect();
    let place = |line: &str| lines.iter().position(|found| found.starts_with(line));
    let places = ["line-3-end", MARK, "the-last-line"].map(place);
    ensure!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{places:?} of {} lines",
        lines.len()
    );
    cluster.wait_until_gone(&uuid)
}

/// The first attempt up to where it was killed, then all of the second one.
fn check_log(log: &str, count: usize) -> Result<()> {
    let seen: Vec<&str> = log
        .lines()
        .filter(|line| line.starts_with("line-"))
        .collect();
    let second = seen.iter().rposition(|line| *line == "line-1-end");
    let (first, second) = seen.split_at(second.unwrap_or_default());
    let expected = |lines: &[&str]| {
        let numbered = lines.iter().zip(1..);
        numbered
            .into_iter()
            .all(|(line, number)| *line == format!("line-{number}-end"))
    };
    ensure!(
        first.len() >= 3 && expected(first) && second.len() == count && expected(second),
        "{seen:?}"
    );
    Ok(())
}
