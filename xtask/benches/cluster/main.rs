//! Hub and agent as their programs, the agent on a real cluster: what a run costs there, and ten thousand of them.
//!
//! `cargo run -p xtask -- bench --cluster` sets the variables that it reads. Pods of most runs are on simulated nodes
//! (`deploy/testbed/kwok.sh`), so that the agent and the API server are what is measured.
//!
//! `POLYAXON_BENCH_RUNS` is the number of runs that live at once (default 10,000), `POLYAXON_BENCH_PARTS` what is
//! measured (default `dispatch builds crowd`).

mod builds;
mod crowd;
mod dispatch;
mod objects;
mod rest;
mod services;

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::objects::Namespace;
use crate::services::Services;

#[tokio::main]
async fn main() -> Result<()> {
    let runs: usize = match std::env::var("POLYAXON_BENCH_RUNS") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("POLYAXON_BENCH_RUNS=`{text}` is no number"))?,
        Err(_) => 10_000,
    };
    let parts = std::env::var("POLYAXON_BENCH_PARTS")
        .unwrap_or_else(|_| "dispatch builds crowd".to_owned());
    for part in parts.split_whitespace() {
        ensure!(
            ["dispatch", "builds", "crowd"].contains(&part),
            "POLYAXON_BENCH_PARTS has `{part}`: use `dispatch`, `builds` and `crowd`"
        );
    }
    let client = kube::Client::try_default()
        .await
        .context("no cluster: run `cargo run -p xtask -- bench --cluster`")?;
    objects::remove_earlier(&client).await?;
    let namespace = Namespace::create(&client, "plx-bench").await?;
    let measured = tokio::select! {
        measured = measure(&namespace, &parts, runs) => measured,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(anyhow::anyhow!("interrupted"))
        }
    };
    say(&format!("removing `{}`", namespace.name()))?;
    let removed = objects::remove_earlier(&client).await;
    measured?;
    removed
}

/// Hub and agent end with this, so that nobody puts back what is removed afterwards.
async fn measure(namespace: &Namespace, parts: &str, runs: usize) -> Result<()> {
    let mut services = Services::start(namespace.name(), runs).await?;
    let outcome = async {
        for part in parts.split_whitespace() {
            match part {
                "dispatch" => dispatch::measure(&services, namespace).await?,
                "builds" => builds::measure(&services, namespace).await?,
                _ => crowd::measure(&mut services, namespace, runs).await?,
            }
        }
        anyhow::Ok(())
    }
    .await;
    outcome.with_context(|| services.last_words())
}

/// A figure of the table.
fn figure(name: &str, value: f64, unit: &str) -> Result<()> {
    let line = format!("cluster: {name}: {value:.2} {unit}\n");
    Ok(std::io::stdout().write_all(line.as_bytes())?)
}

/// What is going on.
fn say(what: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr(), "bench: {what}")?)
}

/// The time below which this share of the times is, in milliseconds.
fn at(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).map_or(f64::NAN, Duration::as_secs_f64) * 1000.0
}
