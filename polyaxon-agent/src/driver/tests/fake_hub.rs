//! A hub that speaks the agent's protocol, remembers what it hears and says what tests tell it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use polyaxon_proto::agent::v1::agent_server::{Agent, AgentServer};
use polyaxon_proto::agent::v1::{
    AckLaunchRequest, AckLaunchResponse, CloseSessionRequest, CloseSessionResponse, Directive,
    Hint, HintsRequest, LeaseItem, LeaseRequest, LeaseResponse, OpenSessionRequest,
    OpenSessionResponse, PublishCatalogRequest, PublishCatalogResponse, PushLogsRequest,
    PushLogsResponse, RenewRequest, RenewResponse, ReportRequest, ReportResponse, ReportResult,
    Session, StatusReport, SyncRequest, SyncResponse, report_result,
};
use polyaxon_proto::runs::v1::Status as RunStatus;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// What the hub has heard.
#[derive(Clone, Default)]
pub(super) struct Heard {
    pub(super) sessions: u64,
    /// Requests that would have fenced nobody.
    pub(super) polite: u64,
    pub(super) launches: Vec<AckLaunchRequest>,
    /// Those that it took.
    pub(super) reports: Vec<StatusReport>,
    pub(super) inventory: Vec<String>,
    /// Of each, whether the agent has its work.
    pub(super) known: Vec<bool>,
    pub(super) log: Vec<u8>,
    pub(super) log_ended_before_final: bool,
    log_ended: bool,
}

impl Heard {
    pub(super) fn statuses(&self) -> Vec<RunStatus> {
        self.reports.iter().map(StatusReport::status).collect()
    }
}

