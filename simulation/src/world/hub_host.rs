//! The machine that the hub runs on: its database and log files survive, its processes do not.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt as _;
use polyaxon_hub::components::{Components, Official};
use polyaxon_hub::domain::access::{Scope, TokenRecord, hash};
use polyaxon_hub::domain::names::{DEFAULT_OWNER, DEFAULT_PROJECT};
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::http::metrics::Metrics;
use polyaxon_hub::hub::Hub;
use polyaxon_hub::logs::{Blobs, FileWork, LogStore};
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::access::{AccessStorage as _, ProjectRecord};
use polyaxon_hub::storage::runs::RunStorage as _;
use polyaxon_hub::storage::sqlite::SqliteStorage;
use polyaxon_hub::token_cache::TokenCache;
use polyaxon_hub::topics::Topics;
use polyaxon_hub::{grpc, upkeep};
use polyaxon_spec::state::Status;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use super::World;
use super::plant::Plant;
use super::planted::Planted;
use super::storage::{Fuse, SimStorage};
use crate::error::SimulationError;
use crate::history::{EventRecord, Fact, RunRecord};

/// Secret of clients.
pub const USER_TOKEN: &str = "plx_user";
/// Secret of the agent's processes.
pub const AGENT_TOKEN: &str = "plx_agent";
/// Name of the agent.
pub const AGENT: &str = "cluster";
/// How long a hub that has come back is watched before anybody reaches it, a bit more than the pause of its upkeep.
const ALONE: std::time::Duration = std::time::Duration::from_millis(600);

type Router =
    BoxCloneSyncService<http::Request<Body>, http::Response<Body>, std::convert::Infallible>;

/// One start of the hub.
#[derive(Clone)]
pub struct Start {
    router: Router,
    /// Its parts, for reading at the end.
    pub hub: Arc<Hub>,
    /// Cancelled when it is killed.
    pub killed: CancellationToken,
}

impl Start {
    /// Answers a call; an error when the hub is killed meanwhile.
    pub(super) async fn answer(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, tonic::Status> {
        let answer = self.router.clone().oneshot(request);
        match self.killed.run_until_cancelled(answer).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(never)) => match never {},
            None => Err(tonic::Status::unavailable("connection reset")),
        }
    }
}

/// The machine.
pub struct HubHost {
    world: World,
    storage: SqliteStorage,
    official: Official,
    blobs: Blobs,
    folder: PathBuf,
    planted: Arc<Planted>,
    /// When the next start dies in the middle of a call.
    pub fuse: Arc<Fuse>,
    start: Mutex<Option<Start>>,
}

impl HubHost {
    /// A machine with an empty database whose logs are in `folder`.
    ///
    /// # Errors
    /// When the database cannot be filled.
    pub async fn new(
        world: World,
        storage: SqliteStorage,
        official: Official,
        folder: PathBuf,
    ) -> Result<Arc<Self>, SimulationError> {
        let host = Self {
            world,
            storage,
            official,
            blobs: Blobs::in_memory(),
            folder,
            planted: Arc::default(),
            fuse: Arc::default(),
            start: Mutex::default(),
        };
        host.fill().await?;
        Ok(Arc::new(host))
    }

    async fn fill(&self) -> Result<(), SimulationError> {
        let tokens = [
            ("user", Scope::User, USER_TOKEN),
            (AGENT, Scope::Agent, AGENT_TOKEN),
        ];
        for (name, scope, secret) in tokens {
            let token = TokenRecord {
                id: format!("{name:0<32}"),
                name: name.to_owned(),
                scope,
                hash: hash(&SecretString::from(secret.to_owned())),
                created_at: Millis(0),
                expires_at: None,
                last_used_at: None,
                revoked_at: None,
            };
            self.storage.insert_token(token).await?;
        }
        let project = ProjectRecord {
            uuid: "0".repeat(32),
            owner: DEFAULT_OWNER.to_owned(),
            name: DEFAULT_PROJECT.to_owned(),
            description: String::new(),
            created_at: Millis(0),
        };
        Ok(self.storage.insert_project(project).await?)
    }

    /// The start that answers now.
    #[must_use]
    pub fn up(&self) -> Option<Start> {
        let start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        start.clone().filter(|start| !start.killed.is_cancelled())
    }

