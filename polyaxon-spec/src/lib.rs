//! The Polyaxonfile: text in, Kubernetes objects or diagnostics out.
//!
//! The crate is pure: no clock, no network, no files, no randomness. Each stage is a value that says how far the
//! data has come, and each function between two stages either gives the next value or a [`diagnostic::Report`].

pub mod agent_config;
pub mod build;
pub mod catalog;
pub mod component;
pub mod compose;
pub mod diagnostic;
pub mod dockerfile;
pub mod format;
pub mod k8s;
pub mod kaniko;
pub mod legacy;
pub mod merge;
pub mod model;
pub mod operation;
pub mod params;
pub mod plan;
pub mod policy;
pub mod refs;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod state;
pub mod template;
pub mod types;
pub mod yaml;
