//! A hub and an agent on this machine, as child processes.

mod child;
mod files;

use std::path::PathBuf;
use std::time::Duration;

use polyaxon_proto::hub::v1::{CreateTokenRequest, RevokeTokenRequest, Scope, WhoAmIRequest};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tonic::Code;

use crate::client::{Hub, HubError};
use crate::error::CommandError;
use crate::ui::Ui;

use child::{Child, ChildError};
pub(crate) use files::Files;

/// The name of the agent, and so of its token.
const AGENT: &str = "sandbox";
/// How long the hub may take to listen: a database may have to be migrated.
const HUB_PATIENCE: Duration = Duration::from_mins(1);
/// How long the agent may take: it loads the pod image into the engine.
const AGENT_PATIENCE: Duration = Duration::from_mins(5);

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// 0: a free one.
    pub(crate) port: u16,
    /// An absolute path.
    pub(crate) data_dir: PathBuf,
    pub(crate) engine_socket: Option<PathBuf>,
    pub(crate) executor_image: Option<String>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// A hub and an agent that run.
pub(crate) struct Running {
    /// `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    pub(crate) files: Files,
    admin_token: SecretString,
    hub: Child,
    agent: Child,
    signals: Signals,
}

/// Starts both and waits until the agent is ready.
pub(crate) async fn start(options: &Options, ui: &Ui) -> Result<Running, CommandError> {
    let files = Files::prepare(&options.data_dir, options.executor_image.as_deref())?;
    if files.agent_config_is_new {
        ui.talk(format_args!(
            "wrote a sample configuration of the agent to `{}`",
            files.agent_config.display()
        ))?;
    }
    let mut signals = Signals::listen()?;
    let mut hub = Child::start(
        "polyaxon-hub",
        [
            "--listen".into(),
            format!("127.0.0.1:{}", options.port).into(),
            "--data-dir".into(),
            files.hub.clone().into(),
            "--print-address".into(),
            "--log-format".into(),
            "text".into(),
        ],
        &files.logs,
        ui,
    )?;
    match start_agent(options, &files, &mut hub, &mut signals, ui).await {
        Ok((address, admin_token, agent)) => Ok(Running {
            address,
            files,
            admin_token,
            hub,
            agent,
            signals,
        }),
        Err(error) => {
            hub.stop().await;
            Err(error)
        }
    }
}

async fn start_agent(
    options: &Options,
    files: &Files,
    hub: &mut Child,
    signals: &mut Signals,
    ui: &Ui,
) -> Result<(String, SecretString, Child), CommandError> {
    let address = tokio::select! {
        line = hub.line(HUB_PATIENCE, |line| line.starts_with("http")) => line?,
        () = signals.next() => return Err(CommandError::Interrupted),
    };
    let admin_token = Files::read_token(&files.admin_token)?;
    enrol(&address, &admin_token, files).await?;
    let mut arguments = vec![
        "--config".into(),
        files.agent_config.clone().into_os_string(),
        "--hub".into(),
        address.clone().into(),
        "--token-file".into(),
        files.agent_token.clone().into_os_string(),
        "--data-dir".into(),
        files.agent.clone().into_os_string(),
        "--log-format".into(),
        "text".into(),
    ];
    if let Some(socket) = &options.engine_socket {
        arguments.extend(["--engine-socket".into(), socket.clone().into_os_string()]);
    }
    if let Some(image) = &options.executor_image {
        arguments.extend(["--executor-image".into(), image.into()]);
    }
    let mut agent = Child::start("polyaxon-agent", arguments, &files.logs, ui)?;
    let ready = tokio::select! {
        line = agent.line(AGENT_PATIENCE, |line| line.contains("agent ready")) => {
            line.map(drop).map_err(CommandError::from)
        }
        ended = hub.ended() => Err(ended.into()),
        () = signals.next() => Err(CommandError::Interrupted),
    };
    if let Err(error) = ready.and_then(|()| Ok(ui.data("agent ready")?)) {
        agent.stop().await;
        return Err(error);
    }
    Ok((address, admin_token, agent))
}

/// Ctrl-C and termination, from the moment on when they are first listened to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Gives the agent a token that the hub knows: the one that is there, else a new one.
async fn enrol(
    address: &str,
    admin_token: &SecretString,
    files: &Files,
) -> Result<(), CommandError> {
    if files.agent_token.exists() {
        let token = Files::read_token(&files.agent_token)?;
        let hub = Hub::lazy(address, Some(&token))?;
        match hub.answer(hub.access().who_am_i(WhoAmIRequest {}).await) {
            Ok(_) => return Ok(()),
            Err(HubError::Answer {
                code: Code::Unauthenticated,
                ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let hub = Hub::lazy(address, Some(admin_token))?;
    let request = CreateTokenRequest {
        name: AGENT.to_owned(),
        scope: Scope::Agent.into(),
        expires_in_seconds: 0,
    };
    let created = match hub.answer(hub.access().create_token(request.clone()).await) {
        // Its secret is lost: the file is gone.
        Err(HubError::Answer {
            code: Code::AlreadyExists,
            ..
        }) => {
            let lost = RevokeTokenRequest {
                token: AGENT.to_owned(),
            };
            hub.answer(hub.access().revoke_token(lost).await)?;
            hub.answer(hub.access().create_token(request).await)?
        }
        created => created?,
    };
    Files::write_token(&files.agent_token, &SecretString::from(created.secret))?;
    Ok(())
}

impl Running {
    /// The token that may do everything, in the clear.
    pub(crate) fn admin_token(&self) -> &str {
        self.admin_token.expose_secret()
    }

    /// Waits for Ctrl-C, a termination signal, or the end of a child, which is an error.
    pub(crate) async fn wait(&mut self, ui: &Ui) -> Result<(), CommandError> {
        tokio::select! {
            () = self.signals.next() => {}
            ended = self.hub.ended() => return Err(ended.into()),
            ended = self.agent.ended() => return Err(ended.into()),
        }
        Ok(ui.talk("stopping")?)
    }

    /// Ends the agent, then the hub.
    pub(crate) async fn stop(&mut self) {
        self.agent.stop().await;
        self.hub.stop().await;
    }
}

impl From<SandboxError> for CommandError {
    fn from(error: SandboxError) -> Self {
        Self::System(error.to_string())
    }
}

impl From<ChildError> for CommandError {
    fn from(error: ChildError) -> Self {
        Self::System(error.to_string())
    }
}
