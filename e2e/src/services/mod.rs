//! Hub and agent, to be killed and started again one by one, and the command line that talks to them.

mod processes;

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

pub use self::processes::Running;
pub(crate) use self::processes::{Processes, free_port, send, wait_for_line};
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

/// Where hub and agent run: how each is started, killed and reached there.
pub(crate) trait Place: Debug + Send + Sync {
    /// Starts the hub and waits until it answers.
    fn start_hub(&mut self) -> Result<()>;

    fn kill_hub(&mut self) -> Result<()>;

    /// Gives a token to agents that are started from now on.
    fn put_agent_token(&self, token: &str) -> Result<()>;

    /// Starts the agent, perhaps so that it kills itself at a failpoint, and waits until it is ready.
    fn start_agent(&mut self, failpoint: Option<&str>) -> Result<()>;

    fn kill_agent(&mut self) -> Result<()>;

    fn wait_for_agents_end(&mut self, limit: Duration) -> Result<()>;

    fn start_agent_if_ended(&mut self) -> Result<()>;

    /// Memory of hub and agent, in bytes.
    fn resident(&self) -> Result<(u64, u64)>;

    /// What a program has written to its log since its first start.
    fn log(&self, program: &'static str) -> Result<String>;

    /// Lets a `polyaxon` command reach the hub as its administrator.
    fn connect(&self, command: &mut Command) -> Result<()>;

    fn set_environment(
        &mut self,
        program: &'static str,
        _variables: Vec<(String, String)>,
    ) -> Result<()> {
        bail!("variables of `{program}` are for processes of this machine")
    }

    fn processes(&self) -> Result<&Processes> {
        bail!("hub and agent are no processes of this machine, which this wants")
    }
}

/// A hub and an agent of their own; both are killed when dropped.
#[derive(Debug)]
pub struct Services {
    testbed: Testbed,
    /// Before the folder, on which they run.
    place: Box<dyn Place>,
    folder: tempfile::TempDir,
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
        let place = Processes::prepare(&testbed, folder.path())?;
        Ok(Self {
            testbed,
            place: Box::new(place),
            folder,
        })
    }

    /// Hub and agent are to run there, and not as processes of this machine.
    pub(crate) fn run_in(&mut self, place: impl Place + 'static) {
        self.place = Box::new(place);
    }

    /// Whether hub and agent are processes of this machine.
    pub(crate) fn has_processes(&self) -> bool {
        self.place.processes().is_ok()
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
        self.place.put_agent_token(&token)
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
    ///
    /// # Errors
    /// They are no processes of this machine.
    pub fn set_environment(
        &mut self,
        program: &'static str,
        variables: Vec<(String, String)>,
    ) -> Result<()> {
        self.place.set_environment(program, variables)
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

    /// Starts the hub on its data and waits until it answers.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_hub(&mut self) -> Result<()> {
        self.place.start_hub()
    }

    /// Starts the agent and waits until it is ready.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_agent(&mut self) -> Result<()> {
        self.place.start_agent(None)
    }

    /// Starts the agent so that it kills itself at a failpoint (`polyaxon-agent/src/failpoint.rs`).
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_agent_with_failpoint(&mut self, failpoint: &str) -> Result<()> {
        self.place.start_agent(Some(failpoint))
    }

    /// Waits until the agent has ended by itself; it does not run any more then, and one that goes on is killed.
    ///
    /// # Errors
    /// It went on.
    pub fn wait_for_agents_end(&mut self, limit: Duration) -> Result<()> {
        self.place.wait_for_agents_end(limit)
    }

    /// Starts the agent again if it has ended by itself, as whoever watches over it would.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start_agent_if_ended(&mut self) -> Result<()> {
        self.place.start_agent_if_ended()
    }

    /// Sends a signal (`STOP`, `CONT`) to the agent.
    ///
    /// # Errors
    /// It does not run, or is no process of this machine.
    pub fn signal_agent(&self, signal: &str) -> Result<()> {
        self.place.processes()?.signal_agent(signal)
    }

    /// Starts a second agent that takes itself for the first: the same token, and a copy of what
    /// its folder says about who it is.
    ///
    /// # Errors
    /// It does not come up, or agents are no processes of this machine.
    pub fn start_second_agent(&self) -> Result<Running> {
        self.place.processes()?.start_second_agent()
    }

    /// Starts another agent of the same token and name, with a folder of its own, which waits until it is needed.
    ///
    /// # Errors
    /// It does not say that it waits, or agents are no processes of this machine.
    pub fn start_standby_agent(&self) -> Result<Running> {
        self.place.processes()?.start_standby_agent()
    }

    /// Memory that the hub and the agent take, in bytes (`VmRSS` of `proc_pid_status(5)`, or what a node measures).
    ///
    /// # Errors
    /// One of both does not run.
    pub fn resident(&self) -> Result<(u64, u64)> {
        self.place.resident()
    }

    /// SIGKILL for the hub.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_hub(&mut self) -> Result<()> {
        self.place.kill_hub()
    }

    /// SIGKILL for the agent.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_agent(&mut self) -> Result<()> {
        self.place.kill_agent()
    }

    /// A `polyaxon` command against this hub, not started yet.
    ///
    /// # Errors
    /// The hub has written no token yet, or is not reached.
    pub fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(self.testbed.binaries.join("polyaxon"));
        command
            .current_dir(self.folder())
            .env("POLYAXON_HOME", self.path("home"))
            .args(arguments);
        self.place.connect(&mut command)?;
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
                let text = self.log_of(name).unwrap_or_else(|error| error.to_string());
                format!("--- {name}\n{text}")
            })
            .join("\n")
    }

    /// What `polyaxon-hub` or `polyaxon-agent` wrote to its log.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn log_of(&self, program: &'static str) -> Result<String> {
        self.place.log(program)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Test failures are read from this output.
            let log = self.log();
            let _ = std::io::Write::write_all(&mut std::io::stderr(), log.as_bytes());
        }
    }
}
