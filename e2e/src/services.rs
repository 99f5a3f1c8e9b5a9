//! Hub and agent as processes of their own, to be killed and started again one by one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::command::{Output, eventually, run};
use crate::platform::agent_config;
use crate::testbed::Testbed;

/// Longest time that a command of a test may take.
const COMMAND_LIMIT: Duration = Duration::from_mins(5);

/// Name of the agent, and of its token.
pub const AGENT: &str = "one";

/// The places at which [`Services::start_agent_with_failpoint`] can kill: those of `polyaxon-agent/src/failpoint.rs`.
pub const FAILPOINTS: [&str; 6] = [
    "before-create",
    "after-create",
    "during-init",
    "during-main",
    "before-final-report",
    "after-final-report",
];

/// A hub and an agent on folders of their own; both are killed when dropped.
#[derive(Debug)]
pub struct Services {
    testbed: Testbed,
    folder: tempfile::TempDir,
    port: u16,
    hub: Option<Child>,
    agent: Option<Child>,
    /// Variables of programs, by their names.
    environment: BTreeMap<&'static str, Vec<(String, String)>>,
}

impl Services {
    /// Starts both and waits until the agent is ready.
    ///
    /// # Errors
    /// A part of the testbed is missing, or one of both does not come up.
    pub fn start() -> Result<Self> {
        Self::start_on(Testbed::from_environment()?)
    }

    /// Starts both with other parts around them, for example a proxy before the registry.
    ///
    /// # Errors
    /// One of both does not come up.
    pub fn start_on(testbed: Testbed) -> Result<Self> {
        let mut services = Self::prepare(testbed)?;
        services.start_both()?;
        Ok(services)
    }

