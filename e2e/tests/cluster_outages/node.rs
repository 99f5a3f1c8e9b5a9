//! The node, or its kubelet, is killed while a build runs.

use anyhow::{Result, ensure};
use polyaxon_e2e::build::{check_one_end, ended, wait_for_text};
use polyaxon_e2e::cluster::ClusterServices;

use crate::lines;

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
    const LINES: usize = 20;
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
