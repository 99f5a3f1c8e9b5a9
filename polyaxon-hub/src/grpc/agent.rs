//! The agent protocol.

use std::sync::Arc;
use std::time::Duration;

use polyaxon_proto::agent::v1::agent_server::Agent;
use polyaxon_proto::agent::v1::{
    AckLaunchRequest, AckLaunchResponse, CloseSessionRequest, CloseSessionResponse, Directive,
    Hint, HintsRequest, LeaseRequest, LeaseResponse, OpenSessionRequest, OpenSessionResponse,
    PublishCatalogRequest, PublishCatalogResponse, PushLogsRequest, PushLogsResponse, RenewRequest,
    RenewResponse, ReportRequest, ReportResponse, ReportResult, Session, SyncRequest, SyncResponse,
    hint,
};
use polyaxon_proto::version;
use polyaxon_spec::state::Status as RunStatus;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::agent_convert::{
    as_ms, catalog, guarded, key, launch_outcome, queues, session_refused, session_taken,
    status_report, uuid, wire_outcome,
};
use super::auth::{require, still_admitted};
use super::log_intake::Intake;
use super::{errors, run_convert};
use crate::domain::access::Scope;
use crate::domain::session::{
    self, Hello, InventoryItem, LAUNCH_TIME, MAX_INVENTORY, MAX_LEASE, MAX_REPORTS, MAX_WAIT,
    RENEW_EVERY, ReportOutcome, SessionKey, SessionRefused, TTL,
};
use crate::hub::Hub;
use crate::storage::agents::{Claim, LaunchReport};

/// A poll looks again after this time even if nobody woke it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

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
            agent_id: self.0.clock.new_id(),
            session_id: self.0.clock.new_id(),
            replica: request.replica,
            version: request.version,
            queues: queues(request.queues, self.0.clock.as_ref())?,
            catalog: catalog(&request.catalog)?,
            advertised_address: request.advertised_address,
            only_if_vacant: request.only_if_vacant,
        };
        let now = self.0.clock.now();
        let opened = self.0.storage.open_session(hello, now, now.plus(TTL)).await;
        let session = opened
            .map_err(errors::storage)?
            .map_err(|taken| session_taken(&taken))?;
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
            hub_version: version::current().into(),
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
                known: item.known,
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
            directives: directives
                .into_iter()
                .map(|directive| run_convert::directive(directive, now))
                .collect(),
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
        let mut revocations = self.0.tokens.revocations();
        loop {
            work.mark_unchanged();
            revocations.mark_unchanged();
            still_admitted(&self.0, &caller).await?;
            let items = if ask {
                self.claim(&key, slots, &request.queues).await?
            } else {
                Vec::new()
            };
            let answer = !items.is_empty() || Instant::now() >= until || orders.has_changed();
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
                biased;
                () = work.changed() => {}
                () = orders.changed() => orders.mark_changed(),
                () = revocations.changed() => {}
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
                let delete = session::Directive {
                    run,
                    attempt: request.attempt,
                    fence: request.fence,
                    order: session::Order::Delete,
                };
                directives.push(run_convert::directive(delete, now));
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
        Ok(works
            .into_iter()
            .map(|work| run_convert::item(work, now))
            .collect())
    }

    async fn directives(&self, key: &SessionKey) -> Result<Vec<Directive>, Status> {
        directives(&self.0, key).await
    }
}

async fn directives(hub: &Hub, key: &SessionKey) -> Result<Vec<Directive>, Status> {
    let now = hub.clock.now();
    let standing = guarded(hub.storage.directives(key, now).await)?;
    Ok(standing
        .into_iter()
        .map(|directive| run_convert::directive(directive, now))
        .collect())
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
            biased;
            () = work.changed() => hint::Kind::Work,
            () = orders.changed() => {
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
