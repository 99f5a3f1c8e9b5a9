//! How long it takes from a submission until the agent asks its executor for the containers.
//!
//! Hub and agent are the real ones, with a real listener between them and a database on disk; only the executor has no
//! containers. `POLYAXON_BENCH_DIR` names the folder of the database.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use polyaxon_agent::agent::Agent;
use polyaxon_agent::attempt::AttemptKey;
use polyaxon_agent::config;
use polyaxon_agent::confirmation::Confirmer;
use polyaxon_agent::executor::{
    Created, Ending, Executor, ExecutorError, Found, LogPiece, Observation, Seen, Sights,
};
use polyaxon_agent::health::Vitals;
use polyaxon_agent::hub::{HubClient, Identity};
use polyaxon_agent::planning::{AttemptPlan, KeptPlan, SpecPlanner};
use polyaxon_hub::server::Server;
use polyaxon_hub::settings::Settings;
use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::{CreateTokenRequest, Scope};
use polyaxon_proto::runs::v1::CreateRequest;
use polyaxon_proto::runs::v1::runs_client::RunsClient;
use polyaxon_registry::Registry;
use secrecy::SecretString;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// What the seed of the quick start looks like once a client has sent it.
const OPERATION: &str = r#"{"version":1,"kind":"operation","name":"build","hubRef":"kaniko",
 "params":{"destination":{"value":"team/app:1","connection":"docker-connection"}},
 "runPatch":{"init":[{"dockerfile":{"image":"busybox","run":["true"]}}]}}"#;

const AGENT: &str = "\
namespace: polyaxon
maxRuns: 200
artifactsStore: {name: store, kind: volume_claim, schema: {volumeClaim: artifacts, mountPath: /artifacts}}
connections:
  - {name: docker-connection, kind: registry, schema: {url: '127.0.0.1:5000'}}
";

/// Builds that are submitted one after the other.
const ALONE: usize = 300;
/// Builds that are submitted at once.
const AT_ONCE: usize = 50;
const ROUNDS: usize = 4;

/// An executor without containers: it notes when it was asked for them, and says that they failed.
#[derive(Default)]
struct Notes {
    asked: Mutex<HashMap<String, Instant>>,
    news: Notify,
}

impl Notes {
    fn asked(&self, run: &str) -> Option<Instant> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(run).copied()
    }

    async fn until_asked(&self, run: &str) -> Instant {
        loop {
            let news = self.news.notified();
            if let Some(at) = self.asked(run) {
                return at;
            }
            // Somebody else may have taken the notice.
            let _next = tokio::time::timeout(Duration::from_millis(5), news).await;
        }
    }
}

#[async_trait]
impl Executor for Notes {
    async fn create(&self, plan: &AttemptPlan) -> Result<Created, ExecutorError> {
        let now = Instant::now();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(plan.key.run.to_string(), now);
        drop(asked);
        self.news.notify_waiters();
        Ok(Created::New {
            uid: "uid".to_owned(),
        })
    }

    async fn run(&self, _plan: Arc<KeptPlan>, seen: Sights) -> Result<(), ExecutorError> {
        let ending = Ending {
            container: "polyaxon-main".to_owned(),
            exit_code: Some(1),
            reason: "Error".to_owned(),
            ..Ending::default()
        };
        seen.tell(Seen::Attempt(Observation::Ended(ending)));
        Ok(())
    }

