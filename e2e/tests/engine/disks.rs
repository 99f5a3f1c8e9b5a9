//! A disk without room under the hub, and under the agent.

use std::time::Duration;

use anyhow::{Result, ensure};
use polyaxon_e2e::build::{check_whole, get, operation, print_lines, wait_for_text};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::services::Services;
use polyaxon_e2e::small_disk::SmallDisk;
use polyaxon_e2e::testbed::Testbed;

const LINES: usize = 40;

/// Longer than the lines take: the build ends while there is no room.
const FULL: Duration = Duration::from_secs(15);

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_hub_without_room_says_so_and_goes_on_when_there_is_room() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut services = Services::prepare(Testbed::from_environment()?)?;
    let disk = SmallDisk::mount(&services.path("hub"), 16)?;
    services.start_both()?;
    let uuid = services.queue(&operation("full", &print_lines(LINES, "0.2")))?;
    wait_for_text(&services, &uuid, "line-5-end")?;
    let waiting = services.queue(&operation("waits", &print_lines(LINES, "0.2")))?;
    disk.fill()?;
    // What was acknowledged can be read.
    ensure!(
        services.logs(&uuid)?.contains("line-5-end"),
        "lines are gone"
    );
    let refused = eventually(FULL, || {
        // The database has some room of its own at first.
        let many: String = format!("description: {}\n", "x".repeat(50_000));
        std::fs::write(
            services.path("refused.yaml"),
            format!("{many}{}", operation("refused", "true")),
        )?;
        let refused = services.polyaxon(&["run", "-f", "refused.yaml"])?;
        ensure!(refused.status != Some(0), "it was accepted");
        Ok(refused)
    })?;
    refused
        .expect_status(1)?
        .expect_text("the disk of the hub is full: free space under its `--data-dir`")?;
    std::thread::sleep(FULL);
    get(&services, &uuid)?;
    disk.free()?;
    // Nobody restarts anything.
    check_whole(&services, &uuid, LINES)?;
    check_whole(&services, &waiting, LINES)?;
    let after = services.queue(&operation("after", &print_lines(1, "0")))?;
    check_whole(&services, &after, 1)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn an_agent_without_room_goes_on() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut services = Services::prepare(Testbed::from_environment()?)?;
    let disk = SmallDisk::mount(&services.path("agent"), 1)?;
    services.start_both()?;
    let uuid = services.queue(&operation("tight", &print_lines(LINES, "0.1")))?;
    wait_for_text(&services, &uuid, "line-5-end")?;
    disk.fill()?;
    let during = services.queue(&operation("during", &print_lines(LINES, "0")))?;
    check_whole(&services, &uuid, LINES)?;
    check_whole(&services, &during, LINES)?;
    // An agent that knows who it is needs no room to start.
    let killed = services.queue(&operation("killed", &print_lines(LINES, "0.1")))?;
    wait_for_text(&services, &killed, "line-5-end")?;
    services.kill_agent()?;
    services.start_agent()?;
    check_whole(&services, &killed, LINES)
}
