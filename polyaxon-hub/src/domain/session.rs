//! Sessions of agents: who may speak for an agent, and what is said to it.

use std::time::Duration;

use polyaxon_spec::state::Status;
use thiserror::Error;

use super::run::{BuildResult, Failure, RunRecord};
use super::time::Millis;

/// The queue that every agent has; runs use it that name none.
pub const DEFAULT_QUEUE: &str = "default";
/// How often an agent renews its session.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// How long an agent may be silent before its runs are `unknown`.
pub const TTL: Duration = Duration::from_secs(20);
/// How long a launch may take before it is asked for again.
pub const LAUNCH_TIME: Duration = Duration::from_secs(30);
/// Longest wait of a poll for work.
pub const MAX_WAIT: Duration = Duration::from_secs(30);
/// Most runs of one answer to a poll.
pub const MAX_LEASE: u32 = 100;
/// Most reports of one call.
pub const MAX_REPORTS: usize = 500;
/// Most objects of one page of an inventory.
pub const MAX_INVENTORY: usize = 1000;
/// Largest catalog in bytes.
pub const MAX_CATALOG: usize = 1024 * 1024;

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// Name of the agent, from its token.
    pub agent: String,
    /// Identifier of the session.
    pub id: String,
    /// Its epoch.
    pub epoch: u64,
}

/// Why a session is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SessionRefused {
    /// A newer one was opened, or it was closed, or it never was.
    #[error("the session is not the newest one of this agent: open a new one")]
    Fenced,
    /// It has not said what exists in its cluster.
    #[error("the session has not finished `Sync`: call it first")]
    NotSynced,
}

/// Another process speaks for the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionTaken {
    /// Names that process.
    pub replica: String,
    /// When it opened its session.
    pub since: Millis,
    /// Until when it counts as reachable.
    pub until: Millis,
}

/// A queue that an agent declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSpec {
    /// Its identifier if it is new, 32 hex digits.
    pub id: String,
    /// Unique within the agent.
    pub name: String,
    /// Higher first.
    pub priority: i64,
    /// Runs at a time; `None`: no limit.
    pub concurrency: Option<u64>,
}

/// What an agent says when it opens a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Name of the agent, from its token.
    pub agent: String,
    /// Its identifier if it is new, 32 hex digits.
    pub agent_id: String,
    /// Identifier of the session, 32 hex digits.
    pub session_id: String,
    /// Names the process among replicas.
    pub replica: String,
    /// Version of the program.
    pub version: String,
    /// Queues to create or update.
    pub queues: Vec<QueueSpec>,
    /// JSON of its catalog.
    pub catalog: String,
    /// Where clients reach it; empty: nowhere.
    pub advertised_address: String,
    /// Whether a session of another replica that is still heard stays.
    pub only_if_vacant: bool,
}

/// An agent as runs see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRecord {
    /// 32 hex digits.
    pub id: String,
    /// Name of its token.
    pub name: String,
    /// JSON of the newest catalog.
    pub catalog: String,
    /// When that was published.
    pub catalog_at: Millis,
    /// Until when it counts as reachable.
    pub contact_until: Millis,
    /// Where clients reach it; empty: nowhere.
    pub advertised_address: String,
}

impl AgentRecord {
    /// Whether it counts as reachable.
    pub fn is_there(&self, now: Millis) -> bool {
        self.contact_until >= now
    }
}

/// A queue with its agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecord {
    /// 32 hex digits.
    pub id: String,
    /// Unique within the agent.
    pub name: String,
    /// Whose it is.
    pub agent: AgentRecord,
}

/// One attempt's object as an agent sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventoryItem {
    /// Uuid of the run.
    pub run: String,
    /// Its attempt.
    pub attempt: u32,
    /// Identifier that the cluster gave it.
    pub object_uid: String,
    /// The agent has its work already.
    pub known: bool,
}

/// A run that an agent is to launch or to go on with.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The run.
    pub run: RunRecord,
    /// JSON of the compiled operation.
    pub compiled: Vec<u8>,
}

/// What an order wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// End it and report.
    Stop {
        /// Why.
        reason: String,
    },
    /// Remove its objects.
    Delete,
    /// Go on with it under this fence; without its work where the agent has that.
    Keep(Option<Box<Work>>),
    /// Launch it.
    LaunchAgain(Box<Work>),
}

/// An order for one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Directive {
    /// Uuid of the run.
    pub run: String,
    /// Its attempt.
    pub attempt: u32,
    /// The fence to use from now on.
    pub fence: u64,
    /// What to do.
    pub order: Order,
}

impl Directive {
    /// An order for the present attempt of a run.
    #[must_use]
    pub fn to(run: &RunRecord, order: Order) -> Self {
        Self {
            run: run.uuid.clone(),
            attempt: run.state.attempt,
            fence: run.state.fence,
            order,
        }
    }
}

/// What became of a launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaunchOutcome {
    /// The object is there.
    Launched {
        /// Its name.
        object_name: String,
        /// Identifier that the cluster gave it.
        object_uid: String,
    },
    /// It will not be there.
    Refused {
        /// One word.
        reason: &'static str,
        /// A sentence.
        message: String,
    },
}

/// A status that an agent reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// Uuid of the run.
    pub run: String,
    /// The attempt that it saw.
    pub attempt: u32,
    /// The fence that it has.
    pub fence: u64,
    /// Its own count.
    pub seq: u64,
    /// What it saw.
    pub status: Status,
    /// One word.
    pub reason: String,
    /// A sentence; may be empty.
    pub message: String,
    /// When it saw it.
    pub observed_at: Millis,
    /// What a build made.
    pub build: Option<BuildResult>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// What stands between the attempt and its node, one word; empty: not known.
    pub isolation: String,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportOutcome {
    /// It counts.
    Ok,
    /// It was known.
    Duplicate,
    /// It came too late.
    Stale,
    /// The attempt is somebody else's.
    Fenced,
    /// No such run of this agent.
    NotFound,
}
