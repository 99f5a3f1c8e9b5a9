//! Following runs: what is shown, over broken connections, and Ctrl-C.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use polyaxon_proto::runs::v1::Status;

use crate::fake_hub::FakeHub;
use crate::process::{Home, Output};
use crate::runs::{LOG, UUID, build, failed, hub_with, log, succeeded};

#[test]
fn log_of_a_run_that_has_ended() -> Result<()> {
    let hub = FakeHub::start(hub_with(succeeded()))?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "logs", "-uid", UUID])?);
    let raw = home.polyaxon(&["ops", "logs", "-uid", UUID, "--raw"])?;
    assert_eq!(raw.stdout.lines().collect::<Vec<_>>(), LOG);
    let json = home.polyaxon(&["ops", "logs", "-uid", UUID, "-o", "json"])?;
    insta::assert_snapshot!(json.stdout.lines().nth(2).unwrap_or_default());
    Ok(())
}

#[test]
fn followed_log_shows_statuses_beside_it() -> Result<()> {
    let mut state = hub_with(succeeded());
    state.running_for = 1;
    let hub = FakeHub::start(state)?;
    let home = Home::of(&hub)?;
    insta::assert_snapshot!(home.polyaxon(&["ops", "logs", "-uid", UUID])?);
    Ok(())
}

#[test]
fn the_exit_status_follows_the_run() -> Result<()> {
    for (run, expected) in [
        (succeeded(), 0),
        (failed(), 1),
        (build(Status::Stopped), 3),
        (build(Status::Skipped), 3),
    ] {
        let hub = FakeHub::start(hub_with(run))?;
        let home = Home::of(&hub)?;
        let logs = home.polyaxon(&["ops", "logs", "-uid", UUID])?;
        assert_eq!(logs.status, Some(expected), "{logs}");
        let snapshot = home.polyaxon(&["ops", "logs", "-uid", UUID, "-nf"])?;
        assert_eq!(snapshot.status, Some(0), "{snapshot}");
        let watched = home.polyaxon(&["ops", "statuses", "-uid", UUID, "-w", "-o", "json"])?;
        assert_eq!(watched.status, Some(expected), "{watched}");
    }
    Ok(())
}

#[test]
fn broken_connections_lose_and_double_nothing() -> Result<()> {
    let lines: Vec<String> = (0..12).map(|number| format!("line {number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut state = hub_with(succeeded());
    state.log = log(&lines);
    state.breaks = 5;
    state.running_for = 5;
    let hub = FakeHub::start(state)?;
    let home = Home::of(&hub)?;
    let output = home.polyaxon(&["ops", "logs", "-uid", UUID])?;
    assert_eq!(output.stdout.lines().collect::<Vec<_>>(), lines, "{output}");
    let statuses = ["created", "queued", "running", "succeeded"];
    for status in statuses {
        let shown = output
            .stderr
            .lines()
            .filter(|line| line.split_whitespace().nth(1) == Some(status))
            .count();
        assert_eq!(shown, 1, "`{status}`: {output}");
    }
    assert_eq!(hub.state().breaks, 0, "no connection broke");
    Ok(())
}

#[test]
fn ctrl_c_leaves_the_run_alone() -> Result<()> {
    let mut state = hub_with(build(Status::Running));
    state.events.pop();
    state.holds = true;
    let hub = FakeHub::start(state)?;
    let home = Home::of(&hub)?;
    let mut child = home
        .command(&["ops", "logs", "-uid", UUID])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?);
    let mut first = String::new();
    stdout.read_line(&mut first)?;
    assert!(first.contains("Retrieving"), "{first}");
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    assert!(killed.success());
    let output = Output::of(&child.wait_with_output()?);
    assert_eq!(output.status, Some(130), "{output}");
    let last = output.stderr.lines().last().unwrap_or_default();
    insta::assert_snapshot!(last);
    assert!(hub.state().stopped.is_empty());
    Ok(())
}

#[test]
fn on_a_terminal_the_log_stays_whole() -> Result<()> {
    let mut state = hub_with(succeeded());
    state.running_for = 2;
    let hub = FakeHub::start(state)?;
    let home = Home::of(&hub)?;
    let command = home.command(&[]);
    let words = format!(
        "{} ops logs -uid {UUID}",
        command.get_program().to_string_lossy()
    );
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command", &words, "/dev/null"])
        .stdin(Stdio::null())
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    for (name, value) in command.get_envs() {
        terminal.env(name, value.context("a variable without a value")?);
    }
    let output = Output::of(&terminal.output()?);
    assert_eq!(output.status, Some(0), "{output}");
    assert!(output.stdout.contains("\u{1b}["), "no colours: {output}");
    let seen = anstream::adapter::strip_str(&output.stdout).to_string();
    for line in [
        "1.0s RUN pip3 install polyaxon\r\n",
        "Collecting polyaxon\r\n",
        "succeeded in 1m 14s\r\n",
    ] {
        assert!(seen.contains(line), "{line:?} is missing: {output}");
    }
    Ok(())
}
