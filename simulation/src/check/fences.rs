//! Numbers that only grow, and what they keep out.

use std::collections::BTreeMap;

use crate::history::{Fact, History};

/// Invariant 7: a write of a session that is not the newest one, or with another attempt or fence than the row has,
/// changes nothing.
pub(super) fn stale_writes_change_nothing(history: &History) -> Vec<String> {
    let mut newest = "";
    let mut broken = Vec::new();
    for (at, fact) in &history.facts {
        match fact {
            Fact::SessionOpened { session, .. } => newest = session,
            Fact::Written {
                session,
                run,
                attempt,
                fence,
                before,
                changed: true,
            } if session != newest || *before != Some((*attempt, *fence)) => broken.push(format!(
                "at {at} the session {session} changed {run} with attempt {attempt} and fence {fence}; the row had \
                 {before:?}, the newest session is {newest}"
            )),
            _ => {}
        }
    }
    broken
}

/// Invariant 8: every session has a larger epoch than those before it, and who gets an attempt that somebody else had
/// gets it with a larger fence.
pub(super) fn numbers_grow(history: &History) -> Vec<String> {
    let mut last_epoch = 0;
    let mut holders: BTreeMap<&str, (&str, u64)> = BTreeMap::new();
    let mut rows: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    let mut broken = Vec::new();
    for (at, fact) in &history.facts {
        match fact {
            Fact::SessionOpened { session, epoch } => {
                if *epoch <= last_epoch {
                    broken.push(format!(
                        "the session {session}, opened at {at}, has epoch {epoch} after {last_epoch}"
                    ));
                }
                last_epoch = *epoch;
            }
            Fact::Row {
                run, status, fence, ..
            } => {
                let (known, _) = rows.get(run.as_str()).copied().unwrap_or_default();
                if *fence < known {
                    broken.push(format!(
                        "the fence of {run} fell from {known} to {fence} at {at}"
                    ));
                }
                rows.insert(run, (*fence, status.is_final()));
            }
            Fact::Given {
                run,
                fence,
                session,
                ..
            } => {
                // Only the rest of its log is asked for once a run has ended.
                let over = rows.get(run.as_str()).is_some_and(|(_, over)| *over);
                if let Some((holder, known)) = holders.get(run.as_str()) {
                    let grows = fence > known || (fence == known && (over || holder == session));
                    if !grows {
                        broken.push(format!(
                            "{run} was given to {session} at {at} with fence {fence}; {holder} has it with {known}"
                        ));
                    }
                }
                holders.insert(run, (session, *fence));
            }
            _ => {}
        }
    }
    broken
}
