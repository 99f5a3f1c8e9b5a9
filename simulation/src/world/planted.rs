//! What planted bugs of the storage remember.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use polyaxon_hub::domain::session::{Directive, Order, SessionKey, StatusReport};
use polyaxon_spec::state::Status;

use super::World;
use super::plant::Plant;

/// How far the number of a late report is ahead.
const LATER: u64 = 1;

/// Memory of planted bugs; without one it changes nothing.
#[derive(Debug, Default)]
pub struct Planted {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Epochs by session, where agents are told another one.
    epochs: BTreeMap<String, u64>,
    newest: Option<SessionKey>,
    lost_slots: u64,
    restarts: u64,
    /// Reports that were made up: run, attempt and status.
    late: BTreeSet<(String, u32, &'static str)>,
}

impl Planted {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// [`Plant::StandingEpoch`]: what the agent is told.
    pub(super) fn hide_epoch(&self, session: &SessionKey) -> u64 {
        self.lock().epochs.insert(session.id.clone(), session.epoch);
        1
    }

    /// The session with its real epoch.
    pub(super) fn session(&self, session: &SessionKey) -> SessionKey {
        let mut session = session.clone();
        let mut state = self.lock();
        if let Some(epoch) = state.epochs.get(&session.id) {
            session.epoch = *epoch;
        }
        let newer = state
            .newest
            .as_ref()
            .is_none_or(|newest| newest.epoch < session.epoch);
        if newer {
            state.newest = Some(session.clone());
        }
        session
    }

    /// [`Plant::BlindToFences`]: the newest session in place of an older one.
    pub(super) fn newest(&self, world: &World, session: &SessionKey) -> SessionKey {
        let newest = self.lock().newest.clone();
        newest
            .filter(|_| world.has(Plant::BlindToFences))
            .unwrap_or_else(|| session.clone())
    }

    /// [`Plant::SilentSync`]: nothing is said about objects to be removed.
    #[expect(clippy::unused_self, reason = "a bug like the others")]
    pub(super) fn keep_quiet(&self, directives: &mut Vec<Directive>) {
        directives.retain(|directive| directive.order != Order::Delete);
    }

    /// [`Plant::CountedSlots`]: one is lost with every start, two at most, so that everything ends all the same.
    pub(super) fn free_slots(&self, slots: u64) -> u64 {
        let state = self.lock();
        slots.saturating_sub(state.lost_slots.min(2))
    }

    /// The hub starts.
    pub(super) fn restarted(&self) {
        let mut state = self.lock();
        state.restarts += 1;
        if state.restarts > 1 {
            state.lost_slots += 1;
        }
    }

    /// [`Plant::LateStart`]: a report that must be ignored, and will not be.
    pub(super) fn late_report(&self, world: &World, report: &StatusReport) -> Option<StatusReport> {
        if !world.has(Plant::LateStart) || report.status != Status::Running {
            return None;
        }
        let status = Status::Starting;
        let key = (report.run.clone(), report.attempt, status.as_str());
        self.lock().late.insert(key);
        Some(StatusReport {
            status,
            seq: report.seq + LATER,
            ..report.clone()
        })
    }

    /// Whether an ignored entry of a history is one that a planted bug lets count.
    pub(super) fn counts(&self, run: &str, attempt: u32, status: Status) -> bool {
        let key = (run.to_owned(), attempt, status.as_str());
        self.lock().late.contains(&key)
    }
}
