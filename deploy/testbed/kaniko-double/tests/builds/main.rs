//! Builds in a root of their own, held to what the real executor was recorded to do.
//!
//! They need root (a mount namespace, files of other users) and a static busybox.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a helper that fails is a test that fails"
)]

mod base;
mod failures;
mod recorded;
mod registry;
mod sandbox;
mod signals;
