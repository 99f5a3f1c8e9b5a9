//! Restarts of the hub.

use crate::history::{Fact, History};

/// Invariant 16: that the hub was killed and came back changes no run's status, as long as nobody has spoken to it.
pub(super) fn a_restart_changes_nothing(history: &History) -> Vec<String> {
    let restarts = history.facts.iter().filter_map(|(at, fact)| match fact {
        Fact::HubCameBack { changed } => Some((at, changed)),
        _ => None,
    });
    restarts
        .flat_map(|(at, changed)| {
            changed
                .iter()
                .map(move |change| format!("the hub came back at {at}, and {change}"))
        })
        .collect()
}
