//! The executor on a real API server, scheduler and kubelet: `deploy/testbed/cluster.sh up`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "what a test expects is what it is about"
)]

mod account;
mod cluster;
mod leader;
mod life;
mod names;
mod outages;
mod removal;
mod user_namespaces;
