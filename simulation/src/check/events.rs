//! The history that the hub keeps of a run.

use std::collections::BTreeMap;

use polyaxon_spec::state::Status;

use crate::history::{EventRecord, History};

/// Entries that count, by attempt.
fn attempts(events: &[EventRecord]) -> BTreeMap<u32, Vec<&EventRecord>> {
    let mut attempts: BTreeMap<u32, Vec<&EventRecord>> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.ignored) {
        attempts.entry(event.attempt).or_default().push(event);
    }
    attempts
}

/// Invariant 5: an attempt has at most one end and nothing follows it; a run that has ended has exactly one.
pub(super) fn an_end_is_the_end(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for row in &history.runs {
        let attempts = attempts(&row.events);
        for (attempt, events) in &attempts {
            let after = events
                .iter()
                .skip_while(|event| !event.status.is_final())
                .nth(1);
            if let Some(after) = after {
                broken.push(format!(
                    "attempt {attempt} of {} had ended when entry {} said {}",
                    row.run,
                    after.seq,
                    after.status.as_str()
                ));
            }
        }
        let last = attempts.get(&row.attempt).and_then(|events| events.last());
        let told = last
            .map(|event| event.status)
            .filter(|status| status.is_final());
        if row.status.is_final() && told != Some(row.status) {
            broken.push(format!(
                "{} is {}, and its history ends with {}",
                row.run,
                row.status.as_str(),
                last.map_or("nothing", |event| event.status.as_str())
            ));
        }
    }
    broken
}

/// Invariant 6: within an attempt the rank never falls, except from `scheduled` back to `queued`.
pub(super) fn rank_never_falls(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for row in &history.runs {
        for (attempt, events) in attempts(&row.events) {
            // What only covers a status has no rank.
            let ranked: Vec<Status> = events
                .iter()
                .map(|event| event.status)
                .filter(|status| status.rank().is_some())
                .collect();
            for pair in ranked.windows(2) {
                let &[from, to] = pair else { continue };
                let handed_back = from == Status::Scheduled && to == Status::Queued;
                if to.rank() < from.rank() && !handed_back {
                    broken.push(format!(
                        "attempt {attempt} of {} went from {} to {}",
                        row.run,
                        from.as_str(),
                        to.as_str()
                    ));
                }
            }
        }
    }
    broken
}
