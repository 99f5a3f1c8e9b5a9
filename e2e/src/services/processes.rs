//! Hub and agent as processes of this machine, on folders of the test.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Place;
use crate::command::eventually;
use crate::testbed::Testbed;

/// Longest time until one of both is ready: an agent itself waits for a minute for a pod that shows whether user
/// namespaces are real.
const START: Duration = Duration::from_mins(2);

/// Both, killed when dropped.
#[derive(Debug)]
pub(crate) struct Processes {
    testbed: Testbed,
    folder: PathBuf,
    port: u16,
    hub: Option<Child>,
    agent: Option<Child>,
    /// Variables of programs, by their names.
    environment: BTreeMap<&'static str, Vec<(String, String)>>,
}

impl Processes {
    /// Nothing runs yet.
    pub(super) fn prepare(testbed: &Testbed, folder: &Path) -> Result<Self> {
        Ok(Self {
            testbed: testbed.clone(),
            folder: folder.to_owned(),
            // It stays the same over restarts, as that of a deployed hub does.
            port: free_port()?,
            hub: None,
            agent: None,
            environment: BTreeMap::new(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn host(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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
            .current_dir(&self.folder)
            .args(arguments)
            .env("POLYAXON_POD_IMAGE_TAR", &self.testbed.pod_image)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {program}"))
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
        match wait_for_line(&mut agent, "agent ready", START) {
            Ok(()) => Ok(agent),
            Err(error) => {
                kill(Some(agent))?;
                Err(error)
            }
        }
    }

    pub(super) fn signal_agent(&self, signal: &str) -> Result<()> {
        let agent = self.agent.as_ref().context("the agent does not run")?;
        send(signal, agent.id())
    }

    pub(super) fn start_second_agent(&self) -> Result<Running> {
        fs::create_dir_all(self.path("agent-two"))?;
        fs::copy(self.path("agent/agent-id"), self.path("agent-two/agent-id"))?;
        self.agent_on("agent-two", None).map(Running)
    }

    pub(super) fn start_standby_agent(&self) -> Result<Running> {
        let standby = Running(self.spawn_agent("agent-standby", None)?);
        eventually(Duration::from_mins(1), || {
            let log = self.log("polyaxon-agent")?;
            ensure!(log.contains("another agent leads, waiting"), "{log}");
            Ok(())
        })?;
        Ok(standby)
    }
}

impl Place for Processes {
    fn start_hub(&mut self) -> Result<()> {
        let listen = format!("127.0.0.1:{}", self.port);
        let arguments = ["--listen", &listen, "--data-dir", "hub", "--print-address"];
        let mut hub = self.spawn("polyaxon-hub", &arguments, None)?;
        let line = wait_for_line(&mut hub, "http", START);
        self.hub = Some(hub);
        line
    }

    fn kill_hub(&mut self) -> Result<()> {
        kill(self.hub.take())
    }

    fn put_agent_token(&self, token: &str) -> Result<()> {
        Ok(fs::write(self.path("agent.token"), token)?)
    }

    fn start_agent(&mut self, failpoint: Option<&str>) -> Result<()> {
        self.agent = Some(self.agent_on("agent", failpoint)?);
        Ok(())
    }

    fn kill_agent(&mut self) -> Result<()> {
        kill(self.agent.take())
    }

    fn wait_for_agents_end(&mut self, limit: Duration) -> Result<()> {
        let mut agent = self.agent.take().context("it does not run")?;
        let ended = eventually(limit, || agent.try_wait()?.context("the agent still runs"));
        if ended.is_err() {
            kill(Some(agent))?;
        }
        ended.map(|_| ())
    }

    fn start_agent_if_ended(&mut self) -> Result<()> {
        let agent = self.agent.as_mut().context("it was not started")?;
        if agent.try_wait()?.is_some() {
            self.start_agent(None)?;
        }
        Ok(())
    }

    fn resident(&self) -> Result<(u64, u64)> {
        let of = |child: &Option<Child>| resident(child.as_ref().context("it does not run")?.id());
        Ok((of(&self.hub)?, of(&self.agent)?))
    }

    fn log(&self, program: &'static str) -> Result<String> {
        let path = self.path(&format!("{program}.log"));
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    fn connect(&self, command: &mut Command) -> Result<()> {
        let token = fs::read_to_string(self.path("hub/admin.token"))?;
        command
            .env("POLYAXON_HOST", self.host())
            .env("POLYAXON_AUTH_TOKEN", token.trim());
        Ok(())
    }

    fn set_environment(
        &mut self,
        program: &'static str,
        variables: Vec<(String, String)>,
    ) -> Result<()> {
        self.environment.insert(program, variables);
        Ok(())
    }

    fn processes(&self) -> Result<&Processes> {
        Ok(self)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let _ = kill(self.agent.take());
        let _ = kill(self.hub.take());
    }
}

/// A process that is killed when dropped.
#[derive(Debug)]
pub struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn goes_on(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_none())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port of the loopback interface that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Sends a signal to a process of this machine.
pub(crate) fn send(signal: &str, process: u32) -> Result<()> {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), process.to_string()])
        .status()?;
    ensure!(sent.success(), "the signal was not sent");
    Ok(())
}

fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
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
pub(crate) fn wait_for_line(child: &mut Child, mark: &'static str, limit: Duration) -> Result<()> {
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
    if found.recv_timeout(limit).is_err() {
        bail!(
            "`{mark}` was not printed; exit status {:?}",
            child.try_wait()?
        );
    }
    Ok(())
}
