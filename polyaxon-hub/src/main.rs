//! The program `polyaxon-hub`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use polyaxon_hub::data_dir;
use polyaxon_hub::server::Server;
use polyaxon_hub::settings::Settings;
use polyaxon_hub::telemetry;
use secrecy::ExposeSecret as _;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    polyaxon_proto::version::stand_for(option_env!("POLYAXON_BUILD_VERSION"));
    let settings = Settings::parse();
    telemetry::start(settings.log_format);
    if settings.print_admin_token {
        return print_admin_token(&settings);
    }
    match run(&settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// For images without a shell. The hub may run meanwhile.
fn print_admin_token(settings: &Settings) -> ExitCode {
    let printed = data_dir::read_admin_token(&settings.data_dir)
        .map_err(anyhow::Error::from)
        .and_then(|token| Ok(writeln!(std::io::stdout(), "{}", token.expose_secret())?));
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A person reads this; the log may be JSON.
            let _stderr_is_closed = writeln!(std::io::stderr(), "polyaxon-hub: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: &Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::start(settings).await?;
    if settings.print_address {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", server.url())?;
        stdout.flush()?;
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("shutting down");
    server.shutdown().await
}
