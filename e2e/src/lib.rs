//! Harness of the end-to-end tests: the built binaries, a real registry and a real container
//! engine, reached as a user reaches them.
//!
//! `make test` starts the registry and the engine and names them in the environment
//! (see [`testbed`]); the harness adds hub, agent and small servers per test.

pub mod build;
pub mod cluster;
pub mod command;
pub mod false_clock;
pub mod fault_proxy;
pub mod git_server;
pub mod image;
pub mod platform;
pub mod services;
pub mod small_disk;
pub mod socket_gate;
pub mod testbed;
pub mod web_server;
