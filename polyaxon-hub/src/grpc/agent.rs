//! The agent protocol.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use polyaxon_proto::agent::v1::agent_server::Agent;
use polyaxon_proto::agent::v1::{
    AckLaunchRequest, AckLaunchResponse, CloseSessionRequest, CloseSessionResponse, Directive,
    Hint, HintsRequest, LeaseRequest, LeaseResponse, OpenSessionRequest, OpenSessionResponse,
    PublishCatalogRequest, PublishCatalogResponse, PushLogsRequest, PushLogsResponse, QueueSpec,
    RenewRequest, RenewResponse, ReportRequest, ReportResponse, ReportResult, Session,
    StatusReport, SyncRequest, SyncResponse, ack_launch_request, hint, report_result,
};
use polyaxon_spec::state::Status as RunStatus;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status, Streaming};

use super::auth::require;
use super::convert::millis;
use super::log_intake::Intake;
use super::{errors, result_convert, run_convert};
use crate::clock::new_id;
use crate::domain::access::{Principal, Scope};
use crate::domain::client_version::HUB_VERSION;
use crate::domain::names;
use crate::domain::run::parse_uuid;
use crate::domain::session::{
    self, DEFAULT_QUEUE, Hello, InventoryItem, LAUNCH_TIME, LaunchOutcome, MAX_CATALOG,
    MAX_INVENTORY, MAX_LEASE, MAX_REPORTS, MAX_WAIT, RENEW_EVERY, ReportOutcome, SessionKey,
    SessionRefused, TTL,
};
use crate::hub::Hub;
use crate::runs::Published;
use crate::storage::agents::{Claim, Guarded, LaunchReport};

/// A poll looks again after this time even if nobody woke it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longest text of a reason or message in bytes; more is cut.
const MAX_TEXT: usize = 4096;

/// `polyaxon.agent.v1.Agent`.
pub(super) struct AgentService(pub(super) Arc<Hub>);

