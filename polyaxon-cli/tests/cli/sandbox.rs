//! `polyaxon sandbox` with children that are scripts, and the hub of this process.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

use crate::fake_hub::{FakeHub, State, TOKEN};
use crate::process::Output;

const HUB: &str = "#!/bin/sh
while [ \"$1\" != --data-dir ]; do shift; done
mkdir -p \"$2\"
[ -e \"$2/admin.token\" ] || (umask 077; echo TOKEN > \"$2/admin.token\")
echo ADDRESS
trap 'echo hub >> \"$(dirname \"$0\")/ended\"; exit 0' TERM
while :; do sleep 0.05; done
";

const AGENT: &str = "#!/bin/sh
echo \"$@\" > \"$(dirname \"$0\")/arguments\"
echo 'agent ready'
trap 'echo agent >> \"$(dirname \"$0\")/ended\"; exit 0' TERM
while :; do sleep 0.05; done
";

struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    fn new(hub: &FakeHub, agent: &str) -> Result<Self> {
        let sandbox = Self {
            folder: tempfile::tempdir()?,
        };
        std::fs::copy(env!("CARGO_BIN_EXE_polyaxon"), sandbox.path("polyaxon"))?;
        let script = HUB.replace("ADDRESS", &hub.address).replace("TOKEN", TOKEN);
        for (name, text) in [("polyaxon-hub", script.as_str()), ("polyaxon-agent", agent)] {
            std::fs::write(sandbox.path(name), text)?;
            std::fs::set_permissions(sandbox.path(name), Permissions::from_mode(0o755))?;
        }
        Ok(sandbox)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn start(&self) -> Result<Child> {
        let child = Command::new(self.path("polyaxon"))
            .args([
                "sandbox",
                "--port",
                "0",
                "--engine-socket",
                "/run/engine.sock",
            ])
            .args(["--executor-image", "localhost/kaniko:1"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("POLYAXON_HOME", self.path("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(child)
    }

    /// Waits for the line that says that all is there, then interrupts.
    fn run_once(&self) -> Result<Output> {
        let mut child = self.start()?;
        let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let mut stderr = BufReader::new(child.stderr.take().context("no stderr")?);
        let mut talk = String::new();
        if line == "agent ready\n" {
            // What it says last, after the settings are written.
            while !talk.contains("next: ") && stderr.read_line(&mut talk)? > 0 {}
            Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status()?;
        }
        stderr.read_to_string(&mut talk)?;
        let mut output = Output::of(&child.wait_with_output()?);
        (output.stdout, output.stderr) = (line, talk);
        Ok(output)
    }
}

fn mode(path: &Path) -> Result<u32> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o777)
}

#[test]
fn starts_writes_and_stops_and_keeps_what_is_there() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let sandbox = Sandbox::new(&hub, AGENT)?;
    let first = sandbox.run_once()?;
    assert_eq!(
        (first.status, first.stdout.as_str()),
        (Some(0), "agent ready\n"),
        "{first}"
    );
    assert_eq!(sandbox.read("ended"), "agent\nhub\n", "{first}");
    let data = sandbox.path("home/sandbox");
    let config = sandbox.read("home/config.yaml");
    assert!(
        config.contains(&hub.address) && config.contains(TOKEN),
        "{config}"
    );
    for private in ["hub/admin.token", "agent.token", "../config.yaml"] {
        assert_eq!(mode(&data.join(private))?, 0o600, "{private}");
    }
    let sample = sandbox.read("home/sandbox/agent.yaml");
    assert!(sample.contains("docker-connection"), "{sample}");
    let arguments = sandbox.read("arguments");
    for wanted in [
        "/run/engine.sock",
        "localhost/kaniko:1",
        &hub.address,
        "agent.token",
    ] {
        assert!(arguments.contains(wanted), "{arguments}");
    }
    assert!(!first.stderr.contains(TOKEN), "the token is shown: {first}");

    std::fs::write(data.join("agent.yaml"), "namespace: mine\n")?;
    let second = sandbox.run_once()?;
    assert_eq!(second.status, Some(0), "{second}");
    assert_eq!(sandbox.read("home/sandbox/agent.yaml"), "namespace: mine\n");
    assert_eq!(
        hub.state().tokens_made,
        1,
        "the agent's token is used again"
    );
    Ok(())
}

#[test]
fn a_login_at_another_hub_of_this_machine_stays() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let sandbox = Sandbox::new(&hub, AGENT)?;
    let login = "host: http://127.0.0.1:9\ntoken: plx_of_another_hub\n";
    std::fs::create_dir(sandbox.path("home"))?;
    std::fs::write(sandbox.path("home/config.yaml"), login)?;
    let output = sandbox.run_once()?;
    assert_eq!(output.status, Some(0), "{output}");
    assert_eq!(sandbox.read("home/config.yaml"), login);
    let advice = format!("polyaxon login --host {} --token - < ", hub.address);
    assert!(output.stderr.contains(&advice), "{output}");
    Ok(())
}

#[test]
fn a_child_that_ends_is_shown_with_its_log() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let agent = "#!/bin/sh\necho 'no engine answers' >&2\nexit 3\n";
    let sandbox = Sandbox::new(&hub, agent)?;
    let output = sandbox.run_once()?;
    assert_eq!(output.status, Some(1), "{output}");
    assert!(
        output
            .stderr
            .contains("`polyaxon-agent` ended (exit status: 3)")
            && output.stderr.contains("no engine answers"),
        "{output}"
    );
    assert_eq!(sandbox.read("ended"), "hub\n", "the hub is stopped");
    Ok(())
}

#[test]
fn a_missing_program_is_named() -> Result<()> {
    let hub = FakeHub::start(State::default())?;
    let sandbox = Sandbox::new(&hub, AGENT)?;
    std::fs::remove_file(sandbox.path("polyaxon-hub"))?;
    let output = sandbox.run_once()?;
    assert_eq!(output.status, Some(1), "{output}");
    assert!(
        output.stderr.contains("cannot start `polyaxon-hub`"),
        "{output}"
    );
    Ok(())
}
