//! Runs for users.

use std::sync::Arc;
use std::time::Duration;

use polyaxon_proto::runs::v1::runs_server::Runs;
use polyaxon_proto::runs::v1::{
    CheckRequest, CheckResponse, CreateRequest, CreateResponse, Endpoint, Event, EventsRequest,
    EventsResponse, GetRequest, ListRequest, ListResponse, Run, StopRequest, WatchRequest,
};
use secrecy::ExposeSecret as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use super::auth::{require, still_admitted};
use super::convert::timestamp;
use super::{errors, run_convert};
use crate::domain::access::{Principal, Scope};
use crate::domain::names::{self, DEFAULT_OWNER, DEFAULT_PROJECT};
use crate::domain::page::{Page, next_token};
use crate::domain::run::{RunFilter, RunRecord, parse_uuid};
use crate::domain::run_token;
use crate::hub::Hub;
use crate::runs::{PrepareError, Request as NewRequest, prepare};
use crate::storage::access::ProjectRecord;
use crate::storage::runs::{Inserted, StopOrder};

/// Longest idempotency key in bytes.
const MAX_KEY: usize = 128;
/// Longest reason of a stop in bytes; more is cut.
const MAX_REASON: usize = 1024;
/// Events that are read at once.
const EVENTS: u32 = 500;
/// A watch looks again after this time even if nobody woke it.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// `polyaxon.runs.v1.Runs`.
pub(super) struct RunsService(pub(super) Arc<Hub>);

