//! How many runs a hub accepts per second, and how long a run waits for an agent that is idle.
//!
//! Everything goes over a real listener and a database on disk. `POLYAXON_BENCH_DIR` names the folder of the database.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use polyaxon_hub::server::Server;
use polyaxon_hub::settings::Settings;
use polyaxon_proto::agent::v1::agent_client::AgentClient;
use polyaxon_proto::agent::v1::{
    LeaseRequest, OpenSessionRequest, ReportRequest, Session, StatusReport, SyncRequest,
};
use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::{CreateTokenRequest, Scope};
use polyaxon_proto::runs::v1::CreateRequest;
use polyaxon_proto::runs::v1::runs_client::RunsClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// What the seed of the quick start looks like once a client has sent it.
const OPERATION: &str = r#"{"version":1,"kind":"operation","name":"build","hubRef":"kaniko",
 "params":{"destination":{"value":"team/app:1","connection":"docker-connection"}},
 "runPatch":{"init":[{"dockerfile":{"image":"busybox","run":["true"]}}]}}"#;

const CATALOG: &str = r#"{"namespace":"polyaxon","artifactsStore":{"name":"store","kind":"volume_claim","schema":{"volumeClaim":"artifacts","mountPath":"/artifacts"}},"connections":[{"name":"docker-connection","kind":"registry","schema":{"url":"127.0.0.1:5000"}}]}"#;

/// Runs that are created for each figure.
const RUNS: u32 = 4000;
/// Runs whose wait is measured.
const WAITS: usize = 400;

#[derive(Clone)]
struct Token(MetadataValue<Ascii>);

impl tonic::service::Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Authorised = InterceptedService<Channel, Token>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let base =
        std::env::var_os("POLYAXON_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(base)?;
    let settings = <Settings as clap::Parser>::try_parse_from([
        "polyaxon-hub".as_ref(),
        "--listen=127.0.0.1:0".as_ref(),
        "--data-dir".as_ref(),
        folder.path().as_os_str(),
    ])?;
    let server = Server::start(&settings).await?;
    let url = format!("http://{}", server.address());
    let admin = std::fs::read_to_string(folder.path().join("admin.token"))?;
    let admin = token(admin.trim())?;
    let mut access = AccessClient::with_interceptor(connect(&url).await?, admin.clone());
    let request = CreateTokenRequest {
        name: "bench".into(),
        scope: Scope::Agent.into(),
        expires_in_seconds: 0,
    };
    let secret = access.create_token(request).await?.into_inner().secret;
    let mut agent = AgentClient::with_interceptor(connect(&url).await?, token(&secret)?);
    let session = open(&mut agent).await?;

    let mut table = Vec::new();
    for clients in [1, 8, 64_u32] {
        let seconds = create(&url, &admin, clients).await?.as_secs_f64();
        let rate = f64::from(RUNS) / seconds;
        let plural = if clients == 1 { "" } else { "s" };
        writeln!(table, "hub: Create, {clients} client{plural}: {rate:.0} /s")?;
        drain(&mut agent, &session).await?;
    }
    let mut waits = wait(&url, &admin, &mut agent, &session).await?;
    waits.sort();
    let at = |share: usize| {
        waits
            .get(waits.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    for (name, share) in [("p50", 50), ("p99", 99)] {
        let milliseconds = at(share).as_secs_f64() * 1000.0;
        writeln!(table, "hub: queued to leased, {name}: {milliseconds:.2} ms")?;
    }
    std::io::stdout().write_all(&table)?;
    server.shutdown().await
}

fn token(secret: &str) -> anyhow::Result<Token> {
    Ok(Token(format!("Bearer {secret}").parse()?))
}

async fn connect(url: &str) -> anyhow::Result<Channel> {
    Ok(Endpoint::from_shared(url.to_owned())?
        .tcp_nodelay(true)
        .connect()
        .await?)
}

async fn open(agent: &mut AgentClient<Authorised>) -> anyhow::Result<Session> {
    let request = OpenSessionRequest {
        catalog: CATALOG.into(),
        ..OpenSessionRequest::default()
    };
    let opened = agent.open_session(request).await?.into_inner();
    let session = opened.session.unwrap_or_default();
    let request = SyncRequest {
        session: Some(session.clone()),
        items: Vec::new(),
        last_page: true,
    };
    agent.sync(request).await?;
    Ok(session)
}

async fn create(url: &str, token: &Token, clients: u32) -> anyhow::Result<Duration> {
    let channel = connect(url).await?;
    let started = Instant::now();
    let tasks: Vec<_> = (0..clients)
        .map(|_| {
            let mut runs = RunsClient::with_interceptor(channel.clone(), token.clone());
            tokio::spawn(async move {
                for _ in 0..RUNS / clients {
                    runs.create(request()).await?;
                }
                Ok::<_, Status>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(started.elapsed())
}

fn request() -> CreateRequest {
    CreateRequest {
        operation: OPERATION.into(),
        ..CreateRequest::default()
    }
}

/// Takes what waits and ends it.
async fn drain(agent: &mut AgentClient<Authorised>, session: &Session) -> anyhow::Result<()> {
    loop {
        let items = lease(agent, session, 100, 0).await?;
        if items.is_empty() {
            return Ok(());
        }
        let reports = items
            .into_iter()
            .map(|item| StatusReport {
                run: item.run,
                attempt: item.attempt,
                fence: item.fence,
                seq: 1,
                status: polyaxon_proto::runs::v1::Status::Succeeded.into(),
                ..StatusReport::default()
            })
            .collect();
        let request = ReportRequest {
            session: Some(session.clone()),
            reports,
        };
        agent.report(request).await?;
    }
}

async fn lease(
    agent: &mut AgentClient<Authorised>,
    session: &Session,
    most: u32,
    wait_ms: u32,
) -> anyhow::Result<Vec<polyaxon_proto::agent::v1::LeaseItem>> {
    let request = LeaseRequest {
        session: Some(session.clone()),
        max_items: most,
        wait_ms,
        ..LeaseRequest::default()
    };
    Ok(agent.lease(request).await?.into_inner().items)
}

/// Times from the answer of `Create` to the answer of a poll that waited for it.
async fn wait(
    url: &str,
    token: &Token,
    agent: &mut AgentClient<Authorised>,
    session: &Session,
) -> anyhow::Result<Vec<Duration>> {
    let mut runs = RunsClient::with_interceptor(connect(url).await?, token.clone());
    let mut waits = Vec::with_capacity(WAITS);
    for _ in 0..WAITS {
        let polling = {
            let (mut agent, session) = (agent.clone(), session.clone());
            tokio::spawn(async move {
                let items = lease(&mut agent, &session, 1, 10_000).await?;
                anyhow::ensure!(items.len() == 1, "the poll came back without the run");
                Ok(Instant::now())
            })
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
        runs.create(request()).await?;
        let queued = Instant::now();
        let leased = polling.await??;
        waits.push(leased.saturating_duration_since(queued));
    }
    Ok(waits)
}
