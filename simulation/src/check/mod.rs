//! Whether a history keeps the promises: one pure function per invariant.

mod capacity;
mod events;
mod fences;
mod logs;
mod objects;
mod orphans;
mod restarts;
mod runs;
mod stops;

use std::fmt;

use crate::history::History;

/// A promise that a history breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Number of the invariant.
    pub invariant: u8,
    /// What happened.
    pub sentence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "invariant {}: {}", self.invariant, self.sentence)
    }
}

/// Says how a history breaks one invariant.
type Check = fn(&History) -> Vec<String>;

/// Every invariant with its number.
const CHECKS: [(u8, Check); 14] = [
    (1, runs::no_run_is_lost),
    (2, runs::one_key_is_one_run),
    (3, objects::one_object_of_an_attempt),
    (4, objects::attempts_follow_each_other),
    (5, events::an_end_is_the_end),
    (6, events::rank_never_falls),
    (7, fences::stale_writes_change_nothing),
    (8, fences::numbers_grow),
    (9, stops::a_stop_is_obeyed),
    (13, objects::an_outcome_is_kept_until_it_is_known),
    (14, logs::logs_are_what_was_written),
    (15, orphans::nothing_is_left_unanswered),
    (16, restarts::a_restart_changes_nothing),
    (17, capacity::no_slot_leaks),
];

/// Everything that a history breaks.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let broken = CHECKS.iter().flat_map(|&(invariant, check)| {
        check(history).into_iter().map(move |sentence| Violation {
            invariant,
            sentence,
        })
    });
    broken.collect()
}
