//! The hub as the agent sees it.

mod backoff;
mod client;
mod link;
mod manners;
mod outbox;
mod sessions;
mod standing;

pub use backoff::Backoff;
pub use client::{HubClient, HubError, Transport};
pub use link::{Identity, Link, LinkEvent};
pub use outbox::{Launch, Outbox, Report, WITHDRAWN};
pub use sessions::Sessions;
pub use standing::Standing;
