//! The command line, in two spellings: our own (`polyaxon-pod git`), and the one that pod plans
//! carry (`polyaxon initializer git`, `polyaxon docker generate`).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::environment::CONFIGS_ROOT;

/// Init steps and sidecar of a run's pod.
#[derive(Debug, Parser)]
#[command(name = "polyaxon", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Step(Step),
    /// Init steps, as pod plans spell them
    #[command(subcommand)]
    Initializer(Step),
    /// Dockerfile steps, as pod plans spell them
    #[command(subcommand)]
    Docker(Docker),
}

impl Command {
    pub(crate) fn into_step(self) -> Step {
        match self {
            Self::Step(step) | Self::Initializer(step) => step,
            Self::Docker(Docker::Generate(arguments)) => Step::Dockerfile(arguments),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Docker {
    /// Write a Dockerfile from its fields
    Generate(DockerfileArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Step {
    /// Write the token of the run where the other containers look for it
    Auth(AuthArgs),
    /// Create the folders of the run, and bring back what an earlier attempt left in the store
    Artifacts(ArtifactsArgs),
    /// Write a Dockerfile from its fields
    Dockerfile(DockerfileArgs),
    /// Write a file
    File(FileArgs),
    /// Check the folder that a resumed run starts with
    Fswatch(FswatchArgs),
    /// Clone a git repository
    Git(GitArgs),
    /// Copy a file or folder from a mounted store
    Path(PathArgs),
    /// Collect the artifacts of the run until the main container has ended
    Sidecar(SidecarArgs),
}

impl Step {
    /// The name of the step in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Auth(_) => "auth",
            Self::Artifacts(_) => "artifacts",
            Self::Dockerfile(_) => "dockerfile",
            Self::File(_) => "file",
            Self::Fswatch(_) => "fswatch",
            Self::Git(_) => "git",
            Self::Path(_) => "path",
            Self::Sidecar(_) => "sidecar",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AuthArgs {
    /// Folder for the token
    #[arg(long, default_value = CONFIGS_ROOT)]
    pub(crate) configs_path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ArtifactsArgs {
    /// Folder of the run, for example `/plx-context/artifacts/UUID`
    #[arg(long)]
    pub(crate) path: PathBuf,
    /// Folder of the run in the mounted store; copied into `--path` if it is there
    #[arg(long)]
    pub(crate) from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DockerfileArgs {
    /// Fields of the Dockerfile as JSON
    #[arg(long)]
    pub(crate) build_context: String,
    /// Folder for the Dockerfile
    #[arg(long)]
    pub(crate) destination: PathBuf,
    /// Folder for a copy of it
    #[arg(long)]
    pub(crate) copy_path: Option<PathBuf>,
    /// Record the Dockerfile in the lineage of the run
    #[arg(long)]
    pub(crate) track: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    /// Content, name and mode of the file as JSON
    #[arg(long)]
    pub(crate) file_context: String,
    /// Folder for the file
    #[arg(long)]
    pub(crate) filepath: PathBuf,
    /// Folder for a copy of it
    #[arg(long)]
    pub(crate) copy_path: Option<PathBuf>,
    /// Record the file in the lineage of the run
    #[arg(long)]
    pub(crate) track: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FswatchArgs {
    /// Folder of the run
    #[arg(long)]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct GitArgs {
    /// Folder for the repository
    #[arg(long)]
    pub(crate) repo_path: PathBuf,
    /// Address of the repository
    #[arg(long)]
    pub(crate) url: String,
    /// Branch, tag or commit
    #[arg(long)]
    pub(crate) revision: Option<String>,
    /// Name of the connection, for messages
    #[arg(long)]
    pub(crate) connection: Option<String>,
    /// Flags of `git clone` or, with `--experimental-fetch`, of `git fetch`: a JSON list of text
    #[arg(long)]
    pub(crate) flags: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PathArgs {
    /// Name of the connection, for messages
    #[arg(long)]
    pub(crate) connection_name: Option<String>,
    /// Kind of the connection: `volume_claim` or `host_path`
    #[arg(long)]
    pub(crate) connection_kind: Option<String>,
    /// File or folder in the store
    #[arg(long)]
    pub(crate) path_from: PathBuf,
    /// Where it goes
    #[arg(long)]
    pub(crate) path_to: PathBuf,
    /// The path is a file
    #[arg(long)]
    pub(crate) is_file: bool,
    /// Accepted for pod plans that pass it; the sidecar compares with the store itself
    #[arg(long)]
    pub(crate) sync_fw: bool,
    /// Find out whether the path is a file or a folder, and fail if it is neither
    #[arg(long)]
    pub(crate) check_path: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SidecarArgs {
    /// Name of the main container
    #[arg(long, env = "POLYAXON_CONTAINER_ID", default_value = "polyaxon-main")]
    pub(crate) container_id: String,
    /// Accepted for pod plans that pass it; the end of main arrives as SIGTERM
    #[arg(long, default_value_t = 10)]
    pub(crate) sleep_interval: i64,
    /// Seconds between two rounds of collecting; 0 or less collects only at the end
    #[arg(long, default_value_t = 10, allow_negative_numbers = true)]
    pub(crate) sync_interval: i64,
    /// Accepted for pod plans that pass it; the agent follows the logs
    #[arg(long)]
    pub(crate) monitor_logs: bool,
    /// Accepted for pod plans that pass it; the agent watches the pod
    #[arg(long)]
    pub(crate) monitor_spec: bool,
    /// Folder to collect; by default the folder of the run
    #[arg(long)]
    pub(crate) artifacts_path: Option<PathBuf>,
    /// Folder to collect into; by default the folder of the run in the mounted artifacts store
    #[arg(long)]
    pub(crate) store_path: Option<PathBuf>,
    /// Whether artifacts are collected
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) collect: bool,
    #[command(flatten)]
    pub(crate) dockerfile: HandOverArgs,
    #[command(flatten)]
    pub(crate) question: ConfirmArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HandOverArgs {
    /// Dockerfile to print, by its path in the main container
    #[arg(long, value_name = "FILE", requires_all = ["main_folder", "main_folder_at"])]
    pub(crate) dockerfile: Option<String>,
    /// Folder of the main container that the file is in
    #[arg(long, value_name = "DIR")]
    pub(crate) main_folder: Option<PathBuf>,
    /// Where that folder is mounted here
    #[arg(long, value_name = "DIR")]
    pub(crate) main_folder_at: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfirmArgs {
    /// Image that the main container pushes: once it has ended, its registry is asked for the digest
    #[arg(long, value_name = "IMAGE", requires = "digest_file")]
    pub(crate) confirm: Option<String>,
    /// File with the digest that the main container names
    #[arg(long, value_name = "FILE")]
    pub(crate) digest_file: Option<PathBuf>,
    /// Folder with the `config.json` of the registry's credentials
    #[arg(long, value_name = "DIR")]
    pub(crate) registry_secret: Option<PathBuf>,
    /// PEM file of further certificate authorities
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Registry (`host:port`) that is spoken to over plain HTTP; may be repeated
    #[arg(long, value_name = "REGISTRY")]
    pub(crate) insecure_registry: Vec<String>,
    /// Where the answer is left
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    pub(crate) answer_file: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use rstest::rstest;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case("auth", &["initializer", "auth"])]
    #[case("auth", &["auth"])]
    #[case("git", &["initializer", "git", "--repo-path=/r/app", "--url=https://h/app", "--revision=v2", "--connection=git-https", "--flags=[\"--depth 1\"]"])]
    #[case("git", &["git", "--repo-path", "/r/app", "--url", "https://h/app"])]
    #[case("dockerfile", &["docker", "generate", "--build-context={\"image\":\"a\"}", "--destination=/d", "--copy-path=/c", "--track"])]
    #[case("dockerfile", &["dockerfile", "--build-context={}", "--destination=/d"])]
    #[case("file", &["initializer", "file", "--file-context={\"content\":\"a\"}", "--filepath=/d", "--copy-path=/c", "--track"])]
    #[case("path", &["initializer", "path", "--connection-name=store", "--connection-kind=volume_claim", "--path-from=/s/a", "--path-to=/d/a", "--check-path"])]
    #[case("fswatch", &["initializer", "fswatch", "--path=/a"])]
    #[case("sidecar", &["sidecar", "--collect=false", "--confirm=r/a:1", "--digest-file=/d", "--registry-secret=/s", "--ca-bundle=/c", "--insecure-registry=r:1"])]
    #[case("sidecar", &["sidecar", "--dockerfile=/c/a/Dockerfile", "--main-folder=/c", "--main-folder-at=/plx-build/context"])]
    #[case("sidecar", &["sidecar", "--container-id=polyaxon-main", "--sleep-interval=2", "--sync-interval=-1", "--monitor-logs", "--monitor-spec"])]
    fn the_lines_of_pod_plans_are_understood(#[case] name: &str, #[case] line: &[&str]) {
        let arguments = std::iter::once("polyaxon").chain(line.iter().copied());
        let cli = Cli::try_parse_from(arguments).unwrap();
        assert_eq!(cli.command.into_step().name(), name);
    }
}
