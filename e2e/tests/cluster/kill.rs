//! SIGKILL for the agent between any two steps, then a start: the Job is found again.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::cluster::ClusterServices;

use crate::{END, get, operation, wait_for_text};

/// Lines that the build prints, one after the other, over some seconds.
const LINES: usize = 40;

/// Names of `polyaxon-agent/src/failpoint.rs`.
const FAILPOINTS: [&str; 6] = [
    "before-create",
    "after-create",
    "during-init",
    "during-main",
    "before-final-report",
    "after-final-report",
];

fn lines(tag: &str) -> String {
    let command = format!("for i in $(seq 1 {LINES}); do echo line-$i-end; sleep 0.1; done");
    operation(tag, &command)
}

/// Every line once and in order.
fn check_lines(text: &str) -> Result<()> {
    let seen: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("line-"))
        .collect();
    let wanted: Vec<String> = (1..=LINES).map(|n| format!("line-{n}-end")).collect();
    ensure!(seen == wanted, "lines were lost or doubled: {seen:?}");
    Ok(())
}

fn check(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    cluster.wait_for_status(uuid, "succeeded", END)?;
    check_lines(&cluster.logs(uuid)?)?;
    let run = get(cluster, uuid)?;
    ensure!(
        run["attempt"] == 1 && run["build"]["confirmed"] == true,
        "{run:#}"
    );
    cluster.wait_until_gone(uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn an_agent_killed_between_two_steps_repeats_and_loses_nothing() -> Result<()> {
    let _turn = crate::turn();
    let mut cluster = ClusterServices::start()?;
    for failpoint in FAILPOINTS {
        cluster.kill_agent()?;
        cluster.start_agent_with_failpoint(failpoint)?;
        let uuid = cluster.queue(&lines(failpoint))?;
        cluster.wait_for_agents_end(END)?;
        cluster.start_agent()?;
        check(&cluster, &uuid).with_context(|| failpoint.to_owned())?;
    }
    Ok(())
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn a_build_that_ends_while_the_agent_is_dead_is_reported_whole() -> Result<()> {
    let _turn = crate::turn();
    let mut cluster = ClusterServices::start()?;
    let uuid = cluster.queue(&lines("away"))?;
    wait_for_text(&cluster, &uuid, "line-5-end")?;
    cluster.kill_agent()?;
    std::thread::sleep(std::time::Duration::from_secs(12));
    cluster.start_agent()?;
    check(&cluster, &uuid)
}
