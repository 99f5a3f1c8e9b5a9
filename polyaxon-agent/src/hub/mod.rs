//! The hub as the agent sees it.

mod backoff;
mod client;
mod link;
mod outbox;

pub use backoff::Backoff;
pub use client::{HubClient, HubError};
pub use link::{Identity, Link, LinkEvent};
pub use outbox::{Launch, Outbox, Report, WITHDRAWN};
