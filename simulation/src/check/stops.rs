//! Stops.

use crate::history::{Fact, History};

/// Invariant 9: after a stop was acknowledged no agent is told to launch the run, no object is created that no agent
/// had been told to launch before, and the run ends once faults have stopped.
///
/// An agent that was told to launch and cannot be reached may still create the object; it ends with the run.
pub(super) fn a_stop_is_obeyed(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (place, (stopped, fact)) in history.facts.iter().enumerate() {
        let Fact::StopAcknowledged { run } = fact else {
            continue;
        };
        let launches = |facts: &[(u64, Fact)]| -> Vec<(u64, u32)> {
            let given = facts.iter().filter_map(|(at, fact)| match fact {
                Fact::Given {
                    run: of,
                    attempt,
                    launch: true,
                    ..
                } if of == run => Some((*at, *attempt)),
                _ => None,
            });
            given.collect()
        };
        let (before, after) = history.facts.split_at(place);
        for (at, attempt) in launches(after) {
            broken.push(format!(
                "{run} was stopped at {stopped}, and attempt {attempt} was given out at {at}"
            ));
        }
        let told = launches(before);
        for object in &history.objects {
            let known = told.iter().any(|(_, attempt)| *attempt == object.attempt);
            if object.run == *run && object.created > *stopped && !known {
                broken.push(format!(
                    "{run} was stopped at {stopped}, and attempt {} was created at {}",
                    object.attempt, object.created
                ));
            }
        }
        let row = history.runs.iter().find(|row| row.run == *run);
        if row.is_some_and(|row| !row.status.is_final()) {
            broken.push(format!(
                "{run} was stopped at {stopped} and has not ended at {}",
                history.end
            ));
        }
    }
    broken
}
