//! End-to-end tests of the Kubernetes executor: hub and agent as processes, Jobs on a real cluster,
//! a registry with TLS and a password.

mod agents;
mod evictions;
mod failures;
mod git_context;
mod kill;
mod many;
mod namespaces;
mod options;
mod seed;
mod stop;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use polyaxon_e2e::build::operation_to;

/// Longest time until something that must come is there.
const END: Duration = Duration::from_mins(4);

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
