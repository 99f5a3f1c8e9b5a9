//! End-to-end tests of the engine executor: every binary, a real registry, a real engine.

mod components;
mod faults;
mod git_context;
mod kill;
mod rejected;
mod seed;
mod stop;

use std::sync::LazyLock;
use std::sync::Mutex;

/// Builds share one engine and two cores; one platform at a time keeps times meaningful.
static ONE_AT_A_TIME: LazyLock<Mutex<()>> = LazyLock::new(|| Mutex::new(()));

/// Waits for the turn of this test.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
