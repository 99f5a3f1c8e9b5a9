//! A stop and a timeout while the agent is dead, at every moment of a run: it ends once, and nothing runs afterwards.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use polyaxon_e2e::build::{
    END, at_once, check_nothing_left, check_one_end, ended, get, operation, statuses,
};
use polyaxon_e2e::services::Services;
use polyaxon_e2e::testbed::Testbed;

/// Seconds from the first `starting` to the deadline of the runs that have one: the longer ones for a machine that does so much else
/// that the moment comes after the deadline.
const TIMEOUTS: [u64; 3] = [20, 60, 170];

/// Where the agent dies, how long the build would take, and how a run ends that was to be stopped then.
const MOMENTS: [(&str, &str, &str); 6] = [
    ("before-create", "sleep 300", "stopped"),
    ("after-create", "sleep 300", "stopped"),
    ("during-init", "sleep 300", "stopped"),
    ("during-main", "sleep 300", "stopped"),
    // The build had ended before anybody wanted it stopped, and its image is there.
    ("before-final-report", "true", "succeeded"),
    ("after-final-report", "true", "succeeded"),
];

#[derive(Clone, Copy, Debug)]
enum Cause {
    Stop,
    Timeout,
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_stop_or_a_timeout_while_the_agent_is_dead_ends_the_run_once() -> Result<()> {
    let _turn = crate::shared_turn();
    at_once(&MOMENTS, |moment| {
        let mut services = Services::start_on(Testbed::from_environment()?)?;
        [Cause::Stop, Cause::Timeout]
            .into_iter()
            .try_for_each(|cause| {
                one(&mut services, moment, cause)
                    .with_context(|| format!("{cause:?} at {}", moment.0))
            })
    })
}

fn one(
    services: &mut Services,
    (failpoint, command, end): (&str, &str, &str),
    cause: Cause,
) -> Result<()> {
    let busybox = format!("{}/library/busybox:1.36", services.testbed().registry);
    let text = operation(failpoint, command).replace(
        "  init:\n",
        &format!(
            "  init:\n  - container: {{name: slow, image: '{busybox}', command: [sleep, '1']}}\n"
        ),
    );
    let uuid = match cause {
        Cause::Stop => {
            let uuid = queue(services, failpoint, &text)?;
            services.wait_for_agents_end(END)?;
            // Of a run that has ended it says so, and that is what was wanted.
            services
                .polyaxon(&["ops", "stop", "-uid", &uuid, "-y"])?
                .expect_status(0)?;
            uuid
        }
        Cause::Timeout => queue_until_past_its_deadline(services, failpoint, &text)?,
    };
    services.start_agent()?;
    let run = ended(services, &uuid)?;
    let in_time = run["status"] == "stopped" && run["reason"] == "DeadlineExceeded";
    let expected = match (cause, end) {
        (Cause::Timeout, "stopped") => in_time,
        // On a slow machine the deadline comes before the build has ended.
        (Cause::Timeout, _) => in_time || run["status"] == end,
        (Cause::Stop, _) => run["status"] == end,
    };
    ensure!(expected, "{run:#}");
    check_one_end(services, &uuid)?;
    check_nothing_left(services, &uuid)?;
    // Nothing comes back, and nothing more is told.
    let told = statuses(services, &uuid)?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(
        services.testbed().containers(&uuid)?.is_empty(),
        "it runs again"
    );
    ensure!(
        statuses(services, &uuid)? == told,
        "{told:?} was not the end"
    );
    ensure!(get(services, &uuid)?["attempt"] == 1, "{run:#}");
    Ok(())
}

/// Queues a run for an agent that will die at the failpoint.
fn queue(services: &mut Services, failpoint: &str, text: &str) -> Result<String> {
    services.kill_agent()?;
    services.start_agent_with_failpoint(failpoint)?;
    services.queue(text)
}

/// Queues a run with a timeout, waits for the death of its agent, and then until the timeout is over.
fn queue_until_past_its_deadline(
    services: &mut Services,
    failpoint: &str,
    text: &str,
) -> Result<String> {
    for timeout in TIMEOUTS {
        let text = text.replace(
            "maxRetries: 0",
            &format!("maxRetries: 0, timeout: {timeout}"),
        );
        let uuid = queue(services, failpoint, &text)?;
        let past = Duration::from_secs(timeout + 1);
        if services.wait_for_agents_end(past).is_ok() {
            std::thread::sleep(past);
            return Ok(uuid);
        }
        // Nothing of it may be left at which the next agent could die.
        services.start_agent()?;
        ended(services, &uuid)?;
    }
    bail!("no agent came to `{failpoint}` before the timeouts of {TIMEOUTS:?} s")
}
