//! End-to-end tests of the Kubernetes executor: hub and agent as processes, Jobs on a real cluster,
//! a registry with TLS and a password.

mod failures;
mod kill;
mod seed;
mod stop;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use polyaxon_e2e::cluster::ClusterServices;
use polyaxon_e2e::command::eventually;
use serde_json::Value;

/// Longest time until something that must come is there.
const END: Duration = Duration::from_mins(4);

/// One test at a time keeps two cores from being the reason of a failure.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An operation that builds an image with one `RUN`; nothing is cached, nothing is retried.
fn operation(tag: &str, command: &str) -> String {
    format!(
        "kind: operation
hubRef: kaniko
params:
  destination: {{connection: docker-connection, value: 'team/cluster:{tag}'}}
  cache: false
termination: {{maxRetries: 0}}
runPatch:
  init:
  - dockerfile: {{image: 'busybox:1.36', shell: /bin/sh, run: ['{command}']}}
"
    )
}

fn get(cluster: &ClusterServices, uuid: &str) -> Result<Value> {
    cluster.json(&["ops", "get", "-uid", uuid])
}

fn wait_for_text(cluster: &ClusterServices, uuid: &str, text: &str) -> Result<()> {
    eventually(END, || {
        let logs = cluster.logs(uuid)?;
        ensure!(logs.contains(text), "`{text}` is not there yet: {logs}");
        Ok(())
    })
}