    /// Folders and settings; nothing runs yet.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn prepare(testbed: Testbed) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in ["store", "secrets", "hub", "agent"] {
            fs::create_dir_all(folder.path().join(name))?;
        }
        fs::write(
            folder.path().join("agent.yaml"),
            agent_config(&testbed, folder.path()),
        )?;
        // The port stays the same over restarts, as that of a deployed hub does.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self {
            testbed,
            folder,
            port,
            hub: None,
            agent: None,
            environment: BTreeMap::new(),
        })
    }

    /// Starts the hub, makes the agent's token and starts the agent.
    ///
    /// # Errors
    /// One of both does not come up.
    pub fn start_both(&mut self) -> Result<()> {
        self.start_hub()?;
        self.renew_agent_token()?;
        self.start_agent()
    }

    /// Makes a token with the agent's name and gives it to agents that are started from now on.
    ///
    /// # Errors
    /// The name has a token that is good.
    pub fn renew_agent_token(&self) -> Result<()> {
        let token = self.create_token("agent", AGENT)?;
        fs::write(self.path("agent.token"), token)?;
        Ok(())
    }

    /// Makes a token.
    ///
    /// # Errors
    /// The name has a token that is good.
    pub fn create_token(&self, scope: &str, name: &str) -> Result<String> {
        let created = self.json(&["admin", "token", "create", "--scope", scope, "--name", name])?;
        let token = created["secret"].as_str().context("no token")?;
        Ok(token.to_owned())
    }

    /// Variables for `polyaxon-hub` or `polyaxon-agent` when it is started next.
    pub fn set_environment(&mut self, program: &'static str, variables: Vec<(String, String)>) {
        self.environment.insert(program, variables);
    }

    /// A file or folder of the test.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The parts around it.
    #[must_use]
    pub fn testbed(&self) -> &Testbed {
        &self.testbed
    }

    /// Folder for the test's own files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn spawn(&self, program: &str, arguments: &[&str], failpoint: Option<&str>) -> Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.path(&format!("{program}.log")))?;
        let mut command = Command::new(self.testbed.binaries.join(program));
        if let Some(failpoint) = failpoint {
            command.env("POLYAXON_FAILPOINT", failpoint);
        }
        if let Some(variables) = self.environment.get(program) {
            command.envs(variables.iter().map(|(name, value)| (name, value)));
        }
        command
            .current_dir(self.folder())
            .args(arguments)
            .env("POLYAXON_POD_IMAGE_TAR", &self.testbed.pod_image)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {program}"))
    }

    /// Starts the hub on its folder and waits for its address.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_hub(&mut self) -> Result<()> {
        let listen = format!("127.0.0.1:{}", self.port);
        let arguments = ["--listen", &listen, "--data-dir", "hub", "--print-address"];
        let mut hub = self.spawn("polyaxon-hub", &arguments, None)?;
        let line = wait_for_line(&mut hub, "http");
        self.hub = Some(hub);
        line
    }

    /// Starts the agent on its folder and waits until it is ready.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_agent(&mut self) -> Result<()> {
        self.agent = Some(self.agent_on("agent", None)?);
        Ok(())
    }

    /// Starts the agent so that it kills itself at a failpoint (`polyaxon-agent/src/failpoint.rs`).
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_agent_with_failpoint(&mut self, failpoint: &str) -> Result<()> {
        self.agent = Some(self.agent_on("agent", Some(failpoint))?);
        Ok(())
    }

    /// Waits until the agent has ended by itself; one that goes on is killed.
    ///
    /// # Errors
    /// It went on.
    pub fn wait_for_agents_end(&mut self, limit: Duration) -> Result<()> {
        let mut agent = self.agent.take().context("it does not run")?;
        let ended = eventually(limit, || agent.try_wait()?.context("the agent still runs"));
        if ended.is_err() {
            kill(Some(agent))?;
        }
        ended.map(|_| ())
    }

    /// Starts the agent again if it has ended by itself, as whoever watches over it would.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_agent_if_ended(&mut self) -> Result<()> {
        let agent = self.agent.as_mut().context("it was not started")?;
        if agent.try_wait()?.is_some() {
            self.start_agent()?;
        }
        Ok(())
    }

    fn spawn_agent(&self, data_dir: &str, failpoint: Option<&str>) -> Result<Child> {
        let hub = self.host();
        let socket = self.testbed.engine_socket.display().to_string();
        self.spawn(
            "polyaxon-agent",
            &[
                "--config",
                "agent.yaml",
                "--hub",
                &hub,
                "--token-file",
                "agent.token",
                "--data-dir",
                data_dir,
                "--engine-socket",
                &socket,
            ],
            failpoint,
        )
    }

    fn agent_on(&self, data_dir: &str, failpoint: Option<&str>) -> Result<Child> {
        let mut agent = self.spawn_agent(data_dir, failpoint)?;
        match wait_for_line(&mut agent, "agent ready") {
            Ok(()) => Ok(agent),
            Err(error) => {
                kill(Some(agent))?;
                Err(error)
            }
        }
    }

    /// Sends a signal (`STOP`, `CONT`) to the agent.
    ///
    /// # Errors
    /// It does not run.
    pub fn signal_agent(&self, signal: &str) -> Result<()> {
        let agent = self.agent.as_ref().context("the agent does not run")?;
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &agent.id().to_string()])
            .status()?;
        ensure!(sent.success(), "the signal was not sent");
        Ok(())
    }

    /// Starts a second agent that takes itself for the first: the same token, and a copy of what
    /// its folder says about who it is.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_second_agent(&self) -> Result<Running> {
        fs::create_dir_all(self.path("agent-two"))?;
        fs::copy(self.path("agent/agent-id"), self.path("agent-two/agent-id"))?;
        self.agent_on("agent-two", None).map(Running)
    }

    /// Starts another agent of the same token and name, with a folder of its own, which waits until it is needed.
    ///
    /// # Errors
    /// It does not say that it waits.
    pub fn start_standby_agent(&self) -> Result<Running> {
        let standby = Running(self.spawn_agent("agent-standby", None)?);
        eventually(Duration::from_mins(1), || {
            let log = fs::read_to_string(self.path("polyaxon-agent.log"))?;
            ensure!(log.contains("another agent leads, waiting"), "{log}");
            Ok(())
        })?;
        Ok(standby)
    }

    /// Memory that the hub and the agent take, in bytes (`VmRSS` of `proc_pid_status(5)`).
    ///
    /// # Errors
    /// One of both does not run.
    pub fn resident(&self) -> Result<(u64, u64)> {
        Ok((resident(self.hub.as_ref())?, resident(self.agent.as_ref())?))
    }

    /// SIGKILL for the hub.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_hub(&mut self) -> Result<()> {
        kill(self.hub.take())
    }

    /// SIGKILL for the agent.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_agent(&mut self) -> Result<()> {
        kill(self.agent.take())
    }

    fn host(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A `polyaxon` command against this hub, not started yet.
    ///
    /// # Errors
    /// The hub has written no token yet.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let token = fs::read_to_string(self.path("hub/admin.token"))?;
        let mut command = Command::new(self.testbed.binaries.join("polyaxon"));
        command
            .current_dir(self.folder())
            .env("POLYAXON_HOME", self.path("home"))
            .env("POLYAXON_HOST", self.host())
            .env("POLYAXON_AUTH_TOKEN", token.trim())
            .args(arguments);
        Ok(command)
    }

    /// Runs `polyaxon` to its end.
    ///
    /// # Errors
    /// It cannot be started or does not end.
    pub fn polyaxon(&self, arguments: &[&str]) -> Result<Output> {
        run(&mut self.command(arguments)?, COMMAND_LIMIT)
    }

    /// Runs `polyaxon ... -o json` and reads what it printed.
    ///
    /// # Errors
    /// The exit status is not 0 or the text is not JSON.
    pub fn json(&self, arguments: &[&str]) -> Result<Value> {
        let mut arguments = arguments.to_vec();
        arguments.extend(["-o", "json"]);
        let output = self.polyaxon(&arguments)?.expect_status(0)?;
        serde_json::from_str(&output.stdout).with_context(|| output.stdout.clone())
    }

    /// Queues an operation and returns its uuid.
    ///
    /// # Errors
    /// It is not accepted.
    pub fn queue(&self, operation: &str) -> Result<String> {
        let file = tempfile::Builder::new()
            .prefix("operation-")
            .suffix(".yaml")
            .tempfile_in(self.folder())?;
        fs::write(file.path(), operation)?;
        let run = self.json(&["run", "-f", &file.path().display().to_string()])?;
        Ok(run["uuid"].as_str().context("no uuid")?.to_owned())
    }

    /// The status of a run.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn status(&self, uuid: &str) -> Result<String> {
        let run = self.json(&["ops", "get", "-uid", uuid])?;
        Ok(run["status"].as_str().unwrap_or_default().to_owned())
    }

    /// Waits until a run has a status.
    ///
    /// # Errors
    /// It does not get there in time.
    pub fn wait_for_status(&self, uuid: &str, wanted: &str, limit: Duration) -> Result<()> {
        eventually(limit, || {
            let status = self.status(uuid)?;
            ensure!(status == wanted, "{uuid} is {status}");
            Ok(())
        })
    }

    /// The log of a run as it is stored now.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn logs(&self, uuid: &str) -> Result<String> {
        let logs = self.polyaxon(&["ops", "logs", "-uid", uuid, "-nf", "--raw"])?;
        Ok(logs.expect_status(0)?.stdout)
    }

    /// The log of a run, followed to its end: it may come after that of the run.
    ///
    /// # Errors
    /// It cannot be read, or the run has failed.
    pub fn whole_log(&self, uuid: &str) -> Result<String> {
        let logs = self.polyaxon(&["ops", "logs", "-uid", uuid, "--raw"])?;
        Ok(logs.expect_status(0)?.stdout)
    }

    /// What both wrote to their logs.
    #[must_use]
    pub fn log(&self) -> String {
        ["polyaxon-hub", "polyaxon-agent"]
            .map(|name| {
                let text =
                    fs::read_to_string(self.path(&format!("{name}.log"))).unwrap_or_default();
                format!("--- {name}\n{text}")
            })
            .join("\n")
    }
}

