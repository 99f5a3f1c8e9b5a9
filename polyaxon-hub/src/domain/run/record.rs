//! The record of a run and its events.

use std::time::Duration;

use polyaxon_spec::state::{Event, Rejected, Report, RunState, Status, transition};

use super::retry::{self, NextAttempt};
use super::{
    ABANDONED, BuildResult, DEADLINE_EXCEEDED, EarlierAttempt, Failure, Retries, TIMED_OUT,
};
use crate::domain::time::Millis;

/// Earlier attempts that are kept; budgets are far smaller.
const MAX_EARLIER: usize = 100;

/// A run as the database keeps it, without its long texts.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// 32 hex digits, growing with time.
    pub uuid: String,
    /// Owner of the project.
    pub owner: String,
    /// Name of the project.
    pub project: String,
    /// Identifier of the project.
    pub project_uuid: String,
    /// Free text; may be empty.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Free words.
    pub tags: Vec<String>,
    /// `job`, `service` and so on.
    pub kind: String,
    /// Identifier of the agent.
    pub agent_id: String,
    /// Name of the agent.
    pub agent: String,
    /// Identifier of the queue.
    pub queue_id: String,
    /// Name of the queue.
    pub queue: String,
    /// Higher first within the queue.
    pub priority: i64,
    /// Where it stands.
    pub state: RunState,
    /// One word on the status.
    pub reason: String,
    /// A sentence on the status; may be empty.
    pub message: String,
    /// What it waits for before it is queued; empty: nothing.
    pub pending: String,
    /// Number of the newest event.
    pub event_seq: u64,
    /// Session that has the attempt.
    pub session_id: Option<String>,
    /// When a launch that nobody acknowledged is asked for again.
    pub launch_deadline: Option<Millis>,
    /// The agent said what became of the launch.
    pub acknowledged: bool,
    /// Why a stop was asked for.
    pub stop_reason: String,
    /// Name of the attempt's object in the cluster.
    pub object_name: String,
    /// Identifier that the cluster gave it.
    pub object_uid: String,
    /// The reference as typed, for example `kaniko`.
    pub ref_as_typed: String,
    /// `owner/name:version` that it resolved to.
    pub component: String,
    /// Digest of that version's content.
    pub component_digest: String,
    /// `sha256:` over the compiled operation.
    pub spec_hash: String,
    /// Time that it may take from the first `starting` on.
    pub timeout: Option<Duration>,
    /// When that time is over.
    pub deadline_at: Option<Millis>,
    /// What a build made.
    pub build: Option<BuildResult>,
    /// Why the attempt failed.
    pub failure: Option<Failure>,
    /// What stands between the newest attempt and its node, one word; empty: not known.
    pub isolation: String,
    /// Something is missing in a log; the log has a mark there.
    pub log_incomplete: bool,
    /// Its attempts.
    pub retries: Retries,
    /// Those that failed before the newest one, oldest first.
    pub earlier_attempts: Vec<EarlierAttempt>,
    /// Name of the token that created it.
    pub created_by: String,
    /// Names the call that created it.
    pub idempotency_key: Option<String>,
    /// Hash over that call.
    pub request_hash: String,
    /// When it was accepted.
    pub created_at: Millis,
    /// When it was composed.
    pub compiled_at: Millis,
    /// When it last began to wait for an agent.
    pub queued_at: Millis,
    /// First `starting` over all attempts.
    pub started_at: Option<Millis>,
    /// When the newest attempt ended.
    pub finished_at: Option<Millis>,
}

/// The long texts of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSpec {
    /// JSON of the operation as it was accepted.
    pub operation: Vec<u8>,
    /// JSON after composition and params.
    pub compiled: Vec<u8>,
}

/// A run on its way into the database.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its first state, with every change up to `queued` applied.
    pub record: RunRecord,
    /// Its texts.
    pub spec: RunSpec,
    /// The events of those changes.
    pub events: Vec<EventRecord>,
}

