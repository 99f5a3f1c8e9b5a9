//! Several processes of one agent: the one that leads works, another takes over, and two that both lead do no harm.

use anyhow::{Error, Result, ensure};
use polyaxon_e2e::build::{print_lines, wait_for_text};
use polyaxon_e2e::cluster::ClusterServices;

use crate::gate::Gate;
use crate::operation;

/// Lines of a build before it waits to be looked at.
const HELD: usize = 20;

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn an_agent_that_stands_by_takes_over_what_runs() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut cluster = ClusterServices::start()?;
    let _standby = cluster.start_standby_agent()?;
    let gate = Gate::start(&cluster)?;
    let held = format!("{}; {}", print_lines(HELD, "0.4"), gate.wait()?);
    let uuid = cluster.queue(&operation("handed-over", &held))?;
    wait_for_text(&cluster, &uuid, "line-3-end")?;
    cluster.kill_agent()?;
    // Nobody but the other one can start it.
    let next = cluster.queue(&operation("after", &print_lines(1, "0")))?;
    cluster.check_whole(&next, 1)?;
    gate.open(1)?;
    cluster.check_whole(&uuid, HELD)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn two_agents_that_both_lead_build_once() -> Result<()> {
    let _turn = crate::shared_turn();
    let cluster = ClusterServices::start()?;
    let gate = Gate::start(&cluster)?;
    let held =
        |seconds| Ok::<_, Error>(format!("{}; {}", print_lines(HELD, seconds), gate.wait()?));
    let running = cluster.queue(&operation("first", &held("0.5")?))?;
    wait_for_text(&cluster, &running, "line-3-end")?;
    // It has the name by which the first one holds the Lease.
    let second = cluster.start_second_agent()?;
    let queued = cluster.queue(&operation("second", &held("0.1")?))?;
    for uuid in [&running, &queued] {
        wait_for_text(&cluster, uuid, &format!("line-{HELD}-end"))?;
        let jobs = cluster.objects("jobs", uuid)?;
        ensure!(jobs.len() == 1, "{} Jobs of one run", jobs.len());
    }
    gate.open(2)?;
    cluster.check_whole(&running, HELD)?;
    cluster.check_whole(&queued, HELD)?;
    // The first one was fenced by the second, and stands by until that is not heard any more.
    drop(second);
    let after = cluster.queue(&operation("third", &print_lines(1, "0")))?;
    cluster.check_whole(&after, 1)
}
