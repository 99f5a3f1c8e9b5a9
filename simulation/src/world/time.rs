//! The hub's clock and its identifiers.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use polyaxon_hub::clock::Clock;
use polyaxon_hub::domain::time::Millis;
use tokio::time::Instant;

/// Milliseconds since 1970 at which every history begins.
const BEGIN: i64 = 1_800_000_000_000;

/// Simulated time.
#[derive(Debug)]
pub struct SimClock {
    start: Instant,
    /// How far the clock of the hub's machine is off, in milliseconds.
    set_by: AtomicI64,
    /// How far the hub has followed it.
    followed: AtomicI64,
    ids: AtomicU64,
}

impl SimClock {
    pub(super) fn start() -> Self {
        Self {
            start: Instant::now(),
            set_by: AtomicI64::new(0),
            followed: AtomicI64::new(0),
            ids: AtomicU64::new(0),
        }
    }

    /// Milliseconds since the start of the history.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The clock of the hub's machine is set.
    pub fn jump(&self, milliseconds: i64) {
        self.set_by.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// The hub is started: it begins with the time of its machine.
    pub(super) fn begin(&self) {
        let set_by = self.set_by.load(Ordering::Relaxed);
        self.followed.store(set_by, Ordering::Relaxed);
    }

    /// Time of day, as agents have it.
    #[must_use]
    pub fn time_of_day(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(BEGIN.unsigned_abs() + self.elapsed())
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        let elapsed = i64::try_from(self.elapsed()).unwrap_or(i64::MAX);
        Millis(BEGIN + elapsed + self.followed.load(Ordering::Relaxed))
    }

    fn was_set_by(&self) -> i64 {
        self.set_by.load(Ordering::Relaxed) - self.followed.load(Ordering::Relaxed)
    }

    fn follow(&self, milliseconds: i64) {
        self.followed.fetch_add(milliseconds, Ordering::Relaxed);
    }

    fn new_id(&self) -> String {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        format!(
            "{:012x}{number:020x}",
            BEGIN.unsigned_abs() + self.elapsed()
        )
    }
}
