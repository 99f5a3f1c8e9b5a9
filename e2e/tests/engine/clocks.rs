//! Somebody sets the clock of a machine by an hour, forwards and backwards, while a build runs.

use std::time::Duration;

use anyhow::{Result, ensure};
use polyaxon_e2e::build::{check_whole, operation, print_lines, statuses, wait_for_text};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::false_clock::FalseClock;
use polyaxon_e2e::services::Services;
use polyaxon_e2e::testbed::Testbed;

const HOUR: i64 = 3600;
const LINES: usize = 60;
/// Longer than it takes to notice that an agent is silent, in all.
const PAUSE: Duration = Duration::from_secs(6);

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_clock_that_is_set_ends_no_run_and_loses_no_agent() -> Result<()> {
    let _turn = crate::shared_turn();
    let mut services = Services::prepare(Testbed::from_environment()?)?;
    let hub = FalseClock::new(&services.path("hub.clock"))?;
    let agent = FalseClock::new(&services.path("agent.clock"))?;
    services.set_environment("polyaxon-hub", hub.environment())?;
    services.set_environment("polyaxon-agent", agent.environment())?;
    services.start_both()?;
    // The deadline is far, and nearer than an hour.
    let timed = operation("clock", &print_lines(LINES, "0.5"))
        .replace("maxRetries: 0", "maxRetries: 0, timeout: 600");
    let uuid = services.queue(&timed)?;
    wait_for_text(&services, &uuid, "line-2-end")?;
    for (clock, seconds) in [(&hub, HOUR), (&agent, HOUR), (&hub, -HOUR), (&agent, -HOUR)] {
        clock.set(seconds)?;
        std::thread::sleep(PAUSE);
        let status = services.status(&uuid)?;
        ensure!(status == "running", "{status} after {seconds} s");
    }
    check_whole(&services, &uuid, LINES)?;
    let statuses = statuses(&services, &uuid)?;
    ensure!(
        !statuses.iter().any(|status| status == "unknown"),
        "{statuses:?}"
    );
    // The clocks were set for real: the hub says so, and both write another hour into their logs.
    let log = services.log();
    ensure!(
        log.matches("the clock of this machine was set").count() == 2,
        "{log}"
    );
    // An agent that dies now is noticed as soon as ever, and what is queued now runs.
    let after = services.queue(&operation("after", &print_lines(1, "0")))?;
    check_whole(&services, &after, 1)?;
    let waiting = services.queue(&operation("silent", "sleep 60"))?;
    services.wait_for_status(&waiting, "running", PAUSE * 5)?;
    services.kill_agent()?;
    eventually(Duration::from_secs(40), || {
        let status = services.status(&waiting)?;
        ensure!(status == "unknown", "{status}");
        Ok(())
    })?;
    services.start_agent()?;
    services.polyaxon(&["ops", "stop", "-uid", &waiting, "-y"])?;
    services.wait_for_status(&waiting, "stopped", PAUSE * 5)
}
