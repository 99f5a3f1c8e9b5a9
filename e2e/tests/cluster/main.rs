//! End-to-end tests of the Kubernetes executor: hub and agent beside a real cluster or, with `POLYAXON_E2E_PLACE=charts`, as our charts
//! install them in it; a registry with TLS and a password.

mod agents;
mod classes;
mod components;
mod digest;
mod evictions;
mod failures;
mod gate;
mod git_context;
mod kill;
mod many;
mod namespaces;
mod options;
mod seed;
mod stop;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use anyhow::Result;
use polyaxon_e2e::build::{check_lines, check_one_end, operation_to, print_lines, wait_for_text};
use polyaxon_e2e::cluster::ClusterServices;
use polyaxon_e2e::command::eventually;

/// Longest time until something that must come is there.
const END: Duration = Duration::from_mins(4);

/// Lines that a build prints before it is ended.
const PRINTED: usize = 30;

/// Room for many builds at once on a node of two cores.
const SMALL: &str = "buildResources: {requests: {cpu: 10m, memory: 16Mi}}\n";

/// Every test has a hub, an agent and a namespace of its own; all have the node and its cores.
static TURN: RwLock<()> = RwLock::new(());

/// Waits for the turn of a test that takes all of the node. Whoever shares it goes first, so that nobody waits for a
/// test that waits itself.
fn turn() -> RwLockWriteGuard<'static, ()> {
    loop {
        match TURN.try_write() {
            Ok(turn) => return turn,
            Err(TryLockError::Poisoned(turn)) => return turn.into_inner(),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// Waits for the turn of a test that waits most of its time; several of them run at once.
fn shared_turn() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// An operation that builds an image with one `RUN`; nothing is cached, nothing is retried.
fn operation(tag: &str, command: &str) -> String {
    operation_to(&format!("team/cluster:{tag}"), command)
}

/// A registry without a secret, as an item of `connections`.
fn open_registry(name: &str, url: &str) -> String {
    format!("- name: {name}\n  kind: registry\n  schema: {{url: '{url}'}}\n")
}

/// The operation with another line of YAML in its `runPatch`.
fn patched(operation: &str, line: &str) -> String {
    operation.replace("runPatch:\n", &format!("runPatch:\n  {line}\n"))
}

/// The operation with an init step before its own.
fn with_init(operation: &str, step: &str) -> String {
    operation.replace("  init:\n", &format!("  init:\n  - {step}\n"))
}

/// A command that prints [`PRINTED`] lines, and goes on with another one.
fn prints_and(command: &str) -> String {
    format!("{}; {command}", print_lines(PRINTED, "0"))
}

/// Waits until all lines of [`prints_and`] are in the log.
fn wait_for_lines(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    wait_for_text(cluster, uuid, &format!("line-{PRINTED}-end"))
}

/// The run has ended once, and everything that [`prints_and`] printed is in its log, once.
fn check_end_and_lines(cluster: &ClusterServices, uuid: &str) -> Result<()> {
    check_one_end(cluster, uuid)?;
    // The end of a log may come after that of the run.
    eventually(END, || check_lines(&cluster.logs(uuid)?, PRINTED))
}

/// An image of the registry that nodes pull from.
fn image(name: &str) -> Result<String> {
    let registry = std::env::var("POLYAXON_E2E_CLUSTER_REGISTRY")?;
    Ok(format!("{registry}/{name}"))
}
