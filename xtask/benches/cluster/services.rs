//! A hub on SQLite and an agent, as the programs that are released.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::{CreateTokenRequest, Scope};
use polyaxon_proto::runs::v1::runs_client::RunsClient;
use polyaxon_proto::runs::v1::{CreateRequest, GetRequest, ListRequest, Run, Status};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// Longest time until a program says that it is there.
const START: Duration = Duration::from_mins(3);

/// Runs of one page of a list.
const PAGE: i32 = 500;

/// Both programs; they are killed when dropped.
pub(crate) struct Services {
    folder: TempDir,
    programs: PathBuf,
    url: String,
    admin: String,
    channel: Channel,
    _hub: Child,
    agent: Option<Child>,
}

impl Services {
    /// Starts both, with room for so many runs in the namespace.
    pub(crate) async fn start(namespace: &str, runs: usize) -> Result<Self> {
        let base =
            std::env::var_os("POLYAXON_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = tempfile::tempdir_in(base)?;
        let programs = PathBuf::from(variable("POLYAXON_BENCH_PROGRAMS")?);
        let registry = variable("POLYAXON_E2E_CLUSTER_REGISTRY")?;
        let settings = format!(
            "namespace: {namespace}
maxRuns: {max_runs}
artifactsStore: {{name: store, kind: host_path, schema: {{hostPath: {store}, mountPath: /artifacts}}}}
connections:
- {{name: docker-connection, kind: registry, schema: {{url: '{registry}'}}}}
executorImage: {executor_image}
registryMirrors: ['{registry}']
insecureRegistries: ['{registry}']
executor:
  kubernetes:
    name: bench
    podImage: {pod_image}
    userNamespaces: never
",
            max_runs = runs + 2000,
            store = folder.path().join("store").display(),
            executor_image = variable("POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE")?,
            pod_image = variable("POLYAXON_E2E_CLUSTER_POD_IMAGE")?,
        );
        std::fs::write(folder.path().join("agent.yaml"), settings)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let url = format!("http://{address}");
        let hub = program(
            &folder,
            &programs,
            "polyaxon-hub",
            &["--listen", &address, "--data-dir", "hub", "--print-address"],
            "http",
        )
        .await?;
        let admin = std::fs::read_to_string(folder.path().join("hub").join("admin.token"))?;
        let channel = Endpoint::from_shared(url.clone())?
            .tcp_nodelay(true)
            .connect()
            .await?;
        let mut services = Self {
            folder,
            programs,
            url,
            admin: admin.trim().to_owned(),
            channel,
            _hub: hub,
            agent: None,
        };
        let token = CreateTokenRequest {
            name: "bench".to_owned(),
            scope: Scope::Agent.into(),
            expires_in_seconds: 0,
        };
        let token = AccessClient::new(services.channel.clone())
            .create_token(services.authorised(token)?)
            .await?
            .into_inner();
        std::fs::write(services.folder.path().join("agent.token"), token.secret)?;
        services.start_agent().await?;
        Ok(services)
    }

    /// Starts the agent; answers how long it took until it had synced.
    pub(crate) async fn start_agent(&mut self) -> Result<Duration> {
        let began = Instant::now();
        let arguments = [
            "--config",
            "agent.yaml",
            "--hub",
            &self.url,
            "--token-file",
            "agent.token",
            "--data-dir",
            "agent",
        ];
        let agent = program(
            &self.folder,
            &self.programs,
            "polyaxon-agent",
            &arguments,
            "agent ready",
        )
        .await?;
        self.agent = Some(agent);
        Ok(began.elapsed())
    }

    /// SIGKILL for the agent.
    pub(crate) async fn kill_agent(&mut self) -> Result<()> {
        let mut agent = self.agent.take().context("the agent does not run")?;
        Ok(agent.kill().await?)
    }

    /// Memory of the agent in MiB: now, and at its peak since the last question.
    pub(crate) fn memory(&self) -> Result<(f64, f64)> {
        let process = self
            .agent
            .as_ref()
            .and_then(Child::id)
            .context("the agent does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let field = |name: &str| -> Result<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let words = line.context("no such field")?.split_whitespace();
            let kibibytes: f64 = words.take(1).collect::<String>().parse()?;
            Ok(kibibytes / 1024.0)
        };
        let memory = (field("VmRSS:")?, field("VmHWM:")?);
        std::fs::write(format!("/proc/{process}/clear_refs"), "5")?;
        Ok(memory)
    }

    /// Processor time of the agent so far.
    pub(crate) fn processor_time(&self) -> Result<Duration> {
        let process = self
            .agent
            .as_ref()
            .and_then(Child::id)
            .context("the agent does not run")?;
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
        let (_, fields) = stat.rsplit_once(')').context("no such form")?;
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let mut next = || ticks.next().context("no such field");
        // A tick is 10 ms on every Linux.
        Ok(Duration::from_millis((next()?? + next()??) * 10))
    }

    fn authorised<T>(&self, message: T) -> Result<Request<T>> {
        let mut request = Request::new(message);
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {}", self.admin).parse()?);
        Ok(request)
    }

    fn runs(&self) -> RunsClient<Channel> {
        RunsClient::new(self.channel.clone())
    }

    /// Creates a run; answers its uuid.
    pub(crate) async fn create(&self, operation: &str) -> Result<String> {
        let request = CreateRequest {
            operation: operation.to_owned().into_bytes().into(),
            ..CreateRequest::default()
        };
        let answer = self.runs().create(self.authorised(request)?).await?;
        Ok(answer.into_inner().run.unwrap_or_default().uuid)
    }

    /// The run as it is now.
    pub(crate) async fn get(&self, uuid: &str) -> Result<Run> {
        let uuid = uuid.to_owned();
        let answer = self
            .runs()
            .get(self.authorised(GetRequest { uuid })?)
            .await?;
        Ok(answer.into_inner())
    }

    /// How many runs have a status.
    pub(crate) async fn count(&self, status: Status) -> Result<usize> {
        let mut request = ListRequest {
            page_size: PAGE,
            statuses: vec![status.into()],
            ..ListRequest::default()
        };
        let mut count = 0;
        loop {
            let answer = self
                .runs()
                .list(self.authorised(request.clone())?)
                .await?
                .into_inner();
            count += answer.runs.len();
            if answer.next_page_token.is_empty() {
                return Ok(count);
            }
            request.page_token = answer.next_page_token;
        }
    }

    /// Waits until so many runs have a status.
    pub(crate) async fn until(&self, status: Status, runs: usize, limit: Duration) -> Result<()> {
        let began = Instant::now();
        loop {
            let count = self.count(status).await?;
            if count >= runs {
                return Ok(());
            }
            let name = status.as_str_name();
            ensure!(
                began.elapsed() < limit,
                "only {count} of {runs} runs are {name}"
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// The ends of both logs.
    pub(crate) fn last_words(&self) -> String {
        let mut text = String::from("the last lines of hub and agent are\n");
        for name in ["polyaxon-hub", "polyaxon-agent"] {
            let log = self.folder.path().join(format!("{name}.log"));
            let log = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.len().saturating_sub(10);
            let lines = lines.get(last..).unwrap_or_default().join("\n");
            let _always_written = writeln!(text, "{lines}");
        }
        text
    }
}

/// Starts a program in the folder and waits for a line with `mark`.
async fn program(
    folder: &TempDir,
    programs: &std::path::Path,
    name: &str,
    arguments: &[&str],
    mark: &str,
) -> Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.path().join(format!("{name}.log")))?;
    let mut child = Command::new(programs.join(name))
        .args(arguments)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `{name}` of `{}`", programs.display()))?;
    let output = child.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    let said = tokio::time::timeout(START, async {
        while let Some(line) = lines.next_line().await? {
            if line.contains(mark) {
                return anyhow::Ok(());
            }
        }
        bail!("`{name}` ended")
    });
    said.await.with_context(|| {
        let log = std::fs::read_to_string(folder.path().join(format!("{name}.log")));
        format!("`{name}` does not come up:\n{}", log.unwrap_or_default())
    })??;
    // What else it says is read, so that it never waits.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(child)
}

/// A variable that the bench needs.
pub(crate) fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| {
        format!("`{name}` is not set: run `cargo run -p xtask -- bench --cluster`")
    })
}
