//! Nothing is lost when hub or agent is killed: SIGKILL for real, then a start on the same data.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{self, END, check_lines, check_one_end, print_lines, wait_for_text};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::services::{FAILPOINTS, Services};

/// Lines that the build prints, one after the other, over some seconds.
const LINES: usize = 60;
/// Lines of the build whose hub is killed again and again.
const FOLLOWED: usize = 300;
/// Times that the hub is killed in the middle of writes; `POLYAXON_KILLS` sets another number.
const KILLS: u32 = 20;

fn kills() -> Result<u32> {
    match std::env::var("POLYAXON_KILLS") {
        Ok(number) => number.parse().context("POLYAXON_KILLS"),
        Err(_) => Ok(KILLS),
    }
}

fn operation(tag: &str) -> String {
    build::operation(tag, &print_lines(LINES, "0.1"))
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_killed_agent_finds_its_build_again() -> Result<()> {
    let _turn = crate::turn();
    let mut services = Services::start()?;
    let uuid = services.queue(&operation("agent"))?;
    wait_for_text(&services, &uuid, "line-5-end")?;
    let before = services.testbed().containers(&uuid)?;
    services.kill_agent()?;
    std::thread::sleep(Duration::from_secs(1));
    services.start_agent()?;
    let after = services.testbed().containers(&uuid)?;
    ensure!(before == after, "{before:?} became {after:?}");
    services.wait_for_status(&uuid, "succeeded", END)?;
    check_lines(&services.logs(&uuid)?, LINES)?;
    check_one_end(&services, &uuid)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn an_agent_killed_between_two_steps_repeats_and_loses_nothing() -> Result<()> {
    let _turn = crate::turn();
    let mut services = Services::start()?;
    let busybox = format!("{}/library/busybox:1.36", services.testbed().registry);
    for failpoint in FAILPOINTS {
        services.kill_agent()?;
        services.start_agent_with_failpoint(failpoint)?;
        let slow_init = format!(
            "  init:\n  - container: {{name: slow, image: '{busybox}', command: [sleep, '2']}}\n"
        );
        let uuid = services.queue(&operation(failpoint).replace("  init:\n", &slow_init))?;
        services.wait_for_agents_end(END)?;
        services.start_agent()?;
        services
            .wait_for_status(&uuid, "succeeded", END)
            .with_context(|| failpoint.to_owned())?;
        check_lines(&services.logs(&uuid)?, LINES).with_context(|| failpoint.to_owned())?;
        check_one_end(&services, &uuid)?;
        let run = services.json(&["ops", "get", "-uid", &uuid])?;
        ensure!(run["attempt"] == 1, "{failpoint}: {run:#}");
        eventually(END, || {
            let left = services.testbed().containers(&uuid)?;
            ensure!(left.is_empty(), "{failpoint}: {left:?}");
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_build_that_ends_while_the_agent_is_dead_is_reported_whole() -> Result<()> {
    let _turn = crate::turn();
    let mut services = Services::start()?;
    let uuid = services.queue(&operation("away"))?;
    wait_for_text(&services, &uuid, "line-5-end")?;
    services.kill_agent()?;
    // The build goes on for less than seven seconds.
    std::thread::sleep(Duration::from_secs(12));
    services.start_agent()?;
    services.wait_for_status(&uuid, "succeeded", END)?;
    let run = services.json(&["ops", "get", "-uid", &uuid])?;
    ensure!(run["build"]["confirmed"] == true, "{run:#}");
    check_lines(&services.logs(&uuid)?, LINES)?;
    check_one_end(&services, &uuid)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn neither_log_nor_follower_miss_a_line_of_a_hub_that_is_killed() -> Result<()> {
    let _turn = crate::turn();
    let mut services = Services::start()?;
    std::fs::write(
        services.folder().join("operation.yaml"),
        build::operation("hub", &print_lines(FOLLOWED, "0.1")),
    )?;
    let mut command = services.command(&["run", "-f", "operation.yaml", "-l", "--raw"])?;
    let follower = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let uuid = eventually(END, || {
        let runs = services.json(&["ops", "ls"])?;
        let uuid = runs["runs"][0]["uuid"].as_str().context("no run yet")?;
        Ok(uuid.to_owned())
    })?;
    wait_for_text(&services, &uuid, "line-5-end")?;
    for kill in 0..kills()? {
        // Another moment each time.
        std::thread::sleep(Duration::from_millis(u64::from(kill * 137 % 900)));
        services.kill_hub()?;
        services.start_hub()?;
    }
    let output = follower.wait_with_output()?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{:?}\n{stderr}", output.status);
    check_lines(&services.logs(&uuid)?, FOLLOWED).context("the log")?;
    check_lines(&stdout, FOLLOWED).context("the follower")?;
    check_one_end(&services, &uuid)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_run_whose_agent_never_comes_back_can_be_given_up() -> Result<()> {
    let _turn = crate::turn();
    let mut services = Services::start()?;
    let uuid = services.queue(&operation("lost").replace("sleep 0.1", "sleep 10"))?;
    wait_for_text(&services, &uuid, "line-1-end")?;
    let abandon = ["ops", "stop", "-uid", &uuid, "--abandon", "-y"];
    services
        .polyaxon(&abandon)?
        .expect_status(6)?
        .expect_text("without `--abandon` first")?;
    services.kill_agent()?;
    services.wait_for_status(&uuid, "unknown", END)?;
    services.polyaxon(&abandon)?.expect_status(0)?;
    services.wait_for_status(&uuid, "stopped", END)?;
    services.start_agent()?;
    eventually(END, || {
        let left = services.testbed().containers(&uuid)?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })?;
    ensure!(
        services.status(&uuid)? == "stopped",
        "a late report counted"
    );
    check_one_end(&services, &uuid)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn what_a_killed_hub_had_accepted_is_there() -> Result<()> {
    let _turn = crate::turn();
    let mut services = Services::start()?;
    // Nothing may start: only the writes of the hub are looked at.
    services.kill_agent()?;
    let kills = kills()?;
    std::fs::write(services.folder().join("operation.yaml"), operation("many"))?;
    let mut accepted = Vec::new();
    for kill in 0..kills {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let mut command =
                    services.command(&["run", "-f", "operation.yaml", "-o", "json"])?;
                command
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null());
                Ok(command.spawn()?)
            })
            .collect::<Result<_>>()?;
        // Another moment of the writes each time.
        std::thread::sleep(Duration::from_millis(u64::from(kill * 7 % 60)));
        services.kill_hub()?;
        services.start_hub()?;
        for writer in writers {
            let output = writer.wait_with_output()?;
            ensure!(output.status.success(), "a run was not accepted in the end");
            let run: serde_json::Value = serde_json::from_slice(&output.stdout)?;
            accepted.push(run["uuid"].as_str().context("no uuid")?.to_owned());
        }
    }
    accepted.sort();
    let before = accepted.len();
    accepted.dedup();
    ensure!(accepted.len() == before, "a uuid was given twice");
    for uuid in &accepted {
        ensure!(services.status(uuid)? == "queued", "{uuid}");
    }
    let listed = services.json(&["ops", "ls", "--limit", "200"])?;
    let listed = listed["runs"].as_array().context("no runs")?.len();
    ensure!(
        listed == before,
        "{listed} runs for {before} that were accepted"
    );
    Ok(())
}
