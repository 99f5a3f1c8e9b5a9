//! Slots of agents.

use crate::history::{Fact, History};

/// Invariant 17: nobody is given more than there is room for, and once everything is over all of the room is there.
pub(super) fn no_slot_leaks(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for (at, fact) in &history.facts {
        match fact {
            Fact::Claimed {
                session,
                slots,
                given,
            } if given > slots => broken.push(format!(
                "{session} had room for {slots} runs at {at} and was given {given}"
            )),
            Fact::Probed { wanted, reached } if reached < wanted => broken.push(format!(
                "only {reached} of {wanted} runs ran at the same time at {at}, when everything was over"
            )),
            _ => {}
        }
    }
    broken
}
