//! Takes down what happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::time::SimClock;
use crate::history::Fact;

/// The history while it happens.
#[derive(Debug, Clone)]
pub struct Recorder {
    clock: Arc<SimClock>,
    facts: Arc<Mutex<Vec<(u64, Fact)>>>,
    /// Largest offsets that agents were told are durable, by run and attempt.
    acknowledged: Arc<Mutex<BTreeMap<(String, u32), u64>>>,
}

impl Recorder {
    pub(super) fn new(clock: Arc<SimClock>) -> Self {
        Self {
            clock,
            facts: Arc::default(),
            acknowledged: Arc::default(),
        }
    }

    /// Takes down a fact.
    pub fn record(&self, fact: Fact) {
        let at = self.clock.elapsed();
        lock(&self.facts).push((at, fact));
    }

    /// Takes down a remark.
    pub fn note(&self, note: impl Into<String>) {
        self.record(Fact::Note(note.into()));
    }

    /// An agent was told that the log is durable up to this offset.
    pub fn log_acknowledged(&self, run: String, attempt: u32, offset: u64) {
        let mut all = lock(&self.acknowledged);
        let known = all.entry((run, attempt)).or_default();
        *known = (*known).max(offset);
    }

    /// The largest offset that was acknowledged.
    #[must_use]
    pub fn acknowledged(&self, run: &str, attempt: u32) -> u64 {
        let key = (run.to_owned(), attempt);
        lock(&self.acknowledged)
            .get(&key)
            .copied()
            .unwrap_or_default()
    }

    /// All facts so far.
    #[must_use]
    pub fn take(&self) -> Vec<(u64, Fact)> {
        std::mem::take(&mut lock(&self.facts))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
