//! The hub: versioned components, runs and their queues, access.
//!
//! [`domain`] holds the rules, [`storage`] what is durable, [`grpc`] and [`http`] the faces, [`server`] puts them together.

pub mod admin_token;
pub mod bootstrap;
pub mod clock;
pub mod components;
pub mod data_dir;
pub mod domain;
pub mod grpc;
pub mod http;
pub mod hub;
pub mod logs;
pub mod runs;
pub mod server;
pub mod settings;
pub mod storage;
pub mod telemetry;
pub mod tls;
pub mod token_cache;
pub mod topics;
pub mod upkeep;