/// One change of a run's status, or a remark on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Counts from 1 within the run.
    pub seq: u64,
    /// Attempt that it is about.
    pub attempt: u32,
    /// The status then.
    pub status: Status,
    /// One word.
    pub reason: String,
    /// A sentence; may be empty.
    pub message: String,
    /// `hub`, or who: `user NAME`, `agent NAME`.
    pub source: String,
    /// When it was observed.
    pub at: Millis,
    /// It came too late to change anything.
    pub ignored: bool,
}

/// Which runs a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Owner of the projects.
    pub owner: String,
    /// Empty: every project.
    pub project: String,
    /// Empty: every status.
    pub statuses: Vec<Status>,
}

/// Why something happens, who says so and when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cause<'a> {
    /// One word.
    pub reason: &'a str,
    /// A sentence; may be empty.
    pub message: &'a str,
    /// `hub`, `user NAME` or `agent NAME`.
    pub source: &'a str,
    /// When it was observed.
    pub at: Millis,
    /// Time of the hub, which its deadlines count from.
    pub now: Millis,
}

impl<'a> Cause<'a> {
    /// A cause that the hub itself observes now.
    #[must_use]
    pub fn of_hub(reason: &'a str, message: &'a str, now: Millis) -> Self {
        Self {
            reason,
            message,
            source: super::SOURCE_HUB,
            at: now,
            now,
        }
    }
}

impl RunRecord {
    /// What is left of its time; `None`: it has none, or its time does not run yet.
    #[must_use]
    pub fn remaining(&self, now: Millis) -> Option<Duration> {
        self.deadline_at.map(|deadline| deadline.since(now))
    }

    /// Applies an event; answers the entry of the history, if there is something to tell.
    ///
    /// # Errors
    /// Says why nothing changes; the record stands as it was.
    pub fn change(
        &mut self,
        event: Event,
        cause: Cause<'_>,
    ) -> Result<Option<EventRecord>, Rejected> {
        let before = self.state;
        let after = transition(&before, event)?;
        self.state = after;
        if after.attempt > before.attempt {
            self.finished_at = None;
            self.build = None;
            self.isolation.clear();
            let failure = self.failure.take().unwrap_or_default();
            if self.earlier_attempts.len() < MAX_EARLIER {
                self.earlier_attempts.push(EarlierAttempt {
                    attempt: before.attempt,
                    failure: failure.brief(),
                    ended_at: cause.now,
                });
            }
            self.object_name.clear();
            self.object_uid.clear();
        }
        if !after.base.is_active() || after.attempt > before.attempt {
            self.session_id = None;
            self.launch_deadline = None;
            self.acknowledged = false;
        }
        if after.base == Status::Queued && before.base != Status::Queued {
            self.queued_at = cause.now;
        }
        if matches!(after.rank(), 4 | 5) && self.started_at.is_none() {
            self.started_at = Some(cause.now);
            self.deadline_at = self.timeout.map(|timeout| cause.now.plus(timeout));
        }
        let ended = after.base.is_final() && !before.base.is_final();
        if ended {
            self.finished_at = Some(cause.now);
            self.deadline_at = None;
            self.retries.at = None;
        }
        let (mut reason, message) = (cause.reason, cause.message);
        if ended && after.base == Status::Stopped && self.stop_reason == DEADLINE_EXCEEDED {
            if reason != ABANDONED {
                reason = DEADLINE_EXCEEDED;
            }
            self.failure.get_or_insert_default().class = TIMED_OUT.into();
        }
        let silent = match event {
            // Nobody but the agent's machinery cares for these.
            Event::Adopt => after.shown() == before.shown(),
            Event::Report(_) => {
                after.shown() == before.shown()
                    && after.base == before.base
                    && self.reason == reason
                    && self.message == message
            }
            _ => false,
        };
        if silent {
            return Ok(None);
        }
        self.reason = reason.into();
        self.message = message.into();
        Ok(Some(self.entry(
            after.attempt,
            after.shown(),
            reason,
            false,
            cause,
        )))
    }