#[derive(Default)]
struct State {
    heard: Heard,
    items: Vec<LeaseItem>,
    directives: Vec<Directive>,
    on_sync: Vec<Directive>,
    outcome: Option<report_result::Outcome>,
    denied: bool,
    taken: bool,
    /// Logs that an earlier process has shipped to their end.
    has_logs: bool,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) struct FakeHub {
    pub(super) url: String,
    state: Shared,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeHub {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let state = Shared::default();
        let service = AgentServer::new(state.clone());
        let server = tokio::spawn(async move {
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener))
                .await
                .expect("served");
        });
        Self { url, state, server }
    }

    pub(super) fn seen(&self) -> Heard {
        self.state.with(|state| state.heard.clone())
    }

    pub(super) fn lease(&self, item: LeaseItem) {
        self.state.with(|state| state.items.push(item));
    }

    /// Items that nobody has leased.
    pub(super) fn waiting(&self) -> usize {
        self.state.with(|state| state.items.len())
    }

    /// Repeated in every answer until a final status is there.
    pub(super) fn direct(&self, directives: Vec<Directive>) {
        self.state.with(|state| state.directives = directives);
    }

    pub(super) fn on_sync(&self, directives: Vec<Directive>) {
        self.state.with(|state| state.on_sync = directives);
    }

    pub(super) fn answer_reports(&self, outcome: Option<report_result::Outcome>) {
        self.state.with(|state| state.outcome = outcome);
    }

    /// An earlier process has shipped all there is.
    pub(super) fn has_logs(&self) {
        self.state.with(|state| {
            state.has_logs = true;
            state.heard.log = b"one\ntwo".to_vec();
        });
    }

    pub(super) fn deny(&self) {
        self.state.with(|state| state.denied = true);
    }

    /// Another process of this agent has come, or has gone.
    pub(super) fn take(&self, taken: bool) {
        self.state.with(|state| state.taken = taken);
    }

    pub(super) async fn until(&self, condition: impl Fn(&Heard) -> bool) {
        for _ in 0..1000 {
            if condition(&self.seen()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let heard = self.seen();
        panic!(
            "it did not come to that: statuses {:?}, {} launches, {} sessions",
            heard.statuses(),
            heard.launches.len(),
            heard.sessions
        );
    }
}

#[tonic::async_trait]
impl Agent for Shared {
    async fn open_session(
        &self,
        request: Request<OpenSessionRequest>,
    ) -> Result<Response<OpenSessionResponse>, Status> {
        let polite = request.into_inner().only_if_vacant;
        self.with(|state| {
            state.heard.polite += u64::from(polite);
            if state.taken && polite {
                let mut taken = Status::failed_precondition("another process speaks");
                let reason = "SESSION_TAKEN".parse().expect("ASCII");
                taken.metadata_mut().insert("polyaxon-reason", reason);
                return Err(taken);
            }
            if state.denied {
                return Err(Status::unauthenticated("no such token"));
            }
            state.heard.sessions += 1;
            Ok(Response::new(OpenSessionResponse {
                session: Some(Session {
                    id: state.heard.sessions.to_string(),
                    epoch: state.heard.sessions,
                }),
                renew_every_ms: 500,
                ttl_ms: 20_000,
                ..OpenSessionResponse::default()
            }))
        })
    }

    async fn renew(
        &self,
        _request: Request<RenewRequest>,
    ) -> Result<Response<RenewResponse>, Status> {
        self.with(|state| {
            if state.taken {
                return Err(Status::aborted("a newer one was opened"));
            }
            let directives = state.directives.clone();
            Ok(Response::new(RenewResponse { directives }))
        })
    }

    async fn sync(&self, request: Request<SyncRequest>) -> Result<Response<SyncResponse>, Status> {
        let items = request.into_inner().items;
        let directives = self.with(|state| {
            state.heard.known = items.iter().map(|item| item.known).collect();
            state.heard.inventory = items.into_iter().map(|item| item.run).collect();
            std::mem::take(&mut state.on_sync)
        });
        Ok(Response::new(SyncResponse { directives }))
    }

    async fn lease(
        &self,
        request: Request<LeaseRequest>,
    ) -> Result<Response<LeaseResponse>, Status> {
        let request = request.into_inner();
        let until = tokio::time::Instant::now() + Duration::from_millis(request.wait_ms.into());
        loop {
            let items = self.with(|state| std::mem::take(&mut state.items));
            if !items.is_empty() || tokio::time::Instant::now() > until {
                return Ok(Response::new(LeaseResponse {
                    items,
                    ..LeaseResponse::default()
                }));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn ack_launch(
        &self,
        request: Request<AckLaunchRequest>,
    ) -> Result<Response<AckLaunchResponse>, Status> {
        self.with(|state| state.heard.launches.push(request.into_inner()));
        Ok(Response::new(AckLaunchResponse::default()))
    }

    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportResponse>, Status> {
        let reports = request.into_inner().reports;
        let results = self.with(|state| {
            let outcome = state.outcome;
            reports
                .into_iter()
                .map(|report| {
                    let mut result = ReportResult {
                        run: report.run.clone(),
                        attempt: report.attempt,
                        seq: report.seq,
                        ..ReportResult::default()
                    };
                    result.set_outcome(outcome.unwrap_or(report_result::Outcome::Ok));
                    if outcome.is_none() {
                        let is_final = matches!(
                            report.status(),
                            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Stopped
                        );
                        if is_final {
                            state.directives.clear();
                            state.heard.log_ended_before_final = state.heard.log_ended;
                        }
                        state.heard.reports.push(report);
                    }
                    result
                })
                .collect()
        });
        Ok(Response::new(ReportResponse {
            results,
            directives: Vec::new(),
        }))
    }

    type PushLogsStream = ReceiverStream<Result<PushLogsResponse, Status>>;

    async fn push_logs(
        &self,
        request: Request<Streaming<PushLogsRequest>>,
    ) -> Result<Response<Self::PushLogsStream>, Status> {
        let (sender, receiver) = mpsc::channel(16);
        let mut messages = request.into_inner();
        let shared = self.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                let (acked_offset, has_all) =
                    shared.with(|state| (take_log(&mut state.heard, &message), state.has_logs));
                let answer = PushLogsResponse {
                    run: message.run,
                    attempt: message.attempt,
                    container: message.container,
                    acked_offset,
                    ended: message.eof || has_all,
                    ..PushLogsResponse::default()
                };
                if sender.send(Ok(answer)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    type HintsStream = ReceiverStream<Result<Hint, Status>>;

    async fn hints(
        &self,
        _request: Request<HintsRequest>,
    ) -> Result<Response<Self::HintsStream>, Status> {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move { sender.closed().await });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn publish_catalog(
        &self,
        _request: Request<PublishCatalogRequest>,
    ) -> Result<Response<PublishCatalogResponse>, Status> {
        Ok(Response::new(PublishCatalogResponse {}))
    }

    async fn close_session(
        &self,
        _request: Request<CloseSessionRequest>,
    ) -> Result<Response<CloseSessionResponse>, Status> {
        Ok(Response::new(CloseSessionResponse {}))
    }
}

/// Takes what is new; says up to where everything is there.
fn take_log(heard: &mut Heard, message: &PushLogsRequest) -> u64 {
    let mut offset = usize::try_from(message.offset).expect("small");
    assert!(offset <= heard.log.len(), "a gap");
    for record in &message.records {
        let mut raw = record.data.to_vec();
        if !record.partial {
            raw.push(b'\n');
        }
        for byte in raw {
            if offset >= heard.log.len() {
                heard.log.push(byte);
            }
            offset += 1;
        }
    }
    heard.log_ended |= message.eof;
    heard.log.len() as u64
}
