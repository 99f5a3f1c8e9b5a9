//! What every service shares.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::components::Components;
use crate::grpc::auth::TokenCache;
use crate::http::metrics::Metrics;
use crate::storage::Storage;

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
    /// Set when the process is ending: long calls return.
    pub draining: CancellationToken,
}
