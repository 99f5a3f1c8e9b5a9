//! Fifty builds at once on one node.

use anyhow::{Result, ensure};
use polyaxon_e2e::build::print_lines;
use polyaxon_e2e::cluster::{AgentFile, ClusterServices};
use polyaxon_e2e::command::eventually;

use crate::gate::Gate;
use crate::{END, SMALL, operation};

const BUILDS: usize = 50;
const LINES: usize = 20;

/// Room for as many at the same moment: by themselves our own containers ask for more of a node than such builds.
const SMALL_TOO: &str = "init: {resources: {requests: {cpu: 10m, memory: 16Mi}}}
sidecar: {resources: {requests: {cpu: 10m, memory: 16Mi}}}
";

/// By how many bytes hub and agent may be larger after so many builds than after a few.
const GROWTH: u64 = 32 << 20;

/// The same after as many builds once more: what a crowd needs is there already, and what is kept of each run adds up.
const GROWTH_AGAIN: u64 = 6 << 20;

/// As many builds that all run at the same moment, and end well.
fn build(cluster: &ClusterServices, count: usize, name: &str) -> Result<()> {
    let gate = Gate::start(cluster)?;
    let command = format!("{}; {}", gate.wait()?, print_lines(LINES, "0.1"));
    let runs: Vec<String> = (0..count)
        .map(|number| cluster.queue(&operation(&format!("{name}-{number}"), &command)))
        .collect::<Result<_>>()?;
    let waiting = gate.gather(count)?;
    eventually(END, || {
        let get = [
            "get",
            "pods",
            "--field-selector=status.phase=Running",
            "-o",
            "name",
        ];
        let running = cluster.kubectl(&get)?.stdout.lines().count();
        ensure!(running == count, "{running} of {count} pods run");
        Ok(())
    })?;
    drop(waiting);
    runs.iter()
        .try_for_each(|uuid| cluster.check_whole(uuid, LINES))
}

fn check_growth(before: (u64, u64), after: (u64, u64), limit: u64) -> Result<()> {
    for (program, before, after) in [("hub", before.0, after.0), ("agent", before.1, after.1)] {
        ensure!(
            after < before + limit,
            "{program}: {before} bytes became {after}"
        );
    }
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn fifty_builds_at_once_end_well_and_leave_nothing() -> Result<()> {
    let _turn = crate::turn();
    let cluster = ClusterServices::start_with(&AgentFile {
        settings: &format!("maxRuns: 50\n{SMALL}{SMALL_TOO}"),
        // Most logs are read only when their container has ended.
        executor: "    logStreams: 5\n",
        ..AgentFile::default()
    })?;
    build(&cluster, 5, "few")?;
    let few = cluster.resident()?;
    build(&cluster, BUILDS, "many")?;
    let many = cluster.resident()?;
    check_growth(few, many, GROWTH)?;
    build(&cluster, BUILDS, "more")?;
    let again = cluster.resident()?;
    check_growth(many, again, GROWTH_AGAIN)?;
    eventually(END, || {
        let left = cluster.leftovers()?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}
