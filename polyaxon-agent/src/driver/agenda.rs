//! What the driver has to know of all attempts without looking at each.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::attempt::AttemptKey;
use crate::machine::Machine;

/// What the agenda knows of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Item {
    deadline: Option<Instant>,
    is_live: bool,
    is_launching: bool,
}

impl Item {
    pub(super) fn of(machine: &Machine) -> Self {
        Self {
            deadline: machine.deadline(),
            is_live: machine.is_live(),
            is_launching: machine.is_launching(),
        }
    }
}

/// Deadlines in their order, and how many attempts are how far.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    deadlines: BTreeSet<(Instant, AttemptKey)>,
    live: usize,
    launching: usize,
}

impl Agenda {
    /// Something has changed of an attempt, which begins and ends with `Item::default()`.
    pub(super) fn change(&mut self, key: &AttemptKey, before: Item, after: Item) {
        if before.deadline != after.deadline {
            if let Some(deadline) = before.deadline {
                self.deadlines.remove(&(deadline, key.clone()));
            }
            if let Some(deadline) = after.deadline {
                self.deadlines.insert((deadline, key.clone()));
            }
        }
        let count = |all: &mut usize, before: bool, after: bool| {
            *all = (*all + usize::from(after)).saturating_sub(usize::from(before));
        };
        count(&mut self.live, before.is_live, after.is_live);
        count(&mut self.launching, before.is_launching, after.is_launching);
    }

    /// Attempts that are live.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Attempts whose object is still to be made.
    pub(super) fn launching(&self) -> usize {
        self.launching
    }

    /// The next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Attempts whose deadline has come, the earliest first.
    pub(super) fn due(&self, now: Instant) -> Vec<AttemptKey> {
        self.deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= now)
            .map(|(_, key)| key.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_knows_what_a_look_at_each_would_tell() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let keys = ["a", "b"].map(|run| AttemptKey::new(run, 1));
        let [a, b] = &keys;
        let waiting = |seconds| Item {
            deadline: Some(at(seconds)),
            is_live: true,
            is_launching: true,
        };
        let running = Item {
            is_live: true,
            ..Item::default()
        };
        let mut agenda = Agenda::default();
        agenda.change(a, Item::default(), waiting(2));
        agenda.change(b, Item::default(), waiting(1));
        assert_eq!((agenda.live(), agenda.launching()), (2, 2));
        assert_eq!(agenda.next(), Some(at(1)));
        assert_eq!(agenda.due(at(0)), []);
        assert_eq!(agenda.due(at(2)), [b.clone(), a.clone()]);
        agenda.change(b, waiting(1), waiting(3));
        assert_eq!(agenda.due(at(2)), std::slice::from_ref(a));
        agenda.change(a, waiting(2), running);
        agenda.change(b, waiting(3), Item::default());
        assert_eq!((agenda.live(), agenda.launching()), (1, 0));
        assert_eq!(agenda.next(), None);
    }
}
