//! Tokens that are taken back while a build runs.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, ensure};
use polyaxon_e2e::build::{END, check_whole, operation, print_lines, statuses, wait_for_text};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::services::{AGENT, Services};

const LINES: usize = 60;

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn who_lost_a_token_is_told_and_no_build_is_lost() -> Result<()> {
    let _turn = crate::shared_turn();
    let services = Services::start()?;
    let user = services.create_token("user", "ana")?;
    let uuid = services.queue(&operation("revoked", &print_lines(LINES, "0.3")))?;
    wait_for_text(&services, &uuid, "line-3-end")?;
    let follower = services
        .command(&["ops", "logs", "-uid", &uuid])?
        .env("POLYAXON_AUTH_TOKEN", user)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    std::thread::sleep(Duration::from_secs(1));

    let revoke = |name: &str| services.polyaxon(&["admin", "token", "revoke", name]);
    revoke("ana")?.expect_status(0)?;
    let follower = follower.wait_with_output()?;
    let said = String::from_utf8_lossy(&follower.stderr);
    ensure!(follower.status.code() == Some(5), "{said}");
    ensure!(said.contains("the token `ana` was revoked"), "{said}");
    ensure!(
        services.status(&uuid)? == "running",
        "the run went with its follower"
    );

    let before = services.testbed().containers(&uuid)?;
    revoke(AGENT)?.expect_status(0)?;
    services.wait_for_status(&uuid, "unknown", END)?;
    ensure!(
        services.testbed().containers(&uuid)? == before,
        "containers were touched"
    );
    let log = services.log();
    let sentence = "the hub does not hear this agent any more";
    ensure!(
        log.matches(sentence).count() == 1 && log.contains("the token `one` was revoked"),
        "{log}"
    );

    // The agent reads its file again by itself.
    services.renew_agent_token()?;
    check_whole(&services, &uuid, LINES)?;
    let statuses = statuses(&services, &uuid)?;
    ensure!(
        statuses.iter().any(|status| status == "unknown"),
        "{statuses:?}"
    );
    let after = services.queue(&operation("after", &print_lines(1, "0")))?;
    check_whole(&services, &after, 1)
}

#[test]
#[ignore = "needs the test-bed: `make test`"]
fn a_follower_of_a_run_is_told_too() -> Result<()> {
    let _turn = crate::shared_turn();
    let services = Services::start()?;
    let user = services.create_token("user", "ana")?;
    std::fs::write(
        services.path("followed.yaml"),
        operation("followed", &print_lines(LINES, "0.2")),
    )?;
    let follower = services
        .command(&["run", "-f", "followed.yaml", "-l"])?
        .env("POLYAXON_AUTH_TOKEN", user)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let uuid = eventually(END, || {
        let runs = services.json(&["ops", "ls"])?;
        let uuid = runs["runs"][0]["uuid"].as_str().unwrap_or_default();
        ensure!(!uuid.is_empty(), "no run yet");
        Ok(uuid.to_owned())
    })?;
    wait_for_text(&services, &uuid, "line-3-end")?;
    services
        .polyaxon(&["admin", "token", "revoke", "ana"])?
        .expect_status(0)?;
    let follower = follower.wait_with_output()?;
    let said = String::from_utf8_lossy(&follower.stderr);
    ensure!(follower.status.code() == Some(5), "{said}");
    ensure!(said.contains("the token `ana` was revoked"), "{said}");
    check_whole(&services, &uuid, LINES)
}
