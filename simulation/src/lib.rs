//! Deterministic simulation: the real hub and real agents in one thread, with a clock that stands still until nobody
//! has anything to do, over a network, a cluster and processes that fail as a seed says. A checker reads what happened.

pub mod chance;
pub mod check;
pub mod error;
pub mod history;
pub mod series;
pub mod world;
