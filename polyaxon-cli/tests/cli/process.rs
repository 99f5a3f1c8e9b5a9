//! The program `polyaxon` as users start it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::fake_hub::{FakeHub, TOKEN};

/// A home of its own and the hub that it knows.
pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    host: String,
}

/// What the program left behind.
pub(crate) struct Output {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    pub(crate) fn of(output: &std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            status: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

impl std::fmt::Display for Output {
    /// All of it, for snapshots; ages differ from day to day.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "exit status: {:?}\n--- stdout\n{}--- stderr\n{}",
            self.status, self.stdout, self.stderr
        )
    }
}

impl Home {
    pub(crate) fn of(hub: &FakeHub) -> anyhow::Result<Self> {
        Self::at(&hub.address)
    }

    pub(crate) fn at(host: &str) -> anyhow::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            host: host.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.path().join(name), text)?)
    }

    /// The program, not started yet; it knows nothing of this process' environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polyaxon"));
        command
            .env_clear()
            .env("POLYAXON_HOME", self.path().join("home"))
            .env("POLYAXON_HOST", &self.host)
            .env("POLYAXON_AUTH_TOKEN", TOKEN)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .args(arguments);
        command
    }

    pub(crate) fn polyaxon(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        Ok(Output::of(&self.command(arguments).output()?))
    }
}
