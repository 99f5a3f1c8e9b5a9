//! Objects of the cluster.

use polyaxon_spec::state::Status;

use crate::history::{Fact, History, ObjectRecord};

/// When the object stopped to live; `None`: it lives.
fn over(object: &ObjectRecord) -> Option<u64> {
    match (object.ended, object.removed) {
        (Some(ended), Some(removed)) => Some(ended.min(removed)),
        (ended, removed) => ended.or(removed),
    }
}

/// Pairs of objects of one run of which the earlier one lived when the later one was created.
fn overlaps(history: &History) -> impl Iterator<Item = (&ObjectRecord, &ObjectRecord)> {
    let objects = &history.objects;
    objects.iter().enumerate().flat_map(move |(place, later)| {
        objects.iter().take(place).filter_map(move |earlier| {
            let alive = over(earlier).is_none_or(|over| over > later.created);
            (earlier.run == later.run && alive).then_some((earlier, later))
        })
    })
}

/// Invariant 3: an attempt has at most one live object, and an attempt that was followed by another one gets none any
/// more while that lives.
pub(super) fn one_object_of_an_attempt(history: &History) -> Vec<String> {
    overlaps(history)
        .filter(|(earlier, later)| earlier.attempt >= later.attempt)
        .map(|(earlier, later)| {
            format!(
                "{} of attempt {} of {} lived when {} of attempt {} was created at {}",
                earlier.uid, earlier.attempt, earlier.run, later.uid, later.attempt, later.created
            )
        })
        .collect()
}

/// Invariant 4: an attempt is created only after the one before it is over.
pub(super) fn attempts_follow_each_other(history: &History) -> Vec<String> {
    overlaps(history)
        .filter(|(earlier, later)| earlier.attempt < later.attempt)
        .map(|(earlier, later)| {
            format!(
                "attempt {} of {} lived when attempt {} was created at {}",
                earlier.attempt, earlier.run, later.attempt, later.created
            )
        })
        .collect()
}

/// Invariant 13: the agent removes an object only when the hub has its outcome.
pub(super) fn an_outcome_is_kept_until_it_is_known(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for object in &history.objects {
        let Some(removed) = object.removed else {
            continue;
        };
        if object.orphan || object.by_outsider {
            continue;
        }
        let known = history.facts.iter().any(|(at, fact)| match fact {
            Fact::Row {
                run,
                attempt,
                status,
                ..
            } => *at <= removed && *run == object.run && is_known(object, *attempt, *status),
            _ => false,
        });
        if !known {
            broken.push(format!(
                "attempt {} of {} was removed at {removed}, before its outcome was known",
                object.attempt, object.run
            ));
        }
    }
    broken
}

fn is_known(object: &ObjectRecord, attempt: u32, status: Status) -> bool {
    attempt > object.attempt || (attempt == object.attempt && status.is_final())
}
