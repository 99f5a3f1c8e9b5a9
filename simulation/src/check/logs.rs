//! Logs.

use crate::history::{History, LogRecord, ObjectRecord};

/// Invariant 14: what the hub has of a log is what the container wrote, from its first byte on, and at least as much as
/// an agent was told is durable; a log that is said to be complete is complete, or has a mark where what an outsider
/// removed is missing.
pub(super) fn logs_are_what_was_written(history: &History) -> Vec<String> {
    history
        .logs
        .iter()
        .filter_map(|log| broken(history, log))
        .collect()
}

fn broken(history: &History, log: &LogRecord) -> Option<String> {
    let objects: Vec<&ObjectRecord> = history
        .objects
        .iter()
        .filter(|object| object.run == log.run && object.attempt == log.attempt)
        .collect();
    let name = format!("the log of attempt {} of {}", log.attempt, log.run);
    let removed = objects.iter().any(|object| object.by_outsider);
    if log.gaps > usize::from(removed) {
        return Some(format!("{name} has {} gaps", log.gaps));
    }
    // What an outsider removed before the hub knew of it has a second object after it, which may have written the same.
    let sources: Vec<&ObjectRecord> = objects
        .into_iter()
        .filter(|object| object.output.starts_with(&log.bytes))
        .collect();
    let Some(last) = sources.last() else {
        return Some(format!("{name} is not what its container wrote"));
    };
    // A mark counts one byte.
    if log.acknowledged > (log.bytes.len() + log.gaps) as u64 {
        return Some(format!(
            "{name} has {} bytes, and {} were acknowledged",
            log.bytes.len(),
            log.acknowledged
        ));
    }
    let whole = sources.iter().any(|source| {
        let marked = source.by_outsider && log.gaps > 0;
        marked || log.bytes.len() == source.output.len()
    });
    (log.ended && !whole).then(|| {
        format!(
            "{name} is said to be complete with {} of {} bytes",
            log.bytes.len(),
            last.output.len()
        )
    })
}