    /// Starts the hub. Nobody reaches it for a moment, in which nothing may change that the restart alone would
    /// change.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&self) -> Result<(), SimulationError> {
        let before = self.rows().await?;
        self.world.clock.begin();
        let killed = CancellationToken::new();
        let storage: Arc<dyn Storage> = Arc::new(SimStorage::new(
            self.world.clone(),
            self.storage.clone(),
            Arc::clone(&self.planted),
            killed.clone(),
            Arc::clone(&self.fuse),
        ));
        self.planted.restarted();
        let logs = LogStore::open(&self.folder, self.blobs.clone(), storage.clone())?
            .with_file_work(FileWork::Inline);
        let hub = Arc::new(Hub {
            components: Components::new(storage.clone(), self.official.clone()),
            logs,
            events: Topics::default(),
            work: Topics::default(),
            orders: Topics::default(),
            storage,
            clock: self.world.clock.clone(),
            key: [7; 32],
            tokens: TokenCache::default(),
            metrics: Metrics::default(),
            draining: CancellationToken::new(),
        });
        let (upkeep, token) = (upkeep::run(Arc::clone(&hub)), killed.clone());
        tokio::spawn(async move { token.run_until_cancelled(upkeep).await });
        tokio::time::sleep(ALONE).await;
        let after = self.rows().await?;
        let changed = before
            .iter()
            .zip(&after)
            .filter_map(|(before, after)| odd_change(before, after))
            .collect();
        if !before.is_empty() {
            self.world.recorder.record(Fact::HubCameBack { changed });
        }
        let router = ServiceExt::<http::Request<Body>>::map_response(
            grpc::services(Arc::clone(&hub)),
            |response| response.map(Body::new),
        );
        let start = Start {
            router: BoxCloneSyncService::new(router),
            hub,
            killed,
        };
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some(start);
        Ok(())
    }

    /// Kills the hub.
    pub fn kill(&self) {
        self.fuse.put_out();
        let start = self
            .start
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(start) = start {
            start.killed.cancel();
        }
    }

    /// Whether no start lives.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.up().is_none()
    }

    async fn rows(&self) -> Result<Vec<polyaxon_hub::domain::run::RunRecord>, SimulationError> {
        let filter = polyaxon_hub::domain::run::RunFilter {
            owner: DEFAULT_OWNER.to_owned(),
            ..Default::default()
        };
        let page = polyaxon_hub::domain::page::Page {
            size: 200,
            after: None,
        };
        let mut rows = self.storage.runs(&filter, &page).await?;
        rows.sort_by(|a, b| a.uuid.cmp(&b.uuid));
        Ok(rows)
    }

    /// Whether every run has ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn all_final(&self) -> Result<bool, SimulationError> {
        let rows = self.rows().await?;
        Ok(rows.iter().all(|row| row.state.base.is_final()))
    }

    /// All rows with their events.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn records(&self) -> Result<Vec<RunRecord>, SimulationError> {
        let shows_late = self.world.has(Plant::LateStart);
        let mut records = Vec::new();
        for row in self.rows().await? {
            let events = self.storage.run_events(&row.uuid, 1, 1000).await?;
            let events = events.into_iter().map(|event| EventRecord {
                seq: event.seq,
                attempt: event.attempt,
                status: event.status,
                reason: event.reason,
                ignored: event.ignored
                    && !(shows_late && self.planted.counts(&row.uuid, event.attempt, event.status)),
            });
            let mut events: Vec<EventRecord> = events.collect();
            if self.world.has(Plant::TwoEnds)
                && let Some(last) = events.last().cloned()
            {
                events.push(last);
            }
            records.push(RunRecord {
                run: row.uuid,
                status: row.state.base,
                attempt: row.state.attempt,
                key: row.idempotency_key.unwrap_or_default(),
                abandoned: row.reason == polyaxon_hub::domain::run::ABANDONED,
                events,
            });
        }
        Ok(records)
    }
}

/// In words, what a restart must not do to a run. Time goes on, though: pauses and deadlines end.
fn odd_change(
    before: &polyaxon_hub::domain::run::RunRecord,
    after: &polyaxon_hub::domain::run::RunRecord,
) -> Option<String> {
    let (was, is) = (&before.state, &after.state);
    let same = was.base == is.base && was.overlay == is.overlay && was.attempt == is.attempt;
    let due = was.base == Status::Retrying || is.base == Status::Stopping;
    let given_up = was.stop_requested && is.base == Status::Stopped;
    let over = before.deadline_at.zip(after.finished_at);
    let timed_out = is.base == Status::Stopped
        && after.reason == polyaxon_hub::domain::run::DEADLINE_EXCEEDED
        && over.is_some_and(|(deadline, end)| deadline <= end);
    if same || due || given_up || timed_out {
        return None;
    }
    Some(format!(
        "{} was {} and is {}",
        before.uuid,
        was.shown().as_str(),
        is.shown().as_str()
    ))
}

/// A body that is there as a whole.
pub(super) async fn collected(body: Body) -> Result<Body, tonic::Status> {
    let whole = body.collect().await?;
    Ok(Body::new(whole))
}
