//! A hub in this process that says what a test tells it to say.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polyaxon_proto::hub::v1::access_server::{Access, AccessServer};
use polyaxon_proto::hub::v1::components_server::{Components, ComponentsServer};
use polyaxon_proto::hub::v1::*;
use polyaxon_proto::runs::v1::runs_server::{Runs, RunsServer};
use polyaxon_proto::runs::v1::{
    CheckRequest, CheckResponse, CreateRequest, CreateResponse, Event, EventsRequest,
    EventsResponse, GetRequest, ListRequest, ListResponse, Run, StopRequest, WatchRequest,
};
use polyaxon_proto::transfer::v1::transfer_server::{Transfer, TransferServer};
use polyaxon_proto::transfer::v1::{LogChunk, ReadLogsRequest};
use tokio_stream::{Stream, StreamExt as _};
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

/// The only token that is accepted.
pub(crate) const TOKEN: &str = "plx_0123456789abcdefghijklmnopqrstuvwxyz";

type Answer<T> = Result<Response<T>, Status>;
type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the hub knows and what it was asked.
#[derive(Default)]
pub(crate) struct State {
    /// Every run; `Get` answers them.
    pub(crate) runs: Vec<Run>,
    /// How many times `Get` still answers that the run is running.
    pub(crate) running_for: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) log: Vec<LogChunk>,
    /// How many streams still break after one message.
    pub(crate) breaks: usize,
    /// Streams stay open after the last message.
    pub(crate) holds: bool,
    pub(crate) components: Vec<Component>,
    pub(crate) versions: Vec<Version>,
    /// The next `Create`, `Check`, `Resolve` or `Register` answers this.
    pub(crate) refusal: Option<Status>,
    pub(crate) warnings: Vec<String>,
    pub(crate) created: Vec<CreateRequest>,
    pub(crate) checked: Vec<CheckRequest>,
    pub(crate) registered: Vec<RegisterRequest>,
    pub(crate) stopped: Vec<StopRequest>,
    pub(crate) listed: Vec<ListRequest>,
    pub(crate) tokens_made: usize,
    /// Names of the projects of every owner.
    pub(crate) projects: Vec<String>,
}

/// The hub; it ends with the value.
pub(crate) struct FakeHub {
    pub(crate) address: String,
    shared: Shared,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self) -> Result<(), Status> {
        self.lock().refusal.take().map_or(Ok(()), Err)
    }

    /// The messages as a stream that breaks or stays open as the state says.
    fn stream<T: Send + 'static>(&self, mut messages: Vec<T>) -> Streamed<T> {
        let mut state = self.lock();
        let breaks = state.breaks > 0 && messages.len() > 1;
        if breaks {
            state.breaks -= 1;
            messages.truncate(1);
        }
        let messages = tokio_stream::iter(messages.into_iter().map(Ok));
        if breaks {
            let end = tokio_stream::iter([Err(Status::unavailable("the hub is shutting down"))]);
            Box::pin(messages.chain(end))
        } else if state.holds {
            Box::pin(messages.chain(tokio_stream::pending()))
        } else {
            Box::pin(messages)
        }
    }
}

