//! Logs.

use crate::history::{History, LogRecord, ObjectRecord};

/// Invariant 14: what the hub has of a log is what the container wrote, from its first byte on, without a gap, and at
/// least as much as an agent was told is durable; a log that is said to be complete is complete.
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
    if log.gaps > 0 {
        return Some(format!("{name} has {} gaps", log.gaps));
    }
    let source = objects
        .iter()
        .find(|object| object.output.starts_with(&log.bytes));
    let Some(source) = source else {
        return Some(format!("{name} is not what its container wrote"));
    };
    if log.acknowledged > log.bytes.len() as u64 {
        return Some(format!(
            "{name} has {} bytes, and {} were acknowledged",
            log.bytes.len(),
            log.acknowledged
        ));
    }
    let torn = source.by_outsider || log.bytes.len() == source.output.len();
    (log.ended && !torn).then(|| {
        format!(
            "{name} is said to be complete with {} of {} bytes",
            log.bytes.len(),
            source.output.len()
        )
    })
}
