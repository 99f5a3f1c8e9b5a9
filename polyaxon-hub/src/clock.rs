//! Time and identifiers: the two things of the process that are different every time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::Millis;

/// Differences up to this are followed at once; larger ones mean that somebody set the machine's clock.
const SLEW: Duration = Duration::from_secs(2);

/// Tells the time and makes identifiers; a fake one makes a week pass in a test.
pub trait Clock: Send + Sync + 'static {
    /// Now, UTC. Goes on evenly when the machine's clock is set, until [`Self::follow`].
    fn now(&self) -> Millis;

    /// By how many milliseconds the machine's clock was set, negative: backwards; 0 where it was not.
    fn was_set_by(&self) -> i64 {
        0
    }

    /// Goes on with [`Self::now`] moved by so many milliseconds.
    fn follow(&self, _milliseconds: i64) {}

    /// A new identifier: 32 hex digits that sort by the time they were made.
    fn new_id(&self) -> String {
        new_id()
    }
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    /// Wall time of `start`, in milliseconds since the epoch.
    base: AtomicI64,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            base: AtomicI64::new(wall()),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        Millis(self.base.load(Ordering::Relaxed)).plus(self.start.elapsed())
    }

    fn was_set_by(&self) -> i64 {
        let ahead = wall().saturating_sub(self.now().0);
        if u128::from(ahead.unsigned_abs()) > SLEW.as_millis() {
            return ahead;
        }
        self.follow(ahead);
        0
    }

    fn follow(&self, milliseconds: i64) {
        self.base.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

fn wall() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A new UUIDv7 as 32 hex digits: identifiers sort by the time they were made.
#[must_use]
pub fn new_id() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_is_followed_when_the_hub_says_so() {
        let clock = SystemClock::default();
        for (ahead, told) in [
            (0, 0),
            (1500, 0),
            (-1500, 0),
            (3_600_000, 3_600_000),
            (-3_600_000, -3_600_000),
        ] {
            // What the clock had before the machine's was set by `ahead`.
            clock.base.fetch_sub(ahead, Ordering::Relaxed);
            let before = clock.now();
            let was_set_by = clock.was_set_by();
            assert!((was_set_by - told).abs() < 500, "{ahead}: {was_set_by}");
            if told != 0 {
                assert!(
                    clock.now().since(before) < Duration::from_millis(500),
                    "it goes on evenly"
                );
                clock.follow(was_set_by);
            }
            assert!((wall() - clock.now().0).abs() < 500, "{ahead}");
            assert_eq!(clock.was_set_by(), 0);
        }
    }
}
