//! Whether things go wrong, and how often they did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How often each kind of fault was injected.
pub type Counts = BTreeMap<&'static str, u64>;

/// The switch and the counters.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    on: Arc<AtomicBool>,
    counts: Arc<Mutex<Counts>>,
}

impl Faults {
    /// Whether faults are wanted now.
    #[must_use]
    pub fn are_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Begins or ends the time of faults.
    pub fn set(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Counts a fault.
    pub fn count(&self, kind: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kind).or_default() += 1;
    }

    /// How often each kind was injected.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
