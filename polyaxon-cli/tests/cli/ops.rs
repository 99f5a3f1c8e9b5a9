//! `polyaxon ops`.

use anyhow::Result;
use polyaxon_proto::runs::v1::Status;

use crate::fake_hub::{FakeHub, State};
use crate::process::Home;
use crate::runs::{UUID, build, failed, hub_with, retrying, succeeded};

#[test]
fn ls_in_a_pipe_and_as_json() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    let text = home.polyaxon(&["ops", "ls"])?;
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d+ \w+ ago", "[age]");
    settings.bind(|| insta::assert_snapshot!(text));
    let json = home.polyaxon(&["ops", "ls", "-p", "acme/images", "-o", "json"])?;
    insta::assert_snapshot!(json);
    let state = hub.state();
    let asked = state
        .listed
        .last()
        .map(|list| (&list.owner[..], &list.project[..]));
    assert_eq!(asked, Some(("acme", "images")));
    Ok(())
}

#[test]
fn ls_reads_pages_up_to_the_limit() -> Result<()> {
    let runs = (0..450).map(|_| build(Status::Queued)).collect();
    let hub = FakeHub::start(State {
        runs,
        ..State::default()
    })?;
    let home = Home::of(&hub)?;
    let output = home.polyaxon(&["ops", "ls", "--limit", "400"])?;
    assert_eq!(output.stdout.lines().count(), 400);
    assert!(output.stderr.contains("--limit 800"), "{output}");
    let output = home.polyaxon(&["ops", "ls", "-l", "1000", "-o", "json"])?;
    assert!(output.stdout.contains("\"more\": false"), "{output}");
    Ok(())
}

#[test]
fn get_shows_what_there_is() -> Result<()> {
    let hub = FakeHub::start(hub_with(failed()))?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "get", "-uid", UUID])?);
    insta::assert_snapshot!(home.polyaxon(&["ops", "get", "-uid", UUID, "-o", "json"])?);
    Ok(())
}

#[test]
fn get_shows_what_a_build_did() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "get", "-uid", UUID])?);
    Ok(())
}

#[test]
fn a_run_that_waits_for_another_attempt_says_why() -> Result<()> {
    let hub = FakeHub::start(hub_with(retrying()))?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "get", "-uid", UUID])?);
    insta::assert_snapshot!(home.polyaxon(&["ops", "statuses", "-uid", UUID])?);
    let json = home.polyaxon(&["ops", "statuses", "-uid", UUID, "-o", "json"])?;
    let document: serde_json::Value = serde_json::from_str(&json.stdout)?;
    assert_eq!(
        document["earlier_attempts"][0]["failure"]["class"],
        "registry_network"
    );
    assert_eq!(document["max_attempts"], 3);
    Ok(())
}

#[test]
fn a_run_without_its_agent_is_given_up() -> Result<()> {
    let hub = FakeHub::start(hub_with(build(Status::Unknown)))?;
    let home = Home::of(&hub)?;
    let shown = home.polyaxon(&["ops", "get", "-uid", UUID])?;
    assert!(shown.stderr.contains("--abandon"), "{shown}");
    let output = home.polyaxon(&["ops", "stop", "-uid", UUID, "-y", "--abandon"])?;
    assert_eq!(output.status, Some(0), "{output}");
    let asked: Vec<bool> = hub
        .state()
        .stopped
        .iter()
        .map(|stop| stop.abandon)
        .collect();
    assert_eq!(asked, [true]);
    Ok(())
}

#[test]
fn statuses_of_a_run() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "-uid", UUID, "statuses"])?);
    insta::assert_snapshot!(home.polyaxon(&["ops", "statuses", "-uid", UUID, "-w"])?);
    let hub = FakeHub::start(hub_with(failed()))?;
    let home = Home::of(&hub)?;
    let failed = home.polyaxon(&["ops", "statuses", "-uid", UUID])?;
    assert!(
        failed.stderr.contains("line 2 of the Dockerfile"),
        "{failed}"
    );
    Ok(())
}

#[test]
fn stop_wants_a_yes() -> Result<()> {
    let hub = FakeHub::start(hub_with(build(Status::Running)))?;
    let home = Home::of(&hub)?;
    let asked = home.polyaxon(&["ops", "stop", "-uid", UUID])?;
    assert_eq!(asked.status, Some(2), "{asked}");
    assert!(hub.state().stopped.is_empty());
    insta::assert_snapshot!(home.polyaxon(&[
        "ops",
        "stop",
        "-uid",
        UUID,
        "-y",
        "--reason",
        "wrong branch"
    ])?);
    let state = hub.state();
    let reasons: Vec<&str> = state.stopped.iter().map(|stop| &stop.reason[..]).collect();
    assert_eq!(reasons, ["wrong branch"]);
    Ok(())
}

#[test]
fn without_a_run_the_command_says_how_to_name_one() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "get"])?);
    let bad = home.polyaxon(&["ops", "get", "-uid", "0192"])?;
    assert_eq!(bad.status, Some(2), "{bad}");
    let absent = home.polyaxon(&["ops", "get", "-uid", UUID])?;
    assert_eq!(absent.status, Some(6), "{absent}");
    Ok(())
}
