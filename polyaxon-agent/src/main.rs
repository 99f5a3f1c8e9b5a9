//! The binary `polyaxon-agent`.

use std::io::{self, Write as _};
use std::num::NonZero;
use std::process::ExitCode;

use clap::Parser;
use polyaxon_agent::cli::{Cli, LogFormat};
use polyaxon_agent::service;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// What is logged unless `RUST_LOG` says something else.
const LOG: &str = "info,hyper=warn,h2=warn,tonic=warn,bollard=warn";

/// Large buffers come and go between what stays as long as a run, and most heaps keep their room.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Threads at most: the agent waits for others nearly all the time, and each thread keeps memory of its own.
const THREADS: usize = 4;

fn main() -> ExitCode {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors.min(THREADS))
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => {
            let _stderr_is_closed = writeln!(io::stderr(), "polyaxon-agent: no threads: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> ExitCode {
    polyaxon_proto::version::stand_for(option_env!("POLYAXON_BUILD_VERSION"));
    let cli = Cli::parse();
    start_log(cli.log_format);
    let shutdown = CancellationToken::new();
    if let Err(error) = listen(shutdown.clone()) {
        tracing::error!(%error, "signals cannot be received");
        return ExitCode::FAILURE;
    }
    match Box::pin(service::run(cli, shutdown, say_ready)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may be JSON; a person who started it by hand reads this.
            let _stderr_is_closed = writeln!(io::stderr(), "polyaxon-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whoever started this program waits for the line.
fn say_ready() {
    tracing::info!("agent ready");
    let mut stdout = io::stdout();
    let _nobody_waits = writeln!(stdout, "agent ready").and_then(|()| stdout.flush());
}

fn listen(shutdown: CancellationToken) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
    });
    Ok(())
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.init(),
    }
}
