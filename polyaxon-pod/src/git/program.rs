//! Runs the program `git` with the access of the step, and passes on what it says.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use crate::git::access::{Access, Credentials};
use crate::git::redact::Redactor;
use crate::git::remote;
use crate::git::ssh::{self, SshError, SshKey};
use crate::ui;

/// Answers git's question for credentials from two variables, so that they stand neither in a
/// command line nor in a file.
const HELPER: &str = r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$POLYAXON_GIT_USER" "$POLYAXON_GIT_PASSWORD"; }; f"#;

/// What git and the programs that it starts see of the container's variables: how to reach a host
/// and whom to trust. Every other one could make git run something else.
const PASSED_ON: [&str; 21] = [
    "ALL_PROXY",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_NO_VERIFY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "LC_ALL",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Why a git command did not do its work.
#[derive(Debug, Error)]
pub(crate) enum ProgramError {
    #[error("could not run `git`: {0}; the image of this container needs the program")]
    Start(#[source] io::Error),
    #[error("`git {command}` failed: {reason}")]
    Failed { command: String, reason: String },
    #[error(
        "could not read the credentials `{path}`: {source}; check the secret of the connection", path = path.display()
    )]
    Store { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Ssh(#[from] SshError),
}

/// The program with everything that its commands have in common.
pub(crate) struct Git {
    settings: Vec<String>,
    variables: Vec<(&'static str, String)>,
    redactor: Redactor,
    // Removes the private copy of the key when the step is over.
    _key: Option<SshKey>,
}

impl Git {
    /// `scope` is the `scheme://host` that gets the credentials; no other host does, for example
    /// that of a submodule.
    pub(crate) fn new(
        access: &Access,
        embedded: Option<&Credentials>,
        scope: Option<&str>,
    ) -> Result<Self, ProgramError> {
        // A server that stalls ends the step after two minutes.
        let mut settings = vec![
            "http.lowSpeedLimit=1".to_owned(),
            "http.lowSpeedTime=120".to_owned(),
            "advice.detachedHead=false".to_owned(),
        ];
        let mut variables = vec![("GIT_TERMINAL_PROMPT", "0".to_owned())];
        let mut redactor = Redactor::default();
        let mut key = None;
        let credentials = match access {
            Access::Credentials(credentials) => Some(credentials),
            _ => embedded,
        };
        if let (Some(credentials), Some(scope)) = (credentials, scope) {
            redactor.learn(credentials);
            let (user, password) = credentials.pair();
            settings.push(format!("credential.{scope}.helper={HELPER}"));
            variables.push(("POLYAXON_GIT_USER", user.to_owned()));
            variables.push(("POLYAXON_GIT_PASSWORD", password.to_owned()));
        }
        match access {
            Access::Store(path) => {
                let store = std::fs::read_to_string(path).map_err(|source| {
                    let path = path.clone();
                    ProgramError::Store { path, source }
                })?;
                for stored in store.lines().filter_map(remote::credentials_in) {
                    redactor.learn(&stored);
                }
                let path = path.to_string_lossy().replace('\'', r"'\''");
                settings.push(format!("credential.helper=store --file='{path}'"));
            }
            Access::Ssh { folder, key: name } => {
                let copy = SshKey::copy(folder, name)?;
                variables.push(("GIT_SSH_COMMAND", ssh::command(&copy, folder)));
                key = Some(copy);
            }
            Access::Credentials(_) | Access::Anonymous => {}
        }
        Ok(Self {
            settings,
            variables,
            redactor,
            _key: key,
        })
    }

    /// Runs a git command, in `folder` if it is given. Passes on what it says on stderr and
    /// returns what it wrote to stdout.
    pub(crate) fn run(
        &self,
        folder: Option<&Path>,
        arguments: &[&str],
    ) -> Result<String, ProgramError> {
        let mut command = Command::new("git");
        if let Some(folder) = folder {
            command.arg("-C").arg(folder);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command
            .args(arguments)
            .env_clear()
            .envs(
                PASSED_ON
                    .iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(ProgramError::Start)?;
        let (stderr, stdout) = (child.stderr.take(), child.stdout.take());
        let (last, output) = std::thread::scope(|scope| {
            let last = scope.spawn(|| stderr.and_then(|stderr| self.pass_on(stderr)));
            let mut output = String::new();
            let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_string(&mut output));
            (last.join().unwrap_or_default(), read.map(|_| output))
        });
        let output = output.map_err(ProgramError::Start)?;
        let status = child.wait().map_err(ProgramError::Start)?;
        if status.success() {
            return Ok(output.trim_end().to_owned());
        }
        Err(ProgramError::Failed {
            command: (*arguments.first().unwrap_or(&"")).to_owned(),
            reason: last.unwrap_or_else(|| status.to_string()),
        })
    }

    /// Prints the lines without secrets; returns the reason among them: the last line that git
    /// marks as fatal, else the last line.
    fn pass_on(&self, stderr: impl Read) -> Option<String> {
        let mut reason: Option<String> = None;
        for line in BufReader::new(stderr).split(b'\n') {
            let Ok(line) = line else { break };
            let line = self.redactor.redact(&String::from_utf8_lossy(&line));
            let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
            if line.is_empty() {
                continue;
            }
            ui::note(line);
            let is_reason = |line: &str| line.starts_with("fatal:") || line.starts_with("error:");
            if is_reason(line) || !reason.as_deref().is_some_and(is_reason) {
                reason = Some(line.to_owned());
            }
        }
        reason
    }
}
