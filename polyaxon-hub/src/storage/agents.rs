//! Sessions of agents and everything that goes through them.

use async_trait::async_trait;

use super::StorageError;
use crate::domain::session::{
    Directive, Hello, InventoryItem, LaunchOutcome, ReportOutcome, SessionKey, SessionRefused,
    SessionTaken, StatusReport, Work,
};
use crate::domain::time::Millis;

/// A result that a session must be valid for.
pub type Guarded<T> = Result<Result<T, SessionRefused>, StorageError>;

/// What a poll for work asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Most runs.
    pub slots: u64,
    /// Names of queues; empty: all of the agent.
    pub queues: Vec<String>,
    /// When a launch is asked for again.
    pub launch_deadline: Millis,
    /// Now.
    pub at: Millis,
}

/// A launch that an agent acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchReport {
    /// Uuid of the run.
    pub run: String,
    /// Its attempt.
    pub attempt: u32,
    /// The fence that the agent has.
    pub fence: u64,
    /// What became of it.
    pub outcome: LaunchOutcome,
}

/// Storage of agents. Methods that take a session fail with [`SessionRefused::Fenced`] when it is not the newest of
/// its agent.
#[async_trait]
pub trait AgentStorage: Send + Sync + 'static {
    /// Makes the agent and its queues where they are missing, keeps its catalog and opens a session with the next
    /// epoch, good until `until`. Changes nothing when the session is taken and only a vacant one is wanted.
    async fn open_session(
        &self,
        hello: Hello,
        at: Millis,
        until: Millis,
    ) -> Result<Result<SessionKey, SessionTaken>, StorageError>;

    /// Keeps the session; answers the uuids of runs that were `unknown` and are not any more.
    async fn renew_session(
        &self,
        session: &SessionKey,
        at: Millis,
        until: Millis,
    ) -> Guarded<Vec<String>>;

    /// Compares a page of what exists with what is expected; the last page also finds what is missing.
    /// Answers orders, and the uuids of runs that changed.
    async fn sync_session(
        &self,
        session: &SessionKey,
        items: Vec<InventoryItem>,
        last_page: bool,
        at: Millis,
        launch_deadline: Millis,
    ) -> Guarded<(Vec<Directive>, Vec<String>)>;

    /// Whether runs of this agent wait.
    async fn has_work(&self, agent: &str) -> Result<bool, StorageError>;

    /// Gives the session runs to launch.
    async fn claim(&self, session: &SessionKey, claim: Claim) -> Guarded<Vec<Work>>;

    /// Takes in what became of a launch; [`ReportOutcome::Stale`] when the run has ended meanwhile.
    async fn acknowledge_launch(
        &self,
        session: &SessionKey,
        launch: LaunchReport,
        at: Millis,
    ) -> Guarded<ReportOutcome>;

    /// Takes in reports, in order.
    async fn report(
        &self,
        session: &SessionKey,
        reports: Vec<StatusReport>,
        at: Millis,
    ) -> Guarded<Vec<ReportOutcome>>;

    /// Orders that stand: stops, and launches that nobody acknowledged in time.
    async fn directives(&self, session: &SessionKey, at: Millis) -> Guarded<Vec<Directive>>;

    /// Replaces the catalog.
    async fn publish_catalog(
        &self,
        session: &SessionKey,
        catalog: String,
        at: Millis,
    ) -> Guarded<()>;

    /// Ends the session; what it was given and did not launch waits again. Answers uuids of runs that changed.
    async fn close_session(&self, session: &SessionKey, at: Millis) -> Guarded<Vec<String>>;

    /// Covers the runs of agents that are silent with `unknown`; answers uuids of runs that changed.
    async fn lose_contact(&self, at: Millis) -> Result<Vec<String>, StorageError>;

    /// Ends runs that were to be stopped and whose launch a reachable agent never acknowledged until `before`;
    /// answers their uuids.
    async fn give_up_launches(
        &self,
        before: Millis,
        at: Millis,
    ) -> Result<Vec<String>, StorageError>;

    /// Gives every reachable agent until `until`, not more and not less, after a time in which the hub itself was
    /// away.
    async fn extend_contact(&self, until: Millis) -> Result<(), StorageError>;

    /// Moves every time that something waits for, because the clock was set by so many milliseconds: until when agents
    /// are reachable, deadlines of launches and runs, retries.
    async fn shift_times(&self, milliseconds: i64) -> Result<(), StorageError>;
}