#[tonic::async_trait]
impl Agent for AgentService {
    async fn open_session(
        &self,
        request: Request<OpenSessionRequest>,
    ) -> Result<Response<OpenSessionResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let request = request.into_inner();
        let hello = Hello {
            agent: caller.name.clone(),
            agent_id: new_id(),
            session_id: new_id(),
            replica: request.replica,
            version: request.version,
            queues: queues(request.queues)?,
            catalog: catalog(&request.catalog)?,
            advertised_address: request.advertised_address,
        };
        let now = self.0.clock.now();
        let opened = self.0.storage.open_session(hello, now, now.plus(TTL)).await;
        let session = opened.map_err(errors::storage)?;
        tracing::info!(agent = caller.name, epoch = session.epoch, "session opened");
        // Whoever still waits in an older session learns that it is over.
        self.0.orders.wake(&caller.name);
        Ok(Response::new(OpenSessionResponse {
            session: Some(Session {
                id: session.id,
                epoch: session.epoch,
            }),
            renew_every_ms: as_ms(RENEW_EVERY),
            ttl_ms: as_ms(TTL),
            agent: caller.name,
            hub_version: HUB_VERSION.into(),
        }))
    }

    async fn renew(
        &self,
        request: Request<RenewRequest>,
    ) -> Result<Response<RenewResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let key = key(&caller, request.into_inner().session)?;
        let now = self.0.clock.now();
        let renewed = self.0.storage.renew_session(&key, now, now.plus(TTL)).await;
        for run in guarded(renewed)? {
            self.0.events.wake(&run);
        }
        let directives = self.directives(&key).await?;
        Ok(Response::new(RenewResponse { directives }))
    }

    async fn sync(&self, request: Request<SyncRequest>) -> Result<Response<SyncResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let request = request.into_inner();
        let key = key(&caller, request.session)?;
        if request.items.len() > MAX_INVENTORY {
            return Err(errors::invalid(format!(
                "a page of the inventory has at most {MAX_INVENTORY} items"
            )));
        }
        let items = request
            .items
            .into_iter()
            .map(|item| InventoryItem {
                run: item.run,
                attempt: item.attempt,
                object_uid: item.object_uid,
            })
            .collect();
        let now = self.0.clock.now();
        let synced = self
            .0
            .storage
            .sync_session(&key, items, request.last_page, now, now.plus(LAUNCH_TIME))
            .await;
        let (directives, changed) = guarded(synced)?;
        for run in changed {
            self.0.events.wake(&run);
        }
        Ok(Response::new(SyncResponse {
            directives: directives.into_iter().map(run_convert::directive).collect(),
        }))
    }

    async fn lease(
        &self,
        request: Request<LeaseRequest>,
    ) -> Result<Response<LeaseResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let request = request.into_inner();
        let key = key(&caller, request.session.clone())?;
        let wait = Duration::from_millis(request.wait_ms.into()).min(MAX_WAIT);
        let capacity = request.capacity.map_or(u32::MAX, |capacity| capacity.slots);
        let slots = request.max_items.min(capacity).min(MAX_LEASE);
        let until = Instant::now() + wait;
        let mut work = self.0.work.subscribe(&key.agent);
        let mut orders = self.0.orders.subscribe(&key.agent);
        let mut ask = true;
        loop {
            work.mark_unchanged();
            let items = if ask {
                self.claim(&key, slots, &request.queues).await?
            } else {
                Vec::new()
            };
            let answer = !items.is_empty()
                || Instant::now() >= until
                || orders.has_changed().unwrap_or_default();
            if answer {
                for item in &items {
                    self.0.events.wake(&item.run);
                }
                return Ok(Response::new(LeaseResponse {
                    items,
                    directives: self.directives(&key).await?,
                    retry_after_ms: 0,
                }));
            }
            tokio::select! {
                _ = work.changed() => {}
                _ = orders.changed() => orders.mark_changed(),
                () = tokio::time::sleep_until(until.min(Instant::now() + LOOK_AGAIN)) => {}
                () = self.0.draining.cancelled() => return Err(errors::draining()),
            }
            ask = slots > 0 && {
                let waiting = self.0.storage.has_work(&key.agent).await;
                waiting.map_err(errors::storage)?
            };
        }
    }

    async fn ack_launch(
        &self,
        request: Request<AckLaunchRequest>,
    ) -> Result<Response<AckLaunchResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let request = request.into_inner();
        let outcome = launch_outcome(&request)?;
        let key = key(&caller, request.session)?;
        let run = uuid(&request.run)?;
        let launch = LaunchReport {
            run: run.clone(),
            attempt: request.attempt,
            fence: request.fence,
            outcome,
        };
        let now = self.0.clock.now();
        let taken = self.0.storage.acknowledge_launch(&key, launch, now).await;
        let mut directives = self.directives(&key).await?;
        match guarded(taken)? {
            ReportOutcome::Ok | ReportOutcome::Duplicate => self.0.events.wake(&run),
            ReportOutcome::Fenced => return Err(session_refused(SessionRefused::Fenced)),
            ReportOutcome::Stale | ReportOutcome::NotFound => {
                directives.push(run_convert::directive(session::Directive {
                    run,
                    attempt: request.attempt,
                    fence: request.fence,
                    order: session::Order::Delete,
                }));
            }
        }
        Ok(Response::new(AckLaunchResponse { directives }))
    }

    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let request = request.into_inner();
        let key = key(&caller, request.session)?;
        if request.reports.len() > MAX_REPORTS {
            return Err(errors::invalid(format!(
                "a call has at most {MAX_REPORTS} reports"
            )));
        }
        let now = self.0.clock.now();
        let reports: Result<Vec<_>, Status> = request
            .reports
            .into_iter()
            .map(|report| status_report(report, now))
            .collect();
        let reports = reports?;
        let said = reports.clone();
        let outcomes = guarded(self.0.storage.report(&key, reports, now).await)?;
        let mut results = Vec::with_capacity(outcomes.len());
        for (one, outcome) in said.into_iter().zip(outcomes) {
            if matches!(outcome, ReportOutcome::Ok | ReportOutcome::Stale) {
                self.0.events.wake(&one.run);
            }
            if outcome == ReportOutcome::Ok && one.status.is_final() {
                // Its queue may have room for another one.
                self.0.work.wake(&key.agent);
                if one.status == RunStatus::Failed {
                    let class = one.failure.as_ref().map_or("", |failure| &failure.class);
                    self.0.metrics.failed(class);
                }
            }
            results.push(ReportResult {
                run: one.run,
                attempt: one.attempt,
                seq: one.seq,
                outcome: wire_outcome(outcome).into(),
            });
        }
        let directives = self.directives(&key).await?;
        Ok(Response::new(ReportResponse {
            results,
            directives,
        }))
    }

    type PushLogsStream = ReceiverStream<Result<PushLogsResponse, Status>>;

    async fn push_logs(
        &self,
        request: Request<Streaming<PushLogsRequest>>,
    ) -> Result<Response<Self::PushLogsStream>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let (sender, receiver) = mpsc::channel(64);
        let mut intake = Intake::new(self.0.clone(), caller);
        let messages = request.into_inner();
        tokio::spawn(async move {
            if let Err(status) = intake.run(messages, &sender).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type HintsStream = ReceiverStream<Result<Hint, Status>>;

    async fn hints(
        &self,
        request: Request<HintsRequest>,
    ) -> Result<Response<Self::HintsStream>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let key = key(&caller, request.into_inner().session)?;
        self.directives(&key).await?;
        let (sender, receiver) = mpsc::channel(8);
        let hub = self.0.clone();
        tokio::spawn(async move {
            if let Err(status) = hints(&hub, &key, &sender).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn publish_catalog(
        &self,
        request: Request<PublishCatalogRequest>,
    ) -> Result<Response<PublishCatalogResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let request = request.into_inner();
        let key = key(&caller, request.session)?;
        let catalog = catalog(&request.catalog)?;
        let now = self.0.clock.now();
        guarded(self.0.storage.publish_catalog(&key, catalog, now).await)?;
        Ok(Response::new(PublishCatalogResponse {}))
    }

    async fn close_session(
        &self,
        request: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        let caller = require(&request, &[Scope::Agent])?;
        let key = key(&caller, request.into_inner().session)?;
        let closed = self.0.storage.close_session(&key, self.0.clock.now()).await;
        for run in guarded(closed)? {
            self.0.events.wake(&run);
        }
        tracing::info!(agent = key.agent, epoch = key.epoch, "session closed");
        Ok(Response::new(CloseSessionResponse {}))
    }
}

impl AgentService {
    async fn claim(
        &self,
        key: &SessionKey,
        slots: u32,
        queues: &[String],
    ) -> Result<Vec<polyaxon_proto::agent::v1::LeaseItem>, Status> {
        let now = self.0.clock.now();
        let claim = Claim {
            slots: slots.into(),
            queues: queues.to_vec(),
            launch_deadline: now.plus(LAUNCH_TIME),
            at: now,
        };
        let works = guarded(self.0.storage.claim(key, claim).await)?;
        Ok(works.into_iter().map(run_convert::item).collect())
    }

    async fn directives(&self, key: &SessionKey) -> Result<Vec<Directive>, Status> {
        directives(&self.0, key).await
    }
}

async fn directives(hub: &Hub, key: &SessionKey) -> Result<Vec<Directive>, Status> {
    let standing = guarded(hub.storage.directives(key, hub.clock.now()).await)?;
    Ok(standing.into_iter().map(run_convert::directive).collect())
}

async fn hints(
    hub: &Hub,
    key: &SessionKey,
    sender: &mpsc::Sender<Result<Hint, Status>>,
) -> Result<(), Status> {
    let mut work = hub.work.subscribe(&key.agent);
    let mut orders = hub.orders.subscribe(&key.agent);
    loop {
        let kind = tokio::select! {
            _ = work.changed() => hint::Kind::Work,
            _ = orders.changed() => {
                // A newer session ends the stream.
                directives(hub, key).await?;
                hint::Kind::Directives
            }
            () = hub.draining.cancelled() => hint::Kind::Drain,
            () = sender.closed() => return Ok(()),
        };
        let hint = Hint { kind: kind.into() };
        if sender.send(Ok(hint)).await.is_err() || kind == hint::Kind::Drain {
            return Ok(());
        }
    }
}

/// Who speaks, by token and session.
pub(super) fn key(caller: &Principal, session: Option<Session>) -> Result<SessionKey, Status> {
    let session = session.ok_or_else(|| errors::invalid("`session` is missing"))?;
    Ok(SessionKey {
        agent: caller.name.clone(),
        id: session.id,
        epoch: session.epoch,
    })
}

/// The uuid of a run as an agent sends it.
pub(super) fn uuid(text: &str) -> Result<String, Status> {
    parse_uuid(text).ok_or_else(|| errors::invalid(format!("`{text}` is not the uuid of a run")))
}

pub(super) fn guarded<T>(outcome: Guarded<T>) -> Result<T, Status> {
    outcome.map_err(errors::storage)?.map_err(session_refused)
}

fn session_refused(refused: SessionRefused) -> Status {
    let (code, reason) = match refused {
        SessionRefused::Fenced => (Code::Aborted, "FENCED"),
        SessionRefused::NotSynced => (Code::FailedPrecondition, "NOT_SYNCED"),
    };
    errors::status(code, reason, format!("{refused} ({reason})"))
}

fn queues(specs: Vec<QueueSpec>) -> Result<Vec<session::QueueSpec>, Status> {
    let mut queues: HashMap<String, session::QueueSpec> = HashMap::new();
    let default = QueueSpec {
        name: DEFAULT_QUEUE.into(),
        priority: 0,
        concurrency: -1,
    };
    // The first declaration of a name counts, so that the default is only used where none is.
    for spec in specs.into_iter().chain([default]) {
        names::slug("queue name", &spec.name)
            .map_err(|error| errors::invalid(error.to_string()))?;
        queues
            .entry(spec.name.clone())
            .or_insert_with(|| session::QueueSpec {
                id: new_id(),
                name: spec.name,
                priority: spec.priority.into(),
                concurrency: u64::try_from(spec.concurrency).ok(),
            });
    }
    Ok(queues.into_values().collect())
}

fn catalog(bytes: &[u8]) -> Result<String, Status> {
    if bytes.len() > MAX_CATALOG {
        return Err(errors::invalid(format!(
            "`catalog` is larger than {MAX_CATALOG} bytes"
        )));
    }
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice::<Published>(bytes)
        .map_err(|error| errors::invalid(format!("`catalog` cannot be read: {error}")))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| errors::invalid("`catalog` is not UTF-8"))
}

fn launch_outcome(request: &AckLaunchRequest) -> Result<LaunchOutcome, Status> {
    use ack_launch_request::Outcome;
    match request.outcome() {
        Outcome::Created | Outcome::Adopted => Ok(LaunchOutcome::Launched {
            object_name: request.object_name.clone(),
            object_uid: request.object_uid.clone(),
        }),
        Outcome::Conflict => Ok(LaunchOutcome::Refused {
            reason: "ObjectConflict",
            message: cut(&request.error),
        }),
        Outcome::Rejected => Ok(LaunchOutcome::Refused {
            reason: "LaunchRejected",
            message: cut(&request.error),
        }),
        Outcome::Unspecified => Err(errors::invalid("`outcome` is missing")),
    }
}

fn status_report(
    report: StatusReport,
    now: crate::domain::time::Millis,
) -> Result<session::StatusReport, Status> {
    let status = run_convert::status(report.status())
        .ok_or_else(|| errors::invalid("`status` of a report is missing"))?;
    Ok(session::StatusReport {
        run: uuid(&report.run)?,
        attempt: report.attempt,
        fence: report.fence,
        seq: report.seq,
        status,
        reason: cut(&report.reason),
        message: cut(&report.message),
        observed_at: report.observed_at.as_ref().map_or(now, millis),
        build: report.build.map(result_convert::build),
        failure: report.failure.map(result_convert::failure),
    })
}

fn wire_outcome(outcome: ReportOutcome) -> report_result::Outcome {
    match outcome {
        ReportOutcome::Ok => report_result::Outcome::Ok,
        ReportOutcome::Duplicate => report_result::Outcome::Duplicate,
        ReportOutcome::Stale => report_result::Outcome::Stale,
        ReportOutcome::Fenced => report_result::Outcome::Fenced,
        ReportOutcome::NotFound => report_result::Outcome::NotFound,
    }
}

fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or_default()
        .to_owned()
}

fn as_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