    /// Applies what an agent reports. A failure that is worth it is followed by another attempt instead of the end.
    ///
    /// # Errors
    /// Says why nothing changes; the record stands as it was.
    pub fn report(
        &mut self,
        report: Report,
        cause: Cause<'_>,
    ) -> Result<Option<EventRecord>, Rejected> {
        if report.status == Status::Failed
            && transition(&self.state, Event::Report(report)).is_ok()
            && let Some(next) = self.next_attempt(cause.now)
        {
            return self.try_again(next, cause);
        }
        self.change(Event::Report(report), cause)
    }

    fn next_attempt(&self, now: Millis) -> Option<NextAttempt> {
        if self.state.stop_requested {
            return None;
        }
        let spread = retry::spread(&self.uuid, self.state.attempt);
        let next = self.retries.next(self.failure.as_ref()?, spread)?;
        let in_time = self
            .deadline_at
            .is_none_or(|deadline| now.plus(next.after) < deadline);
        in_time.then_some(next)
    }

    fn try_again(
        &mut self,
        next: NextAttempt,
        cause: Cause<'_>,
    ) -> Result<Option<EventRecord>, Rejected> {
        let failed = self.state.attempt;
        let class = self.failure.as_ref().map_or("", |failure| &failure.class);
        let mut message = if class.is_empty() {
            format!("attempt {failed} failed")
        } else {
            format!("attempt {failed} failed ({class})")
        };
        let mut retries = self.retries;
        let counter = if next.is_free {
            &mut retries.disruptions
        } else {
            &mut retries.used
        };
        *counter = counter.saturating_add(1);
        retries.at = Some(cause.now.plus(next.after));
        if !cause.message.is_empty() {
            message = format!("{message}: {}", cause.message);
        }
        let message = format!(
            "{message}; attempt {} of at most {} begins in {} seconds",
            failed.saturating_add(1),
            retries.most(),
            next.after.as_secs()
        );
        let entry = self.change(
            Event::Retry,
            Cause {
                message: &message,
                ..cause
            },
        )?;
        self.retries = retries;
        Ok(entry)
    }

    /// Queues the attempt that was waited for; answers the events.
    pub fn resume_waiting(&mut self, now: Millis) -> Vec<EventRecord> {
        self.retries.at = None;
        self.enqueue(now)
    }

    fn enqueue(&mut self, at: Millis) -> Vec<EventRecord> {
        let mut events = Vec::new();
        for (event, reason) in [(Event::Compile, "Composed"), (Event::Queue, "Waiting")] {
            if let Ok(entry) = self.change(event, Cause::of_hub(reason, "", at)) {
                events.extend(entry);
            }
        }
        events
    }

    /// Takes a new run through `created` and `compiled` to `queued`; answers the events.
    pub fn begin(&mut self, source: &str, at: Millis) -> Vec<EventRecord> {
        let accepted = Cause {
            reason: "Accepted",
            message: "",
            source,
            at,
            now: at,
        };
        let created = self.state.shown();
        let mut events = vec![self.entry(1, created, accepted.reason, false, accepted)];
        events.extend(self.enqueue(at));
        events
    }

    /// The entry for a report that changes nothing.
    pub fn ignored(&mut self, attempt: u32, status: Status, cause: Cause<'_>) -> EventRecord {
        self.entry(attempt, status, cause.reason, true, cause)
    }

    fn entry(
        &mut self,
        attempt: u32,
        status: Status,
        reason: &str,
        ignored: bool,
        cause: Cause<'_>,
    ) -> EventRecord {
        self.event_seq = self.event_seq.saturating_add(1);
        EventRecord {
            seq: self.event_seq,
            attempt,
            status,
            reason: reason.into(),
            message: cause.message.into(),
            source: cause.source.into(),
            at: cause.at,
            ignored,
        }
    }
}
