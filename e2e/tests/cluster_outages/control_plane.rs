//! The API server goes away while builds run: they go on, and nothing of them is lost.

use std::time::Duration;

use anyhow::{Result, anyhow};
use polyaxon_e2e::build::wait_for_text;
use polyaxon_e2e::cluster::ClusterServices;

use crate::lines;

const LINES: usize = 60;

/// How long an agent tries to renew its Lease.
const RENEWAL: Duration = Duration::from_secs(10);

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_restart_of_the_api_server_costs_no_build() -> Result<()> {
    let _turn = crate::turn();
    let mut cluster = ClusterServices::start()?;
    let running = cluster.queue(&lines("running", LINES))?;
    wait_for_text(&cluster, &running, "line-3-end")?;
    let outage = cluster.without("kube-apiserver")?;
    let queued = std::thread::scope(|scope| {
        let queueing = scope.spawn(|| cluster.queue_in_outage(&lines("queued", 3)));
        std::thread::sleep(Duration::from_secs(3));
        outage.end()?;
        queueing.join().map_err(|_| anyhow!("queueing panicked"))?
    })?;
    // One that cannot renew its Lease ends, and is started again by whoever watches over it.
    std::thread::sleep(RENEWAL);
    cluster.start_agent_if_ended()?;
    cluster.check_whole(&running, LINES)?;
    cluster.check_whole(&queued, 3)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn an_agent_that_lost_its_lease_in_an_outage_finds_its_builds_again() -> Result<()> {
    let _turn = crate::turn();
    let mut cluster = ClusterServices::start()?;
    let running = cluster.queue(&lines("leased", LINES))?;
    wait_for_text(&cluster, &running, "line-3-end")?;
    let outage = cluster.without("kube-apiserver")?;
    cluster.wait_for_agents_end(Duration::from_mins(1))?;
    outage.end()?;
    cluster.start_agent()?;
    cluster.check_whole(&running, LINES)
}
