//! Builds that print numbered lines, and what every run has to be in the end.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::eventually;
use crate::services::Services;

/// Longest time until something that must come is there.
pub const END: Duration = Duration::from_mins(3);

/// An operation that builds the image `team/fault:TAG` with one `RUN`.
#[must_use]
pub fn operation(tag: &str, command: &str) -> String {
    operation_to(&format!("team/fault:{tag}"), command)
}

/// An operation that builds an image with one `RUN`; nothing is cached, nothing is retried.
#[must_use]
pub fn operation_to(image: &str, command: &str) -> String {
    format!(
        "kind: operation
hubRef: kaniko
params:
  destination: {{connection: docker-connection, value: '{image}'}}
  cache: false
termination: {{maxRetries: 0}}
runPatch:
  init:
  - dockerfile: {{image: 'busybox:1.36', shell: /bin/sh, run: ['{command}']}}
"
    )
}

/// A command that prints `line-1-end` to `line-COUNT-end`, with a pause of so many seconds after each.
#[must_use]
pub fn print_lines(count: usize, pause: &str) -> String {
    format!("for i in $(seq 1 {count}); do echo line-$i-end; sleep {pause}; done")
}

/// Every line of [`print_lines`] once and in order.
///
/// # Errors
/// The lines that are there.
pub fn check_lines(text: &str, count: usize) -> Result<()> {
    let seen = count_lines(text)?;
    ensure!(
        seen == count,
        "the first {seen} of {count} lines are there:\n{text}"
    );
    Ok(())
}

/// How many lines of [`print_lines`] are there, each once and in order.
///
/// # Errors
/// The lines that are there.
pub fn count_lines(text: &str) -> Result<usize> {
    let seen: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("line-"))
        .collect();
    let wanted: Vec<String> = (1..=seen.len())
        .map(|number| format!("line-{number}-end"))
        .collect();
    ensure!(seen == wanted, "lines were lost or doubled:\n{text}");
    Ok(seen.len())
}

/// The run has ended so, with a digest that nobody confirmed.
///
/// # Errors
/// It has not.
pub fn check_claimed(run: &Value, status: &str) -> Result<()> {
    ensure!(run["status"] == status, "{run:#}");
    let build = &run["build"];
    ensure!(build["confirmed"] == false, "{run:#}");
    ensure!(
        build["digest"].as_str().unwrap_or_default().is_empty(),
        "{run:#}"
    );
    let claimed = build["digest_claimed"].as_str().unwrap_or_default();
    ensure!(claimed.starts_with("sha256:"), "{run:#}");
    Ok(())
}

/// Waits until the log of a run has a text.
///
/// # Errors
/// It is not there within [`END`].
pub fn wait_for_text(services: &Services, uuid: &str, text: &str) -> Result<()> {
    eventually(END, || {
        let logs = services.logs(uuid)?;
        ensure!(logs.contains(text), "`{text}` is not there yet: {logs}");
        Ok(())
    })
}

/// The run as `ops get` shows it.
///
/// # Errors
/// It cannot be read.
pub fn get(services: &Services, uuid: &str) -> Result<Value> {
    services.json(&["ops", "get", "-uid", uuid])
}

/// Waits for the end of a run, and shows it.
///
/// # Errors
/// It does not end within [`END`].
pub fn ended(services: &Services, uuid: &str) -> Result<Value> {
    eventually(END, || {
        let run = get(services, uuid)?;
        let status = run["status"].as_str().unwrap_or_default();
        ensure!(is_end(status), "{status}");
        Ok(run)
    })
}

/// Whether no other status comes after it.
#[must_use]
pub fn is_end(status: &str) -> bool {
    ["succeeded", "failed", "stopped"].contains(&status)
}

/// Statuses that counted, in order.
///
/// # Errors
/// They cannot be read.
pub fn statuses(services: &Services, uuid: &str) -> Result<Vec<String>> {
    let told = services.json(&["ops", "statuses", "-uid", uuid])?;
    let events = told["events"].as_array().context("no events")?;
    Ok(events
        .iter()
        .filter(|event| event["ignored"] != true)
        .map(|event| event["status"].as_str().unwrap_or_default().to_owned())
        .collect())
}

/// The statuses of a run hold exactly one end.
///
/// # Errors
/// The statuses.
pub fn check_one_end(services: &Services, uuid: &str) -> Result<()> {
    let statuses = statuses(services, uuid)?;
    let ends = statuses.iter().filter(|status| is_end(status)).count();
    ensure!(ends == 1, "{statuses:?}");
    Ok(())
}

/// Waits until no container of a run is left in the engine.
///
/// # Errors
/// Some are left after [`END`].
pub fn check_nothing_left(services: &Services, uuid: &str) -> Result<()> {
    eventually(END, || {
        let left = services.testbed().containers(uuid)?;
        ensure!(left.is_empty(), "containers are left: {left:?}");
        Ok(())
    })
}

/// The run has succeeded, once, with all of its lines, and has left nothing in the engine.
///
/// # Errors
/// What is not so, with the logs of hub and agent.
pub fn check_whole(services: &Services, uuid: &str, lines: usize) -> Result<()> {
    let run = ended(services, uuid)?;
    let whole = || {
        ensure!(run["status"] == "succeeded", "{run:#}");
        // With a hub that was away the log may come after the status.
        check_lines(&services.whole_log(uuid)?, lines)?;
        check_one_end(services, uuid)?;
        check_nothing_left(services, uuid)
    };
    whole().with_context(|| services.log())
}

/// Does the same for every item at once, in a thread each.
///
/// # Errors
/// The first one in the order of the items.
pub fn at_once<T: Copy + Send>(items: &[T], one: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    std::thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = items
            .iter()
            .map(|&item| scope.spawn(move || one(item)))
            .collect();
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        outcomes
            .into_iter()
            .try_for_each(|outcome| outcome.ok().context("panicked").flatten())
    })
}