    async fn stop(&self, _key: &AttemptKey) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn remove(&self, _key: &AttemptKey) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        Ok(Vec::new())
    }

    fn logs(
        &self,
        _key: &AttemptKey,
        _container: &str,
        _follow: bool,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>> {
        stream::empty().boxed()
    }

    async fn read_file(
        &self,
        _key: &AttemptKey,
        _container: &str,
        _path: &str,
    ) -> Result<Option<Vec<u8>>, ExecutorError> {
        Ok(None)
    }
}

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
    let admin = admin.trim().to_owned();
    let channel = Endpoint::from_shared(url.clone())?
        .tcp_nodelay(true)
        .connect()
        .await?;
    let request = CreateTokenRequest {
        name: "bench".into(),
        scope: Scope::Agent.into(),
        expires_in_seconds: 0,
    };
    let secret = AccessClient::new(channel.clone())
        .create_token(authorised(&admin, request)?)
        .await?
        .into_inner()
        .secret;
    let notes = Arc::new(Notes::default());
    let ready = Arc::new(Notify::new());
    let agent = tokio::spawn(agent(
        url,
        SecretString::from(secret),
        Arc::clone(&notes),
        Arc::clone(&ready),
    ));
    ready.notified().await;
    tokio::time::sleep(Duration::from_millis(500)).await;

    let mut alone = Vec::with_capacity(ALONE);
    for _ in 0..ALONE {
        alone.push(submit(channel.clone(), admin.clone(), Arc::clone(&notes)).await?);
        // The outcome of the run before has to be told first, as on an idle hub.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut crowded = Vec::with_capacity(AT_ONCE * ROUNDS);
    for _ in 0..ROUNDS {
        let all: Vec<_> = (0..AT_ONCE)
            .map(|_| tokio::spawn(submit(channel.clone(), admin.clone(), Arc::clone(&notes))))
            .collect();
        for one in all {
            crowded.push(one.await??);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let mut table = Vec::new();
    for (name, times, share) in [
        ("alone, p50", &mut alone, 50),
        ("50 at once, p99", &mut crowded, 99),
    ] {
        let time = at(times, share);
        writeln!(table, "dispatch: submit to create, {name}: {time:.2} ms")?;
    }
    let time = at(&mut alone, 99);
    writeln!(
        table,
        "dispatch: submit to create, alone, p99: {time:.2} ms"
    )?;
    std::io::stdout().write_all(&table)?;
    agent.abort();
    server.shutdown().await
}

/// Milliseconds below which this share of the times is.
fn at(times: &mut [Duration], share: usize) -> f64 {
    times.sort();
    let index = times.len() * share / 100;
    times.get(index).map_or(f64::NAN, Duration::as_secs_f64) * 1000.0
}

fn authorised<T>(secret: &str, message: T) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("authorization", format!("Bearer {secret}").parse()?);
    Ok(request)
}

/// Time from the call of `Create` until the executor is asked for the run's containers.
async fn submit(channel: Channel, admin: String, notes: Arc<Notes>) -> anyhow::Result<Duration> {
    let request = CreateRequest {
        operation: OPERATION.into(),
        ..CreateRequest::default()
    };
    let request = authorised(&admin, request)?;
    let submitted = Instant::now();
    let answer = RunsClient::new(channel).create(request).await?.into_inner();
    let run = answer.run.unwrap_or_default().uuid;
    let asked = notes.until_asked(&run).await;
    Ok(asked.saturating_duration_since(submitted))
}

/// An agent as its program makes one.
async fn agent(
    url: String,
    secret: SecretString,
    notes: Arc<Notes>,
    ready: Arc<Notify>,
) -> anyhow::Result<()> {
    let (settings, catalog) = config::read("agent.yaml", AGENT)?;
    let agent = Agent {
        hub: HubClient::new(&url, &secret)?,
        identity: Identity {
            replica: "bench".to_owned(),
            queues: Vec::new(),
            catalog: catalog.published(&settings)?,
        },
        executor: notes,
        planner: Arc::new(SpecPlanner::new(&settings, catalog, &url)),
        confirmer: Confirmer {
            registry: Registry::new(None, Vec::new())?,
            secrets_dir: None,
            pause: Duration::from_secs(1),
        },
        max_runs: settings.max_runs(),
        require_confirmation: false,
        vitals: Vitals::default(),
    };
    let ended = agent
        .run(CancellationToken::new(), move || ready.notify_one())
        .await;
    anyhow::bail!("the agent ended: {ended}")
}
