//! `ops stop` before the launch, during init and during the build; a failing build.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::platform::Platform;
use polyaxon_e2e::services::Services;

/// From `ops stop` to the final status.
const STOP_LIMIT: Duration = Duration::from_secs(2);

fn operation(run_line: &str) -> String {
    format!(
        "kind: operation
hubRef: kaniko
params:
  destination: {{connection: docker-connection, value: 'team/stop:1'}}
  cache: false
runPatch:
  init:
  - dockerfile: {{image: 'busybox:1.36', shell: /bin/sh, run: ['{run_line}']}}
"
    )
}

fn start(platform: &Platform, text: &str) -> Result<String> {
    platform.write("operation.yaml", text)?;
    let run = platform.json(&["run", "-f", "operation.yaml"])?;
    Ok(run["uuid"]
        .as_str()
        .context("`run -o json` names no uuid")?
        .to_owned())
}

fn status(platform: &Platform, uuid: &str) -> Result<String> {
    let run = platform.json(&["ops", "get", "-uid", uuid])?;
    Ok(run["status"].as_str().unwrap_or_default().to_owned())
}

fn stop_and_measure(platform: &Platform, uuid: &str) -> Result<()> {
    let asked = Instant::now();
    platform
        .polyaxon(&["ops", "stop", "-uid", uuid, "-y"])?
        .expect_status(0)?;
    eventually(Duration::from_secs(10), || {
        let status = status(platform, uuid)?;
        ensure!(status == "stopped", "{status}");
        Ok(())
    })?;
    let took = asked.elapsed();
    ensure!(took < STOP_LIMIT, "the stop took {took:?}");
    eventually(STOP_LIMIT, || {
        let left = platform.testbed().containers(uuid)?;
        ensure!(left.is_empty(), "containers are left: {left:?}");
        Ok(())
    })
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn build_stops_within_two_seconds_and_leaves_nothing() -> Result<()> {
    let _turn = crate::turn();
    let platform = Platform::start()?;
    let uuid = start(&platform, &operation("echo begun; sleep 300"))?;
    eventually(Duration::from_mins(1), || {
        let logs = platform.polyaxon(&["ops", "logs", "-uid", &uuid, "-nf"])?;
        ensure!(logs.stdout.contains("begun"), "{logs:?}");
        Ok(())
    })?;
    stop_and_measure(&platform, &uuid)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn queued_run_stops_without_an_agent() -> Result<()> {
    let _turn = crate::turn();
    let mut services = Services::start()?;
    services.kill_agent()?;
    let uuid = services.queue(&operation("sleep 300"))?;
    services
        .polyaxon(&["ops", "stop", "-uid", &uuid, "-y"])?
        .expect_status(0)?;
    services.wait_for_status(&uuid, "stopped", STOP_LIMIT)?;
    services.start_agent()?;
    ensure!(
        services.testbed().containers(&uuid)?.is_empty(),
        "it was launched"
    );
    Ok(())
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn run_stops_right_after_it_was_created_and_during_init() -> Result<()> {
    let _turn = crate::turn();
    let platform = Platform::start()?;
    let text = operation("sleep 300");
    let early = start(&platform, &text)?;
    stop_and_measure(&platform, &early)?;
    let with_init = text.replace(
        "  init:\n",
        "  init:\n  - container: {name: slow, image: 'busybox:1.36', command: [sleep, '300']}\n",
    );
    let busybox = format!("{}/library/busybox:1.36", platform.testbed().registry);
    let during = start(
        &platform,
        &with_init.replace(
            "name: slow, image: 'busybox:1.36'",
            &format!("name: slow, image: '{busybox}'"),
        ),
    )?;
    eventually(Duration::from_mins(1), || {
        let status = status(&platform, &during)?;
        ensure!(status == "starting", "{status}");
        Ok(())
    })?;
    stop_and_measure(&platform, &during)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn failed_build_shows_its_last_lines_and_exit_status() -> Result<()> {
    let _turn = crate::turn();
    let platform = Platform::start()?;
    platform.write(
        "operation.yaml",
        &operation("echo reason-in-the-log; exit 7"),
    )?;
    let output = platform
        .polyaxon(&["run", "-f", "operation.yaml", "-l"])?
        .expect_status(1)?;
    ensure!(
        output.stderr.contains('7') && output.stderr.contains("failed"),
        "{output:?}"
    );
    let runs = platform.json(&["ops", "ls"])?;
    let uuid = runs["runs"][0]["uuid"].as_str().context("no run")?;
    let run = platform.json(&["ops", "get", "-uid", uuid])?;
    ensure!(run["failure"]["exit_code"] == 7, "{run}");
    ensure!(
        run["failure"]["last_lines"]
            .to_string()
            .contains("reason-in-the-log"),
        "{run}"
    );
    Ok(())
}
