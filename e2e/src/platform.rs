//! Hub and agent as `polyaxon sandbox` starts them, and the command line that talks to them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::command::{Output, eventually, run};
use crate::testbed::Testbed;

/// Longest time that a build of a test may take; the first one fills caches.
const BUILD_LIMIT: Duration = Duration::from_mins(10);

/// A running sandbox of its own folder; stopped when dropped.
#[derive(Debug)]
pub struct Platform {
    testbed: Testbed,
    folder: tempfile::TempDir,
    sandbox: Child,
}

impl Platform {
    /// Starts hub and agent and waits until the hub answers.
    ///
    /// # Errors
    /// A part of the test-bed is missing, or the sandbox does not come up: with its log.
    pub fn start() -> Result<Self> {
        Self::start_with_connections("")
    }

    /// As [`Self::start`], with further connections in the agent's catalog: YAML list items.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with_connections(connections: &str) -> Result<Self> {
        let testbed = Testbed::from_environment()?;
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir_all(data.join("store"))?;
        std::fs::create_dir_all(data.join("secrets"))?;
        let config = agent_config(&testbed, &data).replacen(
            "connections:\n",
            &format!("connections:\n{connections}"),
            1,
        );
        std::fs::write(data.join("agent.yaml"), config)?;
        let sandbox = spawn(&testbed, folder.path())?;
        let platform = Self {
            testbed,
            folder,
            sandbox,
        };
        if let Err(error) = platform.wait_until_ready() {
            bail!("{error:#}\n--- sandbox\n{}", platform.log());
        }
        Ok(platform)
    }

    fn wait_until_ready(&self) -> Result<()> {
        eventually(Duration::from_mins(1), || {
            self.polyaxon(&["whoami"])?.expect_status(0)?;
            ensure!(self.log().contains("agent ready"), "the agent is not ready");
            Ok(())
        })
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

    /// Writes a file into [`Self::folder`].
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder().join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// A `polyaxon` command in this sandbox, not started yet.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.testbed.binaries.join("polyaxon"));
        command
            .current_dir(self.folder())
            .env("POLYAXON_HOME", self.folder().join("home"))
            .env_remove("POLYAXON_HOST")
            .env_remove("POLYAXON_AUTH_TOKEN")
            .args(arguments);
        command
    }

    /// Runs `polyaxon` to its end.
    ///
    /// # Errors
    /// It cannot be started or does not end.
    pub fn polyaxon(&self, arguments: &[&str]) -> Result<Output> {
        run(&mut self.command(arguments), BUILD_LIMIT)
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

    /// What the sandbox printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("sandbox.log")).unwrap_or_default()
    }

    /// Stops hub and agent as Ctrl-C does and starts them again on the same data.
    ///
    /// # Errors
    /// They do not come back.
    pub fn restart(&mut self) -> Result<()> {
        interrupt(&mut self.sandbox)?;
        std::fs::write(self.folder().join("sandbox.log"), "")?;
        self.sandbox = spawn(&self.testbed, self.folder.path())?;
        self.wait_until_ready()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = interrupt(&mut self.sandbox);
        if std::thread::panicking() {
            // Test failures are read from this output.
            let log = self.log();
            let _ = std::io::Write::write_all(&mut std::io::stderr(), log.as_bytes());
        }
    }
}

fn spawn(testbed: &Testbed, folder: &Path) -> Result<Child> {
    let log = File::create(folder.join("sandbox.log"))?;
    Command::new(testbed.binaries.join("polyaxon"))
        .args(["sandbox", "--port", "0", "--data-dir"])
        .arg(folder.join("data"))
        .arg("--engine-socket")
        .arg(&testbed.engine_socket)
        .args(["--executor-image", &testbed.executor_image])
        .env("POLYAXON_HOME", folder.join("home"))
        .env("POLYAXON_POD_IMAGE_TAR", &testbed.pod_image)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting `polyaxon sandbox`")
}

fn interrupt(child: &mut Child) -> Result<()> {
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()?;
    if killed.success() {
        let ended = eventually(Duration::from_secs(20), || {
            child.try_wait()?.context("still running")
        });
        if ended.is_ok() {
            return Ok(());
        }
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

pub(crate) fn agent_config(testbed: &Testbed, data: &Path) -> String {
    let Testbed {
        registry,
        executor_image,
        ..
    } = testbed;
    let store = data.join("store");
    let secrets = data.join("secrets");
    format!(
        "namespace: sandbox
artifactsStore:
  name: artifacts-store
  kind: host_path
  schema:
    hostPath: {store}
    mountPath: /plx-artifacts
connections:
- name: docker-connection
  kind: registry
  schema:
    url: {registry}
executorImage: {executor_image}
registryMirrors: [{registry}]
caBundle: /etc/ssl/certs/ca-certificates.crt
engine:
  network: host
  secretsDir: {secrets}
",
        store = store.display(),
        secrets = secrets.display(),
    )
}