/// A process that is killed when dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        let _ = kill(self.agent.take());
        let _ = kill(self.hub.take());
        if std::thread::panicking() {
            // Test failures are read from this output.
            let log = self.log();
            let _ = std::io::Write::write_all(&mut std::io::stderr(), log.as_bytes());
        }
    }
}

fn resident(child: Option<&Child>) -> Result<u64> {
    let id = child.context("it does not run")?.id();
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    let kibibytes: u64 = kibibytes.context("no VmRSS")?.parse()?;
    Ok(kibibytes * 1024)
}

fn kill(child: Option<Child>) -> Result<()> {
    let mut child = child.context("it does not run")?;
    child.kill()?;
    child.wait()?;
    Ok(())
}

/// Reads standard output up to a line with `mark`, then keeps reading so that the pipe stays open.
fn wait_for_line(child: &mut Child, mark: &'static str) -> Result<()> {
    let stdout = child.stdout.take().context("no standard output")?;
    let (sender, found) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.contains(mark) {
                // Nobody listens any more once the first one was found.
                let _ = sender.send(());
            }
        }
    });
    // An agent itself waits for a minute for a pod that shows whether user namespaces are real.
    if found.recv_timeout(Duration::from_mins(2)).is_err() {
        bail!(
            "`{mark}` was not printed; exit status {:?}",
            child.try_wait()?
        );
    }
    Ok(())
}
