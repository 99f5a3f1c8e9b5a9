//! The simulated world: time, chance, a cluster, a network, and in it the real hub and real agents.

pub mod agent_host;
pub mod client;
pub mod cluster;
pub mod executor;
pub mod faults;
pub mod hub_host;
pub mod plant;
pub mod planted;
pub mod process;
pub mod recorder;
pub mod run;
pub mod scenario;
pub mod storage;
pub mod stream;
pub mod time;
pub mod wire;

use std::sync::Arc;

use crate::chance::Chance;
use faults::Faults;
use plant::Plant;
use recorder::Recorder;
use time::SimClock;

/// What every part shares.
#[derive(Clone)]
pub struct World {
    /// Names the history.
    pub seed: u64,
    /// The bug that is planted, if one is.
    pub plant: Plant,
    /// The hub's time and identifiers.
    pub clock: Arc<SimClock>,
    /// What happened.
    pub recorder: Recorder,
    /// Whether things go wrong now, and how often they did.
    pub faults: Faults,
}

impl World {
    /// A world that begins now.
    #[must_use]
    pub fn new(seed: u64, plant: Plant) -> Self {
        let clock = Arc::new(SimClock::start());
        Self {
            seed,
            plant,
            recorder: Recorder::new(Arc::clone(&clock)),
            faults: Faults::default(),
            clock,
        }
    }

    /// A stream of chance.
    #[must_use]
    pub fn chance(&self, name: &str) -> Chance {
        Chance::new(self.seed, name)
    }

    /// Whether a bug of this kind is planted.
    #[must_use]
    pub fn has(&self, plant: Plant) -> bool {
        self.plant == plant
    }
}
