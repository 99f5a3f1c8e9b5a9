//! Runs and their events.

use async_trait::async_trait;

use super::StorageError;
use crate::domain::page::Page;
use crate::domain::run::{EventRecord, NewRun, RunFilter, RunRecord, RunSpec};
use crate::domain::session::{AgentRecord, QueueRecord};
use crate::domain::time::Millis;

/// What became of a run that was to be added.
#[derive(Debug, Clone, PartialEq)]
pub enum Inserted {
    /// It is there.
    New,
    /// The project has one with the same idempotency key: this one.
    Existing(Box<RunRecord>),
}

/// Who asks for a stop and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopOrder {
    /// One word or sentence.
    pub reason: String,
    /// `hub` or `user NAME`.
    pub source: String,
    /// End the run even if its agent does not.
    pub abandon: bool,
    /// Now.
    pub at: Millis,
}

/// Storage of runs.
#[async_trait]
pub trait RunStorage: Send + Sync + 'static {
    /// Adds a run with its texts and events, unless its project has one with the same idempotency key.
    async fn insert_run(&self, run: NewRun) -> Result<Inserted, StorageError>;

    /// One run.
    async fn run(&self, uuid: &str) -> Result<Option<RunRecord>, StorageError>;

    /// The run of a project with this idempotency key.
    async fn run_by_key(
        &self,
        project_uuid: &str,
        key: &str,
    ) -> Result<Option<RunRecord>, StorageError>;

    /// The long texts of a run.
    async fn run_spec(&self, uuid: &str) -> Result<Option<RunSpec>, StorageError>;

    /// Runs, newest first, keyed by uuid.
    async fn runs(&self, filter: &RunFilter, page: &Page) -> Result<Vec<RunRecord>, StorageError>;

    /// Events of a run from a number on, in order, at most `limit`.
    async fn run_events(
        &self,
        uuid: &str,
        from_seq: u64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StorageError>;

    /// Asks for the end of a run, or ends it without its agent; one that has ended stays as it is. Answers the run and whether something changed.
    async fn stop_run(
        &self,
        uuid: &str,
        order: StopOrder,
    ) -> Result<Option<(RunRecord, bool)>, StorageError>;

    /// Uuids of runs whose time is over and that nobody stopped yet, at most `limit`.
    async fn overdue_runs(&self, now: Millis, limit: u32) -> Result<Vec<String>, StorageError>;

    /// Queues the next attempts whose time has come; answers their runs.
    async fn begin_attempts(&self, now: Millis) -> Result<Vec<RunRecord>, StorageError>;

    /// The queue of this name of the named agent, or of the oldest agent that has one.
    async fn queue(
        &self,
        agent: Option<&str>,
        queue: &str,
    ) -> Result<Option<QueueRecord>, StorageError>;

    /// The agent of this name.
    async fn agent(&self, name: &str) -> Result<Option<AgentRecord>, StorageError>;

    /// `agent/queue` of every queue, for suggestions, at most a thousand.
    async fn queue_names(&self) -> Result<Vec<String>, StorageError>;
}
