use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::ExposeSecret as _;

use crate::app::App;
use crate::error::{CommandError, Outcome};
use crate::exit::Exit;
use crate::sandbox::{self, Options};

/// Start a hub and an agent on this machine; Ctrl-C ends both
#[derive(Args)]
#[command(after_help = "Examples:
  polyaxon sandbox
  polyaxon sandbox --port 9000 --engine-socket /run/user/1000/podman/podman.sock

The first start writes an admin token, the settings of this command line and a sample
`agent.yaml` into the data folder; later starts keep all of them and all runs. A login at
another hub is kept as well.")]
pub(crate) struct Arguments {
    /// Port of the hub on the loopback address; 0 takes a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Folder of all data [default: `sandbox` under `~/.polyaxon` or `POLYAXON_HOME`]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Socket of Docker or Podman; without it the usual places are tried
    #[arg(long, value_name = "PATH")]
    engine_socket: Option<PathBuf>,
    /// Image that builds images, instead of the one of `agent.yaml`
    #[arg(long, value_name = "IMAGE")]
    executor_image: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, app: &mut App) -> Outcome {
    let data_dir = arguments
        .data_dir
        .unwrap_or_else(|| app.config.home().join("sandbox"));
    let data_dir = std::path::absolute(&data_dir).map_err(|error| {
        CommandError::Usage(format!("`{}` is not a folder: {error}", data_dir.display()))
    })?;
    let options = Options {
        port: arguments.port,
        data_dir,
        engine_socket: arguments.engine_socket,
        executor_image: arguments.executor_image,
    };
    let mut sandbox = sandbox::start(&options, &app.ui).await?;
    if let Err(error) = greet(&sandbox, &options.data_dir, app) {
        sandbox.stop().await;
        return Err(error);
    }
    let ended = sandbox.wait(&app.ui).await;
    sandbox.stop().await;
    ended?;
    app.ui.talk("stopped; the data stays")?;
    Ok(Exit::Succeeded)
}

/// Points this command line at the hub, unless it has a login elsewhere, and says what there is.
fn greet(sandbox: &sandbox::Running, data_dir: &Path, app: &mut App) -> Result<(), CommandError> {
    let admin_token = sandbox.admin_token().to_owned();
    app.config
        .use_sandbox(data_dir, &sandbox.address, &admin_token)?;
    let is_used = app.config.host() == sandbox.address
        && app
            .config
            .token()
            .is_some_and(|token| *token.expose_secret() == admin_token);
    app.ui.talk(format_args!("hub    {}", sandbox.address))?;
    app.ui.talk(format_args!(
        "agent  {}",
        sandbox.files.agent_config.display()
    ))?;
    app.ui
        .talk(format_args!("logs   {}", sandbox.files.logs.display()))?;
    if !is_used {
        app.ui.warn(format_args!(
            "this command line keeps its login at {}; `polyaxon login --host {} --token - < {}` changes that",
            app.config.host(),
            sandbox.address,
            sandbox.files.admin_token.display()
        ))?;
    }
    app.ui
        .next("`polyaxon run --hub kaniko ...`, `polyaxon ops ls`; Ctrl-C ends hub and agent")?;
    Ok(())
}
