//! Time of day and chance: what is different at every start, and given in a simulation.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::SystemTime;

use rand::RngExt as _;

use crate::hub::Backoff;

/// Where the agent takes the time of day and chance from.
#[derive(Clone)]
pub struct Ambience {
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
    chance: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl fmt::Debug for Ambience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ambience").finish_non_exhaustive()
    }
}

impl Default for Ambience {
    /// That of the machine.
    fn default() -> Self {
        Self::new(SystemTime::now, || rand::rng().random_range(0.0..1.0))
    }
}

impl Ambience {
    /// A clock, and numbers from 0 up to 1.
    pub fn new(
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
        chance: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            clock: Arc::new(clock),
            chance: Arc::new(chance),
        }
    }

    /// Time of day.
    pub fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// Some number of the range.
    pub fn within(&self, range: RangeInclusive<f64>) -> f64 {
        let (low, high) = range.into_inner();
        low + (high - low) * (self.chance)()
    }

    /// Waits that grow, each a part of its length that chance decides.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(self.clone())
    }
}
