//! Runs that were accepted.

use std::collections::BTreeMap;

use crate::history::{Fact, History};

/// Invariant 1: a run that a client saw accepted has a row, and ends once faults have stopped.
pub(super) fn no_run_is_lost(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (at, fact) in &history.facts {
        let Fact::Accepted { run, .. } = fact else {
            continue;
        };
        match history.runs.iter().find(|row| row.run == *run) {
            None => broken.push(format!("{run} was accepted at {at} and has no row")),
            Some(row) if !row.status.is_final() => broken.push(format!(
                "{run} is {} at {}, long after everything was healed",
                row.status.as_str(),
                history.end
            )),
            Some(_) => {}
        }
    }
    broken
}

/// Invariant 2: calls with the same idempotency key are one run.
pub(super) fn one_key_is_one_run(history: &History) -> Vec<String> {
    let mut runs: BTreeMap<&str, &str> = BTreeMap::new();
    let mut broken = Vec::new();
    for (at, fact) in &history.facts {
        let Fact::Accepted { run, key } = fact else {
            continue;
        };
        if key.is_empty() {
            continue;
        }
        let first = *runs.entry(key).or_insert(run);
        if first != run {
            broken.push(format!("`{key}` is {first}, and at {at} it is {run}"));
        }
    }
    broken
}