#[tonic::async_trait]
impl Runs for RunsService {
    async fn create(
        &self,
        request: Request<CreateRequest>,
    ) -> Result<Response<CreateResponse>, Status> {
        let caller = require(&request, &[Scope::User])?;
        let message = request.into_inner();
        if message.idempotency_key.len() > MAX_KEY {
            return Err(errors::invalid(format!(
                "`idempotency_key` is longer than {MAX_KEY} bytes"
            )));
        }
        let key = (!message.idempotency_key.is_empty()).then_some(message.idempotency_key);
        let request = self
            .request(
                &caller,
                &message.owner,
                &message.project,
                &message.operation,
                key,
            )
            .await?;
        if let Some(key) = &request.idempotency_key {
            let known = self.0.storage.run_by_key(&request.project.uuid, key).await;
            if let Some(run) = known.map_err(errors::storage)? {
                return self.repeated(run, &request.request_hash).map(Response::new);
            }
        }
        let prepared = prepare(&self.0.storage, &self.0.components, &request)
            .await
            .map_err(refused)?;
        let warnings = prepared.warnings.clone();
        let address = prepared.queue.agent.advertised_address.clone();
        let hash = request.request_hash.clone();
        let new = prepared.into_run(request);
        let record = new.record.clone();
        match self.0.storage.insert_run(new).await {
            Ok(Inserted::New) => {}
            Ok(Inserted::Existing(run)) => return self.repeated(*run, &hash).map(Response::new),
            Err(error) => return Err(errors::storage(error)),
        }
        self.0.work.wake(&record.agent);
        tracing::info!(
            run = record.uuid,
            queue = record.queue,
            user = caller.name,
            "accepted"
        );
        let endpoint = self.endpoint(&record.uuid, address);
        let mut run = run_convert::run(record);
        run.endpoint = Some(endpoint.clone());
        Ok(Response::new(CreateResponse {
            pending: String::new(),
            run: Some(run),
            endpoint: Some(endpoint),
            warnings,
        }))
    }

    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        let caller = require(&request, &[Scope::User])?;
        let message = request.into_inner();
        let request = self
            .request(
                &caller,
                &message.owner,
                &message.project,
                &message.operation,
                None,
            )
            .await?;
        let prepared = prepare(&self.0.storage, &self.0.components, &request)
            .await
            .map_err(refused)?;
        Ok(Response::new(CheckResponse {
            compiled: prepared.compiled_json().into(),
            warnings: prepared.warnings,
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Result<Response<Run>, Status> {
        let caller = require(&request, &[Scope::User, Scope::Run])?;
        let record = find(&self.0, &caller, &request.into_inner().uuid).await?;
        let spec = self
            .0
            .storage
            .run_spec(&record.uuid)
            .await
            .map_err(errors::storage)?;
        let agent = self
            .0
            .storage
            .agent(&record.agent)
            .await
            .map_err(errors::storage)?;
        let address = agent.map(|agent| agent.advertised_address);
        let endpoint = self.endpoint(&record.uuid, address.unwrap_or_default());
        let mut run = run_convert::run(record);
        run.endpoint = Some(endpoint);
        if let Some(spec) = spec {
            run.operation = spec.operation.into();
            run.compiled = spec.compiled.into();
        }
        Ok(Response::new(run))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        require(&request, &[Scope::User])?;
        let request = request.into_inner();
        let page =
            Page::read(request.page_size, &request.page_token).map_err(errors::bad_page_token)?;
        let statuses = request.statuses().filter_map(run_convert::status).collect();
        let filter = RunFilter {
            owner: names::or_default(&request.owner, DEFAULT_OWNER).into(),
            project: request.project,
            statuses,
        };
        let rows = self
            .0
            .storage
            .runs(&filter, &page)
            .await
            .map_err(errors::storage)?;
        Ok(Response::new(ListResponse {
            next_page_token: next_token(&rows, page.size, |row| row.uuid.clone()),
            runs: rows.into_iter().map(run_convert::run).collect(),
        }))
    }

    type WatchStream = ReceiverStream<Result<Event, Status>>;

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = require(&request, &[Scope::User, Scope::Run])?;
        let request = request.into_inner();
        let run = find(&self.0, &caller, &request.uuid).await?;
        let (sender, receiver) = mpsc::channel(64);
        let hub = self.0.clone();
        tokio::spawn(async move {
            let from = request.from_seq.max(1);
            if let Err(status) = watch(&hub, &caller, &run.uuid, from, &sender).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn stop(&self, request: Request<StopRequest>) -> Result<Response<Run>, Status> {
        let caller = require(&request, &[Scope::User])?;
        let mut request = request.into_inner();
        let run = find(&self.0, &caller, &request.uuid).await?;
        let cut = request.reason.floor_char_boundary(MAX_REASON);
        request.reason.truncate(cut);
        if request.abandon {
            self.check_abandon(&run).await?;
        }
        let order = StopOrder {
            reason: request.reason,
            source: format!("user {}", caller.name),
            abandon: request.abandon,
            at: self.0.clock.now(),
        };
        let stopped = self.0.storage.stop_run(&run.uuid, order).await;
        let (run, changed) = stopped
            .map_err(errors::storage)?
            .ok_or_else(|| unknown(&run.uuid))?;
        if changed {
            self.0.events.wake(&run.uuid);
            self.0.orders.wake(&run.agent);
        }
        Ok(Response::new(run_convert::run(run)))
    }

    async fn events(
        &self,
        request: Request<EventsRequest>,
    ) -> Result<Response<EventsResponse>, Status> {
        let caller = require(&request, &[Scope::User, Scope::Run])?;
        let run = find(&self.0, &caller, &request.into_inner().uuid).await?;
        let mut events = Vec::new();
        let mut next = 1;
        loop {
            let page = self.0.storage.run_events(&run.uuid, next, EVENTS).await;
            let page = page.map_err(errors::storage)?;
            let Some(last) = page.last() else { break };
            next = last.seq + 1;
            events.extend(page.into_iter().map(run_convert::event));
        }
        Ok(Response::new(EventsResponse { events }))
    }
}

impl RunsService {
    /// A run is given up only if its agent is silent, or did not end it although it was asked to.
    async fn check_abandon(&self, run: &RunRecord) -> Result<(), Status> {
        if !run.state.base.is_active() || run.state.stop_requested {
            return Ok(());
        }
        let agent = self.0.storage.agent(&run.agent).await;
        let agent = agent.map_err(errors::storage)?;
        if agent.is_some_and(|agent| agent.is_there(self.0.clock.now())) {
            return Err(errors::status(
                Code::FailedPrecondition,
                "AGENT_IS_THERE",
                format!(
                    "the agent `{}` is there and can end the run: stop it without `--abandon` first",
                    run.agent
                ),
            ));
        }
        Ok(())
    }

    async fn request(
        &self,
        caller: &Principal,
        owner: &str,
        project: &str,
        operation: &[u8],
        idempotency_key: Option<String>,
    ) -> Result<NewRequest, Status> {
        let project = self.project(owner, project).await?;
        let mut hash = blake3::Hasher::new();
        hash.update(project.uuid.as_bytes()).update(operation);
        Ok(NewRequest {
            uuid: self.0.clock.new_id(),
            project,
            operation: operation.to_vec(),
            user: caller.name.clone(),
            idempotency_key,
            request_hash: hash.finalize().to_hex().to_string(),
            at: self.0.clock.now(),
        })
    }

    async fn project(&self, owner: &str, name: &str) -> Result<ProjectRecord, Status> {
        let owner = names::or_default(owner, DEFAULT_OWNER);
        let name = names::or_default(name, DEFAULT_PROJECT);
        let found = self.0.storage.project(owner, name).await;
        found.map_err(errors::storage)?.ok_or_else(|| {
            errors::not_found(format!(
                "there is no project `{owner}/{name}`: `polyaxon project ls` prints those that exist, `polyaxon project create --name {name}` makes it"
            ))
        })
    }

    /// The answer to a call that was made before.
    fn repeated(&self, run: RunRecord, hash: &str) -> Result<CreateResponse, Status> {
        if run.request_hash != hash {
            return Err(errors::status(
                Code::AlreadyExists,
                "IDEMPOTENCY_KEY",
                format!(
                    "the idempotency key was used for another operation, run `{}`: use a new one",
                    run.uuid
                ),
            ));
        }
        let endpoint = self.endpoint(&run.uuid, String::new());
        let pending = run.pending.clone();
        let mut run = run_convert::run(run);
        run.endpoint = Some(endpoint.clone());
        Ok(CreateResponse {
            run: Some(run),
            pending,
            endpoint: Some(endpoint),
            warnings: Vec::new(),
        })
    }

    fn endpoint(&self, run: &str, address: String) -> Endpoint {
        let expires_at = self.0.clock.now().plus(run_token::LIFETIME);
        let token = run_token::sign(&self.0.key, run, expires_at);
        Endpoint {
            address,
            token: token.expose_secret().to_owned(),
            expires_at: Some(timestamp(expires_at)),
        }
    }
}

/// The run that a caller names, if it may see it.
pub(super) async fn find(hub: &Hub, caller: &Principal, text: &str) -> Result<RunRecord, Status> {
    let uuid = parse_uuid(text).ok_or_else(|| {
        errors::invalid(format!(
            "`{text}` is not the uuid of a run: it has 32 hex digits"
        ))
    })?;
    if caller.run.as_ref().is_some_and(|own| *own != uuid) {
        return Err(unknown(&uuid));
    }
    let found = hub.storage.run(&uuid).await.map_err(errors::storage)?;
    found.ok_or_else(|| unknown(&uuid))
}

fn unknown(uuid: &str) -> Status {
    errors::not_found(format!(
        "there is no run `{uuid}`: `polyaxon ops ls` prints those that exist"
    ))
}

fn refused(error: PrepareError) -> Status {
    match error {
        PrepareError::Invalid(report) => errors::document(&report),
        PrepareError::Collect(error) => errors::collect(error),
        PrepareError::NoAgent(message) => {
            errors::status(Code::FailedPrecondition, "NO_AGENT", message)
        }
        PrepareError::Storage(error) => errors::storage(error),
    }
}

/// Sends events from `next` on until the run has ended and all were sent.
async fn watch(
    hub: &Hub,
    caller: &Principal,
    uuid: &str,
    mut next: u64,
    sender: &mpsc::Sender<Result<Event, Status>>,
) -> Result<(), Status> {
    let mut changes = hub.events.subscribe(uuid);
    let mut revocations = hub.tokens.revocations();
    loop {
        changes.mark_unchanged();
        revocations.mark_unchanged();
        still_admitted(hub, caller).await?;
        let events = hub.storage.run_events(uuid, next, EVENTS).await;
        for event in events.map_err(errors::storage)? {
            next = event.seq + 1;
            if sender.send(Ok(run_convert::event(event))).await.is_err() {
                return Ok(());
            }
        }
        let run = hub.storage.run(uuid).await.map_err(errors::storage)?;
        let Some(run) = run else { return Ok(()) };
        if run.event_seq >= next {
            continue;
        }
        if run.state.base.is_final() {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = changes.changed() => {}
            () = revocations.changed() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = sender.closed() => return Ok(()),
            () = hub.draining.cancelled() => return Err(errors::draining()),
        }
    }
}
