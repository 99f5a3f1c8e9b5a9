//! The private key of an ssh connection.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use thiserror::Error;

/// The key could not be used.
#[derive(Debug, Error)]
#[error(
    "could not read the private key `{path}`: {source}; check the keys of the connection's secret and `POLYAXON_SSH_PRIVATE_KEY`", path = path.display()
)]
pub(crate) struct SshError {
    path: PathBuf,
    source: io::Error,
}

/// A copy of the private key that only this user can read: ssh refuses others, and the mode of a
/// mounted secret is not ours to choose.
#[derive(Debug)]
pub(crate) struct SshKey(NamedTempFile);

impl SshKey {
    pub(crate) fn copy(folder: &Path, name: &str) -> Result<Self, SshError> {
        let path = folder.join(name);
        let copy = || {
            let mut content = std::fs::read(&path)?;
            // ssh does not read a key without its last line end.
            if !content.ends_with(b"\n") {
                content.push(b'\n');
            }
            let mut file = NamedTempFile::new()?;
            file.write_all(&content)?;
            Ok(file)
        };
        copy().map(Self).map_err(|source| SshError { path, source })
    }
}

/// The ssh command for git. The host is checked where the secret has a `known_hosts` file.
pub(crate) fn command(key: &SshKey, folder: &Path) -> String {
    let known_hosts = folder.join("known_hosts");
    let mut command = format!(
        "ssh -i {} -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30",
        quote(key.0.path())
    );
    let checked = if known_hosts.is_file() {
        format!(
            " -o UserKnownHostsFile={} -o StrictHostKeyChecking=yes",
            quote(&known_hosts)
        )
    } else {
        " -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no".to_owned()
    };
    // Writing to a String does not fail.
    let _ = command.write_str(&checked);
    command
}

fn quote(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_key_is_private_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("id_rsa"), "KEY").unwrap();
        let key = SshKey::copy(folder.path(), "id_rsa").unwrap();
        assert_eq!(std::fs::read(key.0.path()).unwrap(), b"KEY\n");
        let mode = key.0.path().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let unchecked = command(&key, folder.path());
        assert!(
            unchecked.contains("StrictHostKeyChecking=no"),
            "{unchecked}"
        );
        std::fs::write(folder.path().join("known_hosts"), "h key").unwrap();
        let checked = command(&key, folder.path());
        assert!(checked.contains("StrictHostKeyChecking=yes"), "{checked}");
    }

    #[test]
    fn a_missing_key_names_its_path() {
        let error = SshKey::copy(Path::new("/none"), "id_ed25519").unwrap_err();
        assert!(error.to_string().contains("/none/id_ed25519"), "{error}");
    }
}
