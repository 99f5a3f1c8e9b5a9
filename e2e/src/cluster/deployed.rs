//! Hub and agent as our Helm charts install them, in a namespace of their own beside that of the runs. The command line stays outside
//! and comes through a port-forward, as that of a user.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::charts::{AGENT, HUB, Volume, install};
use super::namespace::{Namespace, kubectl, kubectl_command};
use super::{LIMIT, is_testbed};
use crate::command::eventually;
use crate::services::{Place, Running, free_port, send, wait_for_line};

/// Longest time until a port-forward says that it forwards.
const FORWARD: Duration = Duration::from_secs(15);

/// Selects the pods of both.
const OURS: &str = "app.kubernetes.io/part-of=polyaxon";

/// Both of one test; they go away with their namespace when dropped.
#[derive(Debug)]
pub(super) struct Deployed {
    /// Files of the test.
    folder: PathBuf,
    port: u16,
    forward: Mutex<Option<Running>>,
    /// Of logs, by the names of programs.
    followers: Mutex<BTreeMap<&'static str, Running>>,
    namespace: Namespace,
    _volume: Option<Volume>,
}

impl Deployed {
    /// Installs both, the agent with this file; nothing is waited for.
    pub(super) fn install(home: &str, folder: &Path, agent_file: &str) -> Result<Self> {
        let namespace = Namespace::create(&format!("{home}-system"))?;
        let volume = install(&namespace, folder, agent_file)?;
        Ok(Self {
            folder: folder.to_owned(),
            port: free_port()?,
            forward: Mutex::new(None),
            followers: Mutex::default(),
            namespace,
            _volume: volume,
        })
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn scale(&self, program: &str, replicas: &str) -> Result<()> {
        let replicas = format!("--replicas={replicas}");
        self.namespace
            .kubectl(&["scale", workload(program), &replicas])?;
        Ok(())
    }

    fn pod(&self, program: &str) -> Result<Value> {
        let get = ["get", "pods", "-l", &selector(program), "-o", "json"];
        let mut pods: Value = serde_json::from_str(&self.namespace.kubectl(&get)?.stdout)?;
        let pod = pods["items"][0].take();
        ensure!(!pod.is_null(), "`{program}` has no pod");
        Ok(pod)
    }

    /// Its process, if that is one of this machine, and alive.
    fn process(&self, program: &str) -> Result<Option<u32>> {
        if !is_testbed() {
            return Ok(None);
        }
        let pod = self.pod(program)?;
        let uid = pod["metadata"]["uid"].as_str().context("no uid")?;
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            let has = |file: &str, text: &str| {
                fs::read_to_string(path.join(file)).is_ok_and(|found| found.contains(text))
            };
            if has("comm", program) && has("cgroup", uid) {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                return Ok(Some(name.parse()?));
            }
        }
        Ok(None)
    }

    /// Its memory, as its node measures it every some seconds.
    fn resident(&self, program: &str) -> Result<u64> {
        let pod = self.pod(program)?;
        let node = pod["spec"]["nodeName"].as_str().context("no node")?;
        let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
        eventually(LIMIT, || {
            let told: Value = serde_json::from_str(&kubectl(&["get", "--raw", &path])?.stdout)?;
            let mut pods = told["pods"].as_array().into_iter().flatten();
            let stats = pods.find(|stats| stats["podRef"]["uid"] == pod["metadata"]["uid"]);
            let memory = stats.map(|stats| &stats["containers"][0]["memory"]["rssBytes"]);
            let memory = memory.and_then(Value::as_u64);
            memory.with_context(|| format!("`{node}` has not measured `{program}` yet"))
        })
    }

    /// SIGKILL where that can be had, and no other one comes.
    fn kill(&self, program: &str) -> Result<()> {
        if let Some(process) = self.process(program)? {
            send("KILL", process)?;
        }
        self.scale(program, "0")?;
        self.end_pods(&["-l", &selector(program)])
    }

    /// Returns when their processes have ended, which a forced end would not tell.
    fn end_pods(&self, which: &[&str]) -> Result<()> {
        let delete = [&["delete", "pods", "--grace-period=1"], which].concat();
        let get = [&["get", "pods", "-o", "name"], which].concat();
        // Another one may have come in the place of the first before its controller knew better.
        eventually(LIMIT, || {
            self.namespace.kubectl(&delete)?;
            let left = self.namespace.kubectl(&get)?.stdout;
            ensure!(left.is_empty(), "left: {left}");
            Ok(())
        })
    }

    /// Keeps what its pod says, also when the pod is gone, unless that is done.
    fn follow(&self, program: &'static str) -> Result<()> {
        let mut followers = lock(&self.followers);
        if let Some(running) = followers.get_mut(program)
            && running.goes_on()?
        {
            return Ok(());
        }
        let begun = self
            .kubectl_command()?
            .args(["logs", "--follow", "--tail=-1", workload(program)])
            .stdin(Stdio::null())
            .stdout(self.append(program)?)
            .stderr(Stdio::null())
            .spawn()?;
        followers.insert(program, Running(begun));
        Ok(())
    }

    fn follow_until_ready(&self) -> Result<()> {
        let before = self.append(AGENT)?.metadata()?.len();
        eventually(LIMIT, || {
            self.follow(AGENT)?;
            let log = fs::read(self.log_file(AGENT))?;
            let now = log.get(usize::try_from(before)?..).unwrap_or_default();
            let ready = String::from_utf8_lossy(now).contains("agent ready");
            ensure!(ready, "the agent is not ready");
            Ok(())
        })
    }

    fn log_file(&self, program: &str) -> PathBuf {
        self.folder.join(format!("{program}.log"))
    }

