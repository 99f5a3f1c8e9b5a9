//! The rules by which a run changes.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::status::Status;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// Counts from 1.
    pub attempt: u32,
    /// The status by rank, never an overlay.
    pub base: Status,
    /// Shown instead of `base` while it lasts.
    pub overlay: Option<Status>,
    /// Grows with every claim, adoption and hand-back; messages with another one change nothing.
    pub fence: u64,
    /// The newest report under the present fence; 0: none.
    pub report_seq: u64,
    /// A stop was asked for.
    pub stop_requested: bool,
}

impl Default for RunState {
    fn default() -> Self {
        Self {
            attempt: 1,
            base: Status::Created,
            overlay: None,
            fence: 0,
            report_seq: 0,
            stop_requested: false,
        }
    }
}

impl RunState {
    /// The status to show.
    #[must_use]
    pub fn shown(&self) -> Status {
        self.overlay.unwrap_or(self.base)
    }

    /// Rank of the base status.
    #[must_use]
    pub fn rank(&self) -> u8 {
        self.base.rank().unwrap_or_default()
    }
}

/// What an agent says about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The attempt that it saw.
    pub attempt: u32,
    /// The fence under which it holds the attempt.
    pub fence: u64,
    /// Its own count, growing.
    pub seq: u64,
    /// What it saw.
    pub status: Status,
}

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was composed and checked.
    Compile,
    /// It may be claimed.
    Queue,
    /// An agent claims it.
    Lease,
    /// The launch is known not to have happened: it may be claimed again.
    HandBack,
    /// A new session of the agent goes on with it.
    Adopt,
    /// The agent reports.
    Report(Report),
    /// A stop is asked for.
    RequestStop,
    /// The session of the agent has run out.
    LoseContact,
    /// The agent is back.
    RegainContact,
    /// The hub itself ends the attempt, with a final status.
    End(Status),
    /// The attempt has ended and another one follows.
    Retry,
    /// A user starts a run that has ended again.
    Resume,
}

/// Why nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Rejected {
    /// The attempt has ended.
    #[error("the run has ended as `{0}`")]
    Final(Status),
    /// The sender does not hold the attempt any more.
    #[error("the fence is not {0}: somebody else has the run")]
    Fenced(u64),
    /// The report was seen before.
    #[error("report {0} was seen before")]
    Duplicate(u64),
    /// The status would go back.
    #[error("`{to}` does not follow `{from}`")]
    NotAfter {
        /// Where the run stands.
        from: Status,
        /// What was asked for.
        to: Status,
    },
    /// A stop was asked for, so that nothing new begins.
    #[error("a stop was asked for")]
    StopRequested,
    /// The event has no meaning in this state.
    #[error("that does not happen to a run that is `{0}`")]
    Impossible(Status),
}

/// The state after an event.
///
/// # Errors
/// Says why the event changes nothing; the state stands as it was.
pub fn transition(state: &RunState, event: Event) -> Result<RunState, Rejected> {
    if state.base.is_final() {
        return after_the_end(state, event);
    }
    let next = *state;
    match event {
        Event::Compile if state.rank() == 0 => begin(next, Status::Compiled),
        Event::Queue if state.base == Status::Compiled => begin(next, Status::Queued),
        Event::Lease if state.base == Status::Queued => begin(
            RunState {
                fence: state.fence.saturating_add(1),
                report_seq: 0,
                ..next
            },
            Status::Scheduled,
        ),
        Event::HandBack if state.stop_requested && state.base.is_active() => {
            Ok(ended(next, Status::Stopped))
        }
        Event::HandBack if state.base == Status::Scheduled => Ok(RunState {
            base: Status::Queued,
            overlay: None,
            fence: state.fence.saturating_add(1),
            report_seq: 0,
            ..next
        }),
        Event::Adopt if state.base.is_active() => Ok(RunState {
            fence: state.fence.saturating_add(1),
            report_seq: 0,
            overlay: state.overlay.filter(|&overlay| overlay != Status::Unknown),
            ..next
        }),
        Event::Report(report) => reported(next, report),
        Event::RequestStop if state.base.is_active() => Ok(RunState {
            base: Status::Stopping,
            overlay: None,
            stop_requested: true,
            ..next
        }),
        Event::RequestStop => Ok(ended(
            RunState {
                stop_requested: true,
                ..next
            },
            Status::Stopped,
        )),
        Event::LoseContact if is_coverable(state) => Ok(RunState {
            overlay: Some(Status::Unknown),
            ..next
        }),
        Event::RegainContact if state.overlay == Some(Status::Unknown) => Ok(RunState {
            overlay: None,
            ..next
        }),
        Event::End(status) if status.is_final() => Ok(ended(next, status)),
        Event::Retry if state.base.is_active() => {
            if state.stop_requested {
                return Err(Rejected::StopRequested);
            }
            Ok(another_attempt(next, Status::Retrying))
        }
        _ => Err(Rejected::Impossible(state.shown())),
    }
}

fn after_the_end(state: &RunState, event: Event) -> Result<RunState, Rejected> {
    match event {
        Event::Resume => Ok(another_attempt(
            RunState {
                stop_requested: false,
                ..*state
            },
            Status::Resuming,
        )),
        Event::Report(report) if report.attempt == state.attempt && report.status == state.base => {
            Err(Rejected::Duplicate(report.seq))
        }
        _ => Err(Rejected::Final(state.base)),
    }
}

fn begin(state: RunState, status: Status) -> Result<RunState, Rejected> {
    if state.stop_requested {
        return Err(Rejected::StopRequested);
    }
    Ok(RunState {
        base: status,
        overlay: None,
        ..state
    })
}

fn ended(state: RunState, status: Status) -> RunState {
    RunState {
        base: status,
        overlay: None,
        ..state
    }
}

fn another_attempt(state: RunState, status: Status) -> RunState {
    RunState {
        attempt: state.attempt.saturating_add(1),
        base: status,
        overlay: None,
        fence: state.fence.saturating_add(1),
        report_seq: 0,
        ..state
    }
}

fn is_coverable(state: &RunState) -> bool {
    matches!(state.rank(), 3..=5)
}

fn reported(state: RunState, report: Report) -> Result<RunState, Rejected> {
    if report.attempt != state.attempt || report.fence != state.fence || !state.base.is_active() {
        return Err(Rejected::Fenced(report.fence));
    }
    if report.seq <= state.report_seq {
        return Err(Rejected::Duplicate(report.seq));
    }
    let refused = Rejected::NotAfter {
        from: state.base,
        to: report.status,
    };
    if !report.status.is_reportable() {
        return Err(refused);
    }
    let next = RunState {
        report_seq: report.seq,
        ..state
    };
    match report.status.rank() {
        None if is_coverable(&state) => Ok(RunState {
            overlay: Some(report.status),
            ..next
        }),
        // From `stopping` only the end follows.
        Some(7) => Ok(ended(next, report.status)),
        Some(rank) if rank >= state.rank() && state.base != Status::Stopping => Ok(RunState {
            base: report.status,
            overlay: None,
            ..next
        }),
        _ => Err(refused),
    }
}
