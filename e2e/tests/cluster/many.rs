//! Fifty builds at once on one node.

use anyhow::{Result, ensure};
use polyaxon_e2e::build::print_lines;
use polyaxon_e2e::cluster::{AgentFile, ClusterServices};
use polyaxon_e2e::command::eventually;

use crate::{END, SMALL, operation};

const BUILDS: usize = 50;
const LINES: usize = 20;

/// By how many bytes hub and agent may be larger after so many builds than after a few.
const GROWTH: u64 = 32 << 20;

fn build(cluster: &ClusterServices, count: usize, name: &str) -> Result<()> {
    let runs: Vec<String> = (0..count)
        .map(|number| {
            let tag = format!("{name}-{number}");
            cluster.queue(&operation(&tag, &print_lines(LINES, "0.1")))
        })
        .collect::<Result<_>>()?;
    runs.iter()
        .try_for_each(|uuid| cluster.check_whole(uuid, LINES))
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn fifty_builds_at_once_end_well_and_leave_nothing() -> Result<()> {
    let _turn = crate::turn();
    let cluster = ClusterServices::start_with(&AgentFile {
        settings: &format!("maxRuns: 50\n{SMALL}"),
        // Most logs are read only when their container has ended.
        executor: "    logStreams: 5\n",
        ..AgentFile::default()
    })?;
    build(&cluster, 5, "few")?;
    let (hub, agent) = cluster.resident()?;
    build(&cluster, BUILDS, "many")?;
    let (hub_after, agent_after) = cluster.resident()?;
    for (program, before, after) in [("hub", hub, hub_after), ("agent", agent, agent_after)] {
        ensure!(
            after < before + GROWTH,
            "{program}: {before} bytes became {after}"
        );
    }
    eventually(END, || {
        let left = cluster.leftovers()?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}
