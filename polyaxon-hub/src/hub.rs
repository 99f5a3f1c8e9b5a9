//! What every service shares.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::components::Components;
use crate::http::metrics::Metrics;
use crate::logs::LogStore;
use crate::storage::Storage;
use crate::token_cache::TokenCache;
use crate::topics::Topics;

/// The parts of a running hub.
pub struct Hub {
    /// Where everything durable is.
    pub storage: Arc<dyn Storage>,
    /// Components, those that come with the hub included.
    pub components: Components,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Signs tokens of runs.
    pub key: [u8; 32],
    /// Tokens seen lately.
    pub tokens: TokenCache,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    /// Logs of runs.
    pub logs: LogStore,
    /// Wakes those who wait for events of a run, by uuid.
    pub events: Topics,
    /// Wakes agents that wait for work, by name.
    pub work: Topics,
    /// Wakes agents that have orders to hear, by name.
    pub orders: Topics,
    /// Set when the process is ending: long calls return.
    pub draining: CancellationToken,
}
