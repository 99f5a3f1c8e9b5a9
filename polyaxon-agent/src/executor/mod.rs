//! What turns a pod plan into containers.

pub mod engine;
pub mod kubernetes;
mod sights;
mod tail;
mod turn;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use polyaxon_registry::Confirmation;

pub use self::sights::{Sights, Told};
pub use self::turn::Turn;
use crate::attempt::AttemptKey;
use crate::classify::PlatformState;
use crate::planning::{AttemptPlan, KeptPlan};

/// Why an executor could not do something.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecutorError {
    /// The engine cannot be reached or answered with an error that may pass.
    #[error("{action}: {reason}")]
    Unavailable {
        /// What was tried.
        action: String,
        /// What the engine said.
        reason: String,
    },
    /// The plan asks for something that this executor cannot do or may not do.
    #[error("{0}")]
    Refused(String),
    /// What was asked for existed once and does not any more.
    #[error("{0}")]
    Gone(String),
}

/// What became of a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The object is new.
    New {
        /// Id that the engine gave.
        uid: String,
    },
    /// It existed for the same work.
    Adopted {
        /// Id that the engine gave.
        uid: String,
    },
    /// The name is taken by something else.
    Conflict {
        /// What has the name.
        found: String,
    },
}

/// What is seen of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Something keeps it from starting that may pass.
    Waiting {
        /// One word, `ImagePull`.
        reason: String,
        /// A sentence.
        message: String,
    },
    /// Nothing keeps it any more, and the main container does not run yet.
    Starting,
    /// The main container runs.
    Running,
    /// It has ended so, and a sidecar still works.
    Finishing(Ending),
    /// All of it has ended.
    Ended(Ending),
    /// Its containers are not there any more.
    Vanished,
}

/// What stands between a build and its node, besides the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// A user namespace of its own: its root is nobody outside.
    UserNamespace,
    /// Only that its root has few capabilities.
    DroppedCapabilities,
}

impl Isolation {
    /// The word that the protocol uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserNamespace => "userns",
            Self::DroppedCapabilities => "root-caps-dropped",
        }
    }
}

/// What a watched attempt shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// What stands between it and its node, once that is certain.
    Isolation(Isolation),
    /// A container has started, now or earlier: it has output.
    Container(Arc<str>),
    /// The attempt as a whole. Every container that ever started was named before its end is.
    Attempt(Observation),
}

/// The word for containers that somebody else has removed.
pub const OBJECT_VANISHED: &str = "ObjectVanished";

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ending {
    /// The container that decided.
    pub container: String,
    /// Its exit status; `None` when it never ran.
    pub exit_code: Option<i32>,
    /// One word: `Completed`, `Error`, `OOMKilled`, `ImagePull`, `StartError`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// The last lines of its log when it failed.
    pub last_lines: Vec<String>,
    /// Image of the main container, with its digest where the engine knows it.
    pub main_image: String,
    /// All that a cluster says about it; `None` where container, status and reason are all there is.
    pub platform: Option<Box<PlatformState>>,
}

impl Ending {
    /// Whether the attempt did its work.
    pub fn succeeded(&self) -> bool {
        self.exit_code == Some(0)
    }
}

/// An attempt that exists in the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which attempt.
    pub key: AttemptKey,
    /// Fence at its creation.
    pub fence: u64,
    /// Id that the engine gave.
    pub uid: String,
    /// How far it is.
    pub phase: Phase,
}

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Main has not started.
    Pending,
    /// Main runs.
    Running,
    /// Main ended with status 0.
    Succeeded,
    /// Something failed.
    Failed,
}

impl Phase {
    /// The word that the protocol uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// One piece of a container's output as the engine hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPiece {
    /// Unix nanoseconds as the engine stamped them.
    pub at_ns: i64,
    /// 1: stdout, 2: stderr.
    pub stream: u32,
    /// Raw bytes; a line end is part of them.
    pub data: Bytes,
}

/// Creates, watches and removes attempts. Every call may be repeated.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Creates the attempt's object under its name; that name is what decides who was first.
    async fn create(&self, plan: &AttemptPlan) -> Result<Created, ExecutorError>;

    /// Launches that may be under way at a time, as things stand.
    fn launches(&self) -> u32 {
        u32::MAX
    }

    /// Whether an attempt that exists says for itself what was planned: then no more of its plan is kept than
    /// [`KeptPlan::once_launched`].
    fn keeps_plans(&self) -> bool {
        false
    }

    /// Brings the attempt to its end and says what is seen, until it has ended. Dropping the
    /// future leaves the containers alone; calling it again goes on from where they are.
    async fn run(&self, plan: Arc<KeptPlan>, seen: Sights) -> Result<(), ExecutorError>;

    /// Ends the attempt: asks its processes first, kills what does not go.
    async fn stop(&self, key: &AttemptKey) -> Result<(), ExecutorError>;

    /// Removes everything that belongs to the attempt.
    async fn remove(&self, key: &AttemptKey) -> Result<(), ExecutorError>;

    /// Every attempt of this agent that has an object.
    async fn inventory(&self) -> Result<Vec<Found>, ExecutorError>;

    /// Waits until the output of a container may be read. What has ended does not wait for what runs.
    async fn turn(&self, _key: &AttemptKey, _container: &str) -> Turn {
        Turn::default()
    }

    /// Output of one container from its start; with `follow` until the container has ended.
    fn logs(
        &self,
        key: &AttemptKey,
        container: &str,
        follow: bool,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>>;

    /// What the registry said to somebody near the build, once main has ended with status 0;
    /// `None` where the agent asks itself.
    async fn confirmation(&self, _key: &AttemptKey) -> Option<Confirmation> {
        None
    }

    /// A file of a container, also of one that has ended; `None` when there is none.
    async fn read_file(
        &self,
        key: &AttemptKey,
        container: &str,
        path: &str,
    ) -> Result<Option<Vec<u8>>, ExecutorError>;
}
