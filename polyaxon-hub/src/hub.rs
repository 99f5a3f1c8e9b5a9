//! What every service shares.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::grpc::auth::TokenCache;
use crate::storage::Storage;

/// The parts of a running hub.
pub struct Hub {
    /// Where everything durable is.
    pub storage: Arc<dyn Storage>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Signs tokens of runs.
    pub key: [u8; 32],
    /// Tokens seen lately.
    pub tokens: TokenCache,
    /// Set when the process is ending: long calls return.
    pub draining: CancellationToken,
}
