//! End-to-end tests of the Kubernetes executor: hub and agent as processes, Jobs on a real cluster,
//! a registry with TLS and a password.

mod failures;
mod kill;
mod seed;
mod stop;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use polyaxon_e2e::build::operation_to;

/// Longest time until something that must come is there.
const END: Duration = Duration::from_mins(4);

/// One test at a time keeps two cores from being the reason of a failure.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An operation that builds an image with one `RUN`; nothing is cached, nothing is retried.
fn operation(tag: &str, command: &str) -> String {
    operation_to(&format!("team/cluster:{tag}"), command)
}
