//! What happened in one simulated history, as plain data for the checker.

use std::fmt;

use polyaxon_spec::state::Status;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A client saw that the hub has accepted a submission.
    Accepted {
        /// Uuid that the hub gave.
        run: String,
        /// Idempotency key of the call; empty: none.
        key: String,
    },
    /// A client saw that the hub has accepted a stop.
    StopAcknowledged {
        /// Uuid.
        run: String,
    },
    /// The hub has opened a session of an agent.
    SessionOpened {
        /// Identifier.
        session: String,
        /// The number that the agent was told.
        epoch: u64,
    },
    /// The hub has given an attempt to a session, to launch or to go on with.
    Given {
        /// Uuid.
        run: String,
        /// Attempt.
        attempt: u32,
        /// The number that the agent was told.
        fence: u64,
        /// To whom.
        session: String,
        /// The object is to be created.
        launch: bool,
    },
    /// The hub has answered a poll for work.
    Claimed {
        /// Whose.
        session: String,
        /// Runs that the agent could take.
        slots: u64,
        /// Runs that it was given.
        given: u64,
    },
    /// A row as it is after a write.
    Row {
        /// Uuid.
        run: String,
        /// Attempt.
        attempt: u32,
        /// Status without what covers it.
        status: Status,
        /// Fence.
        fence: u64,
    },
    /// An agent has written about an attempt.
    Written {
        /// Who.
        session: String,
        /// Uuid.
        run: String,
        /// Attempt that it wrote about.
        attempt: u32,
        /// Fence that it named.
        fence: u64,
        /// Attempt and fence of the row before; `None`: there was none.
        before: Option<(u32, u64)>,
        /// The row is another one now.
        changed: bool,
    },
    /// The hub has compared what exists.
    Synced {
        /// Whose.
        session: String,
        /// Objects that were named and about which the answer says nothing.
        unanswered: Vec<(String, u32)>,
    },
    /// The hub was killed and has come back; nobody could reach it meanwhile.
    HubCameBack {
        /// Runs whose status was changed by nothing but that, in words.
        changed: Vec<String>,
    },
    /// Faults have ended, and everybody is there.
    Healed,
    /// Everything was over, and as many runs as the agent may have were submitted at once.
    Probed {
        /// Runs that the agent may have.
        wanted: usize,
        /// Most of them that ran at the same time.
        reached: usize,
    },
    /// A fault, a remark: for the reader of a trace.
    Note(String),
}

/// An object of the simulated cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRecord {
    /// Uuid of its run.
    pub run: String,
    /// Its attempt.
    pub attempt: u32,
    /// Identifier.
    pub uid: String,
    /// It was there before the history began and belongs to no run.
    pub orphan: bool,
    /// When it was created.
    pub created: u64,
    /// When its main container ended.
    pub ended: Option<u64>,
    /// When it was removed.
    pub removed: Option<u64>,
    /// Somebody else than the agent removed it.
    pub by_outsider: bool,
    /// Everything that its main container has written.
    pub output: Vec<u8>,
}

/// A row of the hub at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Uuid.
    pub run: String,
    /// Status without what covers it.
    pub status: Status,
    /// Newest attempt.
    pub attempt: u32,
    /// Idempotency key; empty: none.
    pub key: String,
    /// An operator gave it up.
    pub abandoned: bool,
    /// Its history.
    pub events: Vec<EventRecord>,
}

/// An entry of a run's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Number.
    pub seq: u64,
    /// Attempt.
    pub attempt: u32,
    /// Status.
    pub status: Status,
    /// One word.
    pub reason: String,
    /// It came too late to change anything.
    pub ignored: bool,
}

/// A log as the hub has it at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Uuid of the run.
    pub run: String,
    /// Attempt.
    pub attempt: u32,
    /// Its bytes, line ends included.
    pub bytes: Vec<u8>,
    /// Stretches that the hub says nobody could read.
    pub gaps: usize,
    /// The hub says that this is all.
    pub ended: bool,
    /// Largest offset that an agent was told is durable.
    pub acknowledged: u64,
}

/// Everything about one history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// What happened, in order, with simulated milliseconds since the start.
    pub facts: Vec<(u64, Fact)>,
    /// Objects in the order of their creation.
    pub objects: Vec<ObjectRecord>,
    /// Rows by uuid.
    pub runs: Vec<RunRecord>,
    /// Logs of main containers.
    pub logs: Vec<LogRecord>,
    /// Everything came to rest in time.
    pub settled: bool,
    /// When it was looked at last.
    pub end: u64,
}

impl fmt::Display for History {
    /// The trace: equal seeds give equal bytes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fact) in &self.facts {
            match fact {
                Fact::Note(note) => writeln!(formatter, "{at:>7} {note}")?,
                fact => writeln!(formatter, "{at:>7} {fact:?}")?,
            }
        }
        for object in &self.objects {
            writeln!(
                formatter,
                "object {}/{} of {}: created {}, ended {:?}, removed {:?}{}, {} bytes",
                object.run,
                object.attempt,
                if object.orphan { "nobody" } else { "a run" },
                object.created,
                object.ended,
                object.removed,
                if object.by_outsider {
                    " by an outsider"
                } else {
                    ""
                },
                object.output.len(),
            )?;
        }
        for run in &self.runs {
            writeln!(
                formatter,
                "run {}: {} in attempt {}",
                run.run,
                run.status.as_str(),
                run.attempt
            )?;
            for event in &run.events {
                writeln!(
                    formatter,
                    "  {:>3} attempt {} {} {}{}",
                    event.seq,
                    event.attempt,
                    event.status.as_str(),
                    event.reason,
                    if event.ignored { " (ignored)" } else { "" },
                )?;
            }
        }
        for log in &self.logs {
            writeln!(
                formatter,
                "log {}/{}: {} bytes, {} acknowledged, {} gaps{}",
                log.run,
                log.attempt,
                log.bytes.len(),
                log.acknowledged,
                log.gaps,
                if log.ended { ", complete" } else { "" },
            )?;
        }
        let rest = if self.settled {
            "at rest"
        } else {
            "NOT at rest"
        };
        writeln!(formatter, "{:>7} {rest}", self.end)
    }
}
