//! End-to-end tests of the engine executor: every binary, a real registry, a real engine.

mod clocks;
mod components;
mod disks;
mod faults;
mod git_context;
mod images;
mod kill;
mod outages;
mod rejected;
mod seed;
mod stop;
mod stop_and_kill;
mod tokens;

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Builds share one engine and two cores; one platform at a time keeps times meaningful.
static TURN: RwLock<()> = RwLock::new(());

/// Waits for the turn of a test that measures times.
fn turn() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the turn of a test that waits most of its time; several of them run at once.
fn shared_turn() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}
