//! Objects that nobody expects.

use crate::history::{Fact, History};

/// Invariant 15: a sync answers for every object that was named, and in the end none is left.
pub(super) fn nothing_is_left_unanswered(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (at, fact) in &history.facts {
        if let Fact::Synced { unanswered, .. } = fact {
            broken.extend(unanswered.iter().map(|(run, attempt)| {
                format!("the sync at {at} says nothing about attempt {attempt} of {run}")
            }));
        }
    }
    let left = history
        .objects
        .iter()
        .filter(|object| object.removed.is_none());
    broken.extend(left.map(|object| {
        format!(
            "attempt {} of {} is still there at {}",
            object.attempt, object.run, history.end
        )
    }));
    broken
}
