//! Parts of the cluster itself are killed in the middle of builds, so they run on that of the testbed only.

mod control_plane;
mod node;

use std::sync::{Mutex, MutexGuard, PoisonError};

use polyaxon_e2e::build::{operation_to, print_lines};

/// What one test kills, another one needs.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A build that prints so many lines, one in half a second.
fn lines(tag: &str, count: usize) -> String {
    operation_to(&format!("team/outage:{tag}"), &print_lines(count, "0.5"))
}
