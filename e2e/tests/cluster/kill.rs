//! SIGKILL for the agent between any two steps, then a start: the Job is found again. A hub that is away.

use std::time::Duration;

use anyhow::{Context, Result};
use polyaxon_e2e::build::{print_lines, wait_for_text};
use polyaxon_e2e::cluster::ClusterServices;
use polyaxon_e2e::services::FAILPOINTS;

use crate::{END, operation};

/// Lines that the build prints, one after the other, over some seconds.
const LINES: usize = 40;

fn lines(tag: &str) -> String {
    operation(tag, &print_lines(LINES, "0.1"))
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn an_agent_killed_between_two_steps_repeats_and_loses_nothing() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut cluster = ClusterServices::start()?;
    for failpoint in FAILPOINTS {
        cluster.kill_agent()?;
        cluster.start_agent_with_failpoint(failpoint)?;
        let uuid = cluster.queue(&lines(failpoint))?;
        cluster.wait_for_agents_end(END)?;
        cluster.start_agent()?;
        cluster
            .check_whole(&uuid, LINES)
            .with_context(|| failpoint.to_owned())?;
    }
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_that_ends_while_the_agent_is_dead_is_reported_whole() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut cluster = ClusterServices::start()?;
    let uuid = cluster.queue(&lines("away"))?;
    wait_for_text(&cluster, &uuid, "line-5-end")?;
    cluster.kill_agent()?;
    cluster.wait_for_pod(&uuid, "Succeeded")?;
    cluster.start_agent()?;
    cluster.check_whole(&uuid, LINES)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn half_a_minute_without_the_hub_costs_no_line() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut cluster = ClusterServices::start()?;
    // One ends while the hub is away, the other goes on after it is back.
    let short = cluster.queue(&lines("short"))?;
    let long = cluster.queue(&operation("long", &print_lines(LINES, "1.2")))?;
    wait_for_text(&cluster, &short, "line-3-end")?;
    wait_for_text(&cluster, &long, "line-2-end")?;
    cluster.kill_hub()?;
    std::thread::sleep(Duration::from_secs(30));
    cluster.wait_for_pod(&short, "Succeeded")?;
    cluster.start_hub()?;
    cluster.check_whole(&short, LINES)?;
    cluster.check_whole(&long, LINES)
}
