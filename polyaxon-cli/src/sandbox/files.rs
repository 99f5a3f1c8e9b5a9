//! The files of a sandbox.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::SandboxError;
use crate::private_file;

/// Where everything is; made by the first start and kept by later ones.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// The hub's folder.
    pub(crate) hub: PathBuf,
    /// The token that may do everything; the hub writes it.
    pub(crate) admin_token: PathBuf,
    /// The agent's folder.
    pub(crate) agent: PathBuf,
    pub(crate) agent_token: PathBuf,
    pub(crate) agent_config: PathBuf,
    /// Whether this start wrote [`Self::agent_config`].
    pub(crate) agent_config_is_new: bool,
    /// Logs of hub and agent.
    pub(crate) logs: PathBuf,
}

impl Files {
    /// Makes what is missing under `data_dir`.
    pub(super) fn prepare(
        data_dir: &Path,
        executor_image: Option<&str>,
    ) -> Result<Self, SandboxError> {
        let hub = data_dir.join("hub");
        let mut files = Self {
            admin_token: hub.join("admin.token"),
            hub,
            agent: data_dir.join("agent"),
            agent_token: data_dir.join("agent.token"),
            agent_config: data_dir.join("agent.yaml"),
            agent_config_is_new: false,
            logs: data_dir.join("logs"),
        };
        let (store, secrets) = (data_dir.join("store"), data_dir.join("secrets"));
        // The hub makes its own folder.
        for folder in [&files.agent, &files.logs, &store, &secrets] {
            make_folder(folder)?;
        }
        let sample = sample(&store, &secrets, executor_image);
        files.agent_config_is_new = write_new(&files.agent_config, &sample)?;
        Ok(files)
    }

    pub(super) fn read_token(path: &Path) -> Result<SecretString, SandboxError> {
        let text = std::fs::read_to_string(path).map_err(|source| SandboxError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(SecretString::from(text.trim().to_owned()))
    }

    pub(super) fn write_token(path: &Path, token: &SecretString) -> Result<(), SandboxError> {
        private_file::write(path, format!("{}\n", token.expose_secret()).as_bytes()).map_err(
            |source| SandboxError::Write {
                path: path.to_owned(),
                source,
            },
        )
    }
}

/// A folder that only its owner can enter, because tokens and secrets lie in it.
fn make_folder(path: &Path) -> Result<(), SandboxError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| SandboxError::Write {
            path: path.to_owned(),
            source,
        })
}

/// Writes a file unless it exists; answers whether it did.
fn write_new(path: &Path, text: &str) -> Result<bool, SandboxError> {
    let failed = |source| SandboxError::Write {
        path: path.to_owned(),
        source,
    };
    match std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
    {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).map_err(failed)?;
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn sample(store: &Path, secrets: &Path, executor_image: Option<&str>) -> String {
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "''"));
    let executor = executor_image.map_or_else(String::new, |image| {
        format!("\n# Image that builds images.\nexecutorImage: '{image}'\n")
    });
    format!(
        "# What this agent offers to runs. Changes count from its next start on.
namespace: sandbox

# Where runs keep their artifacts.
artifactsStore:
  name: artifacts-store
  kind: host_path
  schema:
    hostPath: {store}
    mountPath: /plx-artifacts

# Registries, stores and git hosts, by the names that operations use.
connections:
- name: docker-connection
  kind: registry
  schema:
    url: 127.0.0.1:5000
{executor}
# The Docker or Podman engine that runs the containers.
engine:
  network: host
  # A Secret NAME with a key KEY is the file NAME/KEY in this folder.
  secretsDir: {secrets}
",
        store = quoted(store),
        secrets = quoted(secrets),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_start_writes_and_the_second_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("it's here");
        let first = Files::prepare(&data, None).unwrap();
        assert!(first.agent_config_is_new);
        let text = std::fs::read_to_string(&first.agent_config).unwrap();
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(read["connections"][0]["name"], "docker-connection");
        assert_eq!(
            read["artifactsStore"]["schema"]["hostPath"],
            data.join("store").display().to_string()
        );
        assert!(data.join("store").is_dir() && data.join("secrets").is_dir());

        std::fs::write(&first.agent_config, "namespace: mine\n").unwrap();
        let second = Files::prepare(&data, Some("kaniko:1")).unwrap();
        assert!(!second.agent_config_is_new);
        let text = std::fs::read_to_string(&second.agent_config).unwrap();
        assert_eq!(text, "namespace: mine\n");
    }

    #[test]
    fn the_sample_names_the_executor_image_that_was_asked_for() {
        let text = sample(Path::new("/s"), Path::new("/x"), Some("localhost/kaniko:1"));
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(read["executorImage"], "localhost/kaniko:1");
    }

    #[test]
    fn tokens_and_folders_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::prepare(folder.path(), None).unwrap();
        let secret = SecretString::from("plx_secret".to_owned());
        Files::write_token(&files.agent_token, &secret).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&files.agent_token), 0o600);
        assert_eq!(mode(&folder.path().join("secrets")), 0o700);
        let read = Files::read_token(&files.agent_token).unwrap();
        assert_eq!(read.expose_secret(), "plx_secret");
    }
}
