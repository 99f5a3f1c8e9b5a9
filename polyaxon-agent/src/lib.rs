//! The agent of one cluster: leases queued operations, plans and launches them, watches them
//! and reports what became of them.

pub mod agent;
pub mod ambience;
pub mod attempt;
pub mod build_report;
pub mod classify;
pub mod cli;
pub mod config;
pub mod confirmation;
pub mod data_dir;
pub mod driver;
pub mod executor;
pub mod failpoint;
pub mod folded;
pub mod health;
pub mod hub;
pub mod logs;
pub mod machine;
pub mod planning;
pub mod service;
