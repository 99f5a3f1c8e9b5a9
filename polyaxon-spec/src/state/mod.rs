//! The life of a run: its statuses and which change may follow which.
//!
//! Hub and agent use the same rules. Nothing here knows a clock or a database: [`transition`] takes a state and what
//! happened, and answers the next state or why nothing changes.

mod status;
#[cfg(test)]
mod tests;
mod transition;

pub use status::{Status, UnknownStatus};
pub use transition::{Event, Rejected, Report, RunState, transition};
