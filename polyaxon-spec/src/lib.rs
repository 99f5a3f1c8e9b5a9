//! The Polyaxonfile: text in, Kubernetes objects or diagnostics out.
//!
//! No clock, no network, no threads: everything that changes is passed in.

pub mod dockerfile;
pub mod plan;
pub mod template;
pub mod types;