impl FakeHub {
    pub(crate) fn start(state: State) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let shared = Shared(Arc::new(Mutex::new(state)));
        let listener = runtime.block_on(tokio::net::TcpListener::bind(SocketAddr::from((
            [127, 0, 0, 1],
            0,
        ))))?;
        let address = format!("http://{}", listener.local_addr()?);
        let check = |request: Request<()>| {
            let expected = format!("Bearer {TOKEN}");
            match request.metadata().get("authorization") {
                Some(token) if token.as_bytes() == expected.as_bytes() => Ok(request),
                Some(_) => Err(refusal("TOKEN_UNKNOWN")),
                None => Err(refusal("TOKEN_MISSING")),
            }
        };
        let router = tonic::transport::Server::builder()
            .add_service(AccessServer::with_interceptor(shared.clone(), check))
            .add_service(ComponentsServer::with_interceptor(shared.clone(), check))
            .add_service(RunsServer::with_interceptor(shared.clone(), check))
            .add_service(TransferServer::with_interceptor(shared.clone(), check));
        runtime.spawn(
            router.serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener)),
        );
        Ok(Self {
            address,
            shared,
            _runtime: runtime,
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

/// A refusal in the words of the real hub, whose tests are held to the same file.
pub(crate) fn refusal(reason: &'static str) -> Status {
    let text = include_str!("../../../proto/testdata/refusals.json");
    let refusals: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let message = refusals[reason]["message"].as_str().unwrap_or_default();
    let code = refusals[reason]["code"].as_i64().unwrap_or_default();
    let mut status = Status::new(
        i32::try_from(code).unwrap_or_default().into(),
        message.replace("HUB_VERSION", env!("CARGO_PKG_VERSION")),
    );
    status
        .metadata_mut()
        .insert("polyaxon-reason", MetadataValue::from_static(reason));
    status
}

fn unknown(what: &str) -> Status {
    Status::not_found(format!("there is no {what}"))
}

#[tonic::async_trait]
impl Runs for Shared {
    async fn create(&self, request: Request<CreateRequest>) -> Answer<CreateResponse> {
        self.refuse()?;
        let mut state = self.lock();
        state.created.push(request.into_inner());
        let mut run = state.runs.first().cloned().ok_or_else(|| unknown("run"))?;
        run.set_status(polyaxon_proto::runs::v1::Status::Queued);
        Ok(Response::new(CreateResponse {
            run: Some(run),
            warnings: state.warnings.clone(),
            ..CreateResponse::default()
        }))
    }

    async fn check(&self, request: Request<CheckRequest>) -> Answer<CheckResponse> {
        self.refuse()?;
        let mut state = self.lock();
        state.checked.push(request.into_inner());
        Ok(Response::new(CheckResponse {
            warnings: state.warnings.clone(),
            ..CheckResponse::default()
        }))
    }

    async fn get(&self, request: Request<GetRequest>) -> Answer<Run> {
        let uuid = request.into_inner().uuid;
        let mut state = self.lock();
        let run = state.runs.iter().find(|run| run.uuid == uuid);
        let mut run = run
            .cloned()
            .ok_or_else(|| unknown(&format!("run `{uuid}`")))?;
        if state.running_for > 0 {
            state.running_for -= 1;
            run.set_status(polyaxon_proto::runs::v1::Status::Running);
        }
        Ok(Response::new(run))
    }

    async fn list(&self, request: Request<ListRequest>) -> Answer<ListResponse> {
        let mut state = self.lock();
        let request = request.into_inner();
        let from: usize = request.page_token.parse().unwrap_or_default();
        let size = usize::try_from(request.page_size).unwrap_or_default();
        state.listed.push(request);
        let rest = state.runs.len().saturating_sub(from);
        Ok(Response::new(ListResponse {
            runs: state.runs.iter().skip(from).take(size).cloned().collect(),
            next_page_token: if rest > size {
                (from + size).to_string()
            } else {
                String::new()
            },
        }))
    }

    type WatchStream = Streamed<Event>;

    async fn watch(&self, request: Request<WatchRequest>) -> Answer<Self::WatchStream> {
        let from = request.into_inner().from_seq;
        let events = self.lock().events.clone();
        let events = events.into_iter().filter(|event| event.seq >= from);
        Ok(Response::new(self.stream(events.collect())))
    }

    async fn stop(&self, request: Request<StopRequest>) -> Answer<Run> {
        let mut state = self.lock();
        state.stopped.push(request.into_inner());
        state
            .runs
            .first()
            .cloned()
            .map(Response::new)
            .ok_or_else(|| unknown("run"))
    }

    async fn events(&self, _: Request<EventsRequest>) -> Answer<EventsResponse> {
        let events = self.lock().events.clone();
        Ok(Response::new(EventsResponse { events }))
    }
}

#[tonic::async_trait]
impl Transfer for Shared {
    type ReadLogsStream = Streamed<LogChunk>;

    async fn read_logs(&self, request: Request<ReadLogsRequest>) -> Answer<Self::ReadLogsStream> {
        let request = request.into_inner();
        let log = self.lock().log.clone();
        let chunks = log.into_iter().filter(|chunk| {
            chunk.offset >= request.from_offset
                && (request.attempt == 0 || chunk.attempt == request.attempt)
        });
        Ok(Response::new(self.stream(chunks.collect())))
    }
}

#[tonic::async_trait]
impl Components for Shared {
    async fn resolve(&self, request: Request<ResolveRequest>) -> Answer<ResolveResponse> {
        self.refuse()?;
        let reference = request.into_inner().reference;
        let state = self.lock();
        let version = state
            .versions
            .iter()
            .find(|v| format!("{}/{}:{}", v.owner, v.name, v.version) == reference)
            .cloned()
            .ok_or_else(|| unknown(&format!("version `{reference}`; did you mean `latest`?")))?;
        Ok(Response::new(ResolveResponse {
            version: Some(version),
            warnings: state.warnings.clone(),
        }))
    }

    async fn get_version(&self, _: Request<GetVersionRequest>) -> Answer<Version> {
        Err(Status::unimplemented("not needed here"))
    }

    async fn list_versions(
        &self,
        request: Request<ListVersionsRequest>,
    ) -> Answer<ListVersionsResponse> {
        let request = request.into_inner();
        let versions = self.lock().versions.clone();
        let versions = versions
            .into_iter()
            .filter(|v| v.owner == request.owner && v.name == request.name);
        Ok(Response::new(ListVersionsResponse {
            versions: versions.collect(),
            ..ListVersionsResponse::default()
        }))
    }

    async fn list_components(
        &self,
        request: Request<ListComponentsRequest>,
    ) -> Answer<ListComponentsResponse> {
        let request = request.into_inner();
        let owner = if request.owner.is_empty() {
            "default"
        } else {
            &request.owner
        };
        let components = self.lock().components.clone();
        let components = components.into_iter().filter(|c| c.owner == owner);
        Ok(Response::new(ListComponentsResponse {
            components: components.collect(),
            ..ListComponentsResponse::default()
        }))
    }

    async fn register(&self, request: Request<RegisterRequest>) -> Answer<RegisterResponse> {
        self.refuse()?;
        let request = request.into_inner();
        let version = Version {
            owner: request.owner.clone(),
            name: request.name.clone(),
            version: request.version.clone(),
            digest: format!("sha256:{}", "ab".repeat(32)),
            ..Version::default()
        };
        self.lock().registered.push(request);
        Ok(Response::new(RegisterResponse {
            version: Some(version),
            created: true,
        }))
    }
}

#[tonic::async_trait]
impl Access for Shared {
    async fn create_token(&self, _: Request<CreateTokenRequest>) -> Answer<CreateTokenResponse> {
        self.lock().tokens_made += 1;
        Ok(Response::new(CreateTokenResponse {
            secret: TOKEN.to_owned(),
            ..CreateTokenResponse::default()
        }))
    }

    async fn list_tokens(&self, _: Request<ListTokensRequest>) -> Answer<ListTokensResponse> {
        Ok(Response::new(ListTokensResponse::default()))
    }

    async fn revoke_token(&self, _: Request<RevokeTokenRequest>) -> Answer<RevokeTokenResponse> {
        Err(unknown("token"))
    }

    async fn who_am_i(&self, _: Request<WhoAmIRequest>) -> Answer<WhoAmIResponse> {
        Ok(Response::new(WhoAmIResponse {
            name: "ana".to_owned(),
            scope: Scope::User.into(),
            owner: "default".to_owned(),
            default_project: "default".to_owned(),
            hub_version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }

    async fn create_project(&self, _: Request<CreateProjectRequest>) -> Answer<Project> {
        Err(Status::already_exists("the project exists"))
    }

    async fn list_projects(
        &self,
        request: Request<ListProjectsRequest>,
    ) -> Answer<ListProjectsResponse> {
        let owner = request.into_inner().owner;
        let state = self.lock();
        let projects = state.projects.iter().map(|name| Project {
            owner: owner.clone(),
            name: name.clone(),
            ..Project::default()
        });
        Ok(Response::new(ListProjectsResponse {
            projects: projects.collect(),
            next_page_token: String::new(),
        }))
    }
}
