//! The command line of `polyaxon-agent`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Lease queued runs of a hub and launch them on this machine's container engine
#[derive(Debug, Parser)]
#[command(name = "polyaxon-agent", version = polyaxon_proto::version::current())]
pub struct Cli {
    /// The agent's settings and its catalog
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Address of the hub
    #[arg(long, env = "POLYAXON_HOST", value_name = "URL")]
    pub hub: String,
    /// File with the agent's token
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Folder of the agent's own files
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Socket of Docker or Podman, instead of the one of the settings
    #[arg(long, value_name = "PATH")]
    pub engine_socket: Option<String>,
    /// Image that builds images, instead of the one of the settings
    #[arg(long, value_name = "IMAGE")]
    pub executor_image: Option<String>,
    /// Archive with the image of init containers and the sidecar [default: `polyaxon-pod.oci.tar`
    /// beside this program]
    #[arg(long, env = "POLYAXON_POD_IMAGE_TAR", value_name = "FILE")]
    pub pod_image_tar: Option<PathBuf>,
    /// Address that tells whether the agent lives and works, and its numbers; without it nobody listens
    #[arg(long, env = "POLYAXON_AGENT_HEALTH_LISTEN", value_name = "ADDRESS")]
    pub health_listen: Option<SocketAddr>,
    /// How log lines are written on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One object per line.
    Json,
    /// For people.
    Text,
}