    /// Its file, for what it says next.
    fn append(&self, program: &str) -> Result<File> {
        let mut options = File::options();
        let file = options.create(true).append(true);
        Ok(file.open(self.log_file(program))?)
    }

    fn kubectl_command(&self) -> Result<Command> {
        let mut command = kubectl_command()?;
        command.args(["--namespace", self.namespace.name()]);
        Ok(command)
    }

    /// Begins another port-forward if there is none that goes on.
    fn forward(&self) -> Result<()> {
        let mut forward = lock(&self.forward);
        if let Some(running) = forward.as_mut()
            && running.goes_on()?
        {
            return Ok(());
        }
        // One that begins while the kubelet is restarted hears nothing for minutes.
        let begun = eventually(LIMIT, || self.begin_forward())?;
        *forward = Some(begun);
        Ok(())
    }

    fn begin_forward(&self) -> Result<Running> {
        let ports = format!("{}:8000", self.port);
        let begun = self
            .kubectl_command()?
            .args(["port-forward", &format!("service/{HUB}"), &ports])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(self.append("port-forward")?)
            .spawn()?;
        let mut begun = Running(begun);
        wait_for_line(&mut begun.0, "Forwarding from", FORWARD).context("kubectl port-forward")?;
        Ok(begun)
    }

    /// What the cluster and both say, for whoever looks for the reason.
    fn seen(&self) -> String {
        let pods = ["get", "pods,events", "-o", "wide"];
        let logs = ["logs", "-l", OURS, "--prefix", "--tail=50"];
        [pods.as_slice(), &logs]
            .map(|command| match self.namespace.kubectl(command) {
                Ok(output) => output.stdout,
                Err(error) => format!("{error:#}"),
            })
            .join("\n")
    }

    fn bring_up_hub(&self) -> Result<()> {
        self.scale(HUB, "1")?;
        let limit = format!("--timeout={}s", LIMIT.as_secs() - 10);
        self.namespace
            .kubectl(&["rollout", "status", workload(HUB), &limit])?;
        self.follow(HUB)?;
        let token = self.folder.join("admin.token");
        if !token.exists() {
            let print = ["exec", workload(HUB), "--", HUB, "--print-admin-token"];
            fs::write(token, self.namespace.kubectl(&print)?.stdout)?;
        }
        self.forward()
    }

    fn bring_up_agent(&self, failpoint: Option<&str>) -> Result<()> {
        let variable = match failpoint {
            Some(name) => format!("POLYAXON_FAILPOINT={name}"),
            None => "POLYAXON_FAILPOINT-".to_owned(),
        };
        self.namespace
            .kubectl(&["set", "env", workload(AGENT), &variable])?;
        self.scale(AGENT, "1")?;
        self.follow_until_ready()
    }
}

impl Place for Deployed {
    fn start_hub(&mut self) -> Result<()> {
        self.bring_up_hub().with_context(|| self.seen())
    }

    fn kill_hub(&mut self) -> Result<()> {
        self.kill(HUB)?;
        *lock(&self.forward) = None;
        Ok(())
    }

    fn put_agent_token(&self, token: &str) -> Result<()> {
        fs::write(self.folder.join("agent.token"), token)?;
        let name = "polyaxon-agent-token";
        self.namespace
            .kubectl(&["delete", "secret", name, "--ignore-not-found"])?;
        let file = format!("--from-file=token={}", self.path("agent.token"));
        self.namespace
            .kubectl(&["create", "secret", "generic", name, &file])?;
        Ok(())
    }

    fn start_agent(&mut self, failpoint: Option<&str>) -> Result<()> {
        self.bring_up_agent(failpoint).with_context(|| self.seen())
    }

    fn kill_agent(&mut self) -> Result<()> {
        self.kill(AGENT)
    }

    fn wait_for_agents_end(&mut self, limit: Duration) -> Result<()> {
        let ended = eventually(limit, || {
            let status = &self.pod(AGENT)?["status"]["containerStatuses"][0];
            let again = status["restartCount"].as_u64().unwrap_or_default();
            ensure!(
                again > 0 || status["state"]["terminated"].is_object(),
                "the agent still runs"
            );
            Ok(())
        });
        // The kubelet has started it again.
        self.kill(AGENT)?;
        ended
    }

    fn start_agent_if_ended(&mut self) -> Result<()> {
        // The kubelet does.
        Ok(())
    }

    fn resident(&self) -> Result<(u64, u64)> {
        Ok((self.resident(HUB)?, self.resident(AGENT)?))
    }

    fn log(&self, program: &'static str) -> Result<String> {
        // One that has died, and was started again by the kubelet, is followed no more.
        self.follow(program)?;
        Ok(fs::read_to_string(self.log_file(program))?)
    }

    fn connect(&self, command: &mut Command) -> Result<()> {
        self.forward()?;
        let token = fs::read_to_string(self.folder.join("admin.token"))?;
        command
            .env("POLYAXON_HOST", format!("https://localhost:{}", self.port))
            .env("POLYAXON_AUTH_TOKEN", token.trim())
            .env("SSL_CERT_FILE", self.path("hub-ca.crt"))
            .env("NO_PROXY", "*")
            .env("no_proxy", "*");
        Ok(())
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        // Before the namespaces of the runs, and before the folder with the hub's data.
        let workloads = "deployments,statefulsets";
        let scale = ["scale", workloads, "--all", "--replicas=0"];
        let _ = self.namespace.kubectl(&scale);
        let _ = self.end_pods(&["-l", OURS]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn workload(program: &str) -> &'static str {
    if program == HUB {
        "statefulset/polyaxon-hub"
    } else {
        "deployment/polyaxon-agent"
    }
}

fn selector(program: &str) -> String {
    format!("app.kubernetes.io/name={program}")
}
