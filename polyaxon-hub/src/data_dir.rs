//! The hub's folder: its lock, its key and the first token.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use thiserror::Error;

/// Name of the file with the admin's token.
const ADMIN_TOKEN: &str = "admin.token";

/// Why the folder cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// A file or folder cannot be used.
    #[error("`{path}` cannot be used: {source}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another hub has it.
    #[error(
        "`{path}` is in use by another hub: stop that one, or give this one its own `--data-dir`"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The first start's token is not there.
    #[error(
        "`{path}` does not exist: the first start of a hub writes it; if an admin removed it, log in with a token of that admin; if the hub was given `--admin-token-file`, the token is in that file"
    )]
    NoAdminToken {
        /// The file.
        path: PathBuf,
    },
    /// The key file has another size.
    #[error(
        "`{path}` is not a key of 32 bytes: restore it from a backup, or remove it to make a new one"
    )]
    BadKey {
        /// The file.
        path: PathBuf,
    },
}

/// The folder, locked for this process.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if it is absent and locks it.
    ///
    /// # Errors
    /// When it cannot be made or another process has it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| io_error(path, source))?;
        let file = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file)
            .map_err(|source| io_error(&file, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(io_error(&file, source)),
        }
    }

    /// The database file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("hub.db")
    }

    /// Where sealed logs go unless a flag says otherwise.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Where logs that still grow are kept.
    #[must_use]
    pub fn open_logs(&self) -> PathBuf {
        self.path.join("open-logs")
    }

    /// The admin's token of the first start.
    #[must_use]
    pub fn admin_token(&self) -> PathBuf {
        self.path.join(ADMIN_TOKEN)
    }

    /// Writes the admin's token, durably, for the owner of the folder only.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_admin_token(&self, secret: &SecretString) -> Result<(), DataDirError> {
        self.write_private(
            &self.admin_token(),
            format!("{}\n", secret.expose_secret()).as_bytes(),
        )
    }

    /// The key that signs short-lived tokens; `fresh` becomes it at the first start.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else.
    pub fn key(&self, fresh: [u8; 32]) -> Result<[u8; 32], DataDirError> {
        let path = self.path.join("hub.key");
        match std::fs::read(&path) {
            Ok(bytes) => {
                <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| DataDirError::BadKey { path })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.write_private(&path, &fresh)?;
                Ok(fresh)
            }
            Err(source) => Err(io_error(&path, source)),
        }
    }

    fn write_private(&self, path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
        let write = || -> io::Result<()> {
            let temporary = path.with_extension("new");
            let _ = std::fs::remove_file(&temporary);
            let mut file = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&temporary, path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| io_error(path, source))
    }
}

/// Reads the admin's token of the first start, without taking the folder from the hub that has it.
///
/// # Errors
/// When the file is not there or cannot be read.
pub fn read_admin_token(folder: &Path) -> Result<SecretString, DataDirError> {
    let path = folder.join(ADMIN_TOKEN);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(SecretString::from(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(DataDirError::NoAdminToken { path })
        }
        Err(source) => Err(io_error(&path, source)),
    }
}

fn io_error(path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_process_is_refused_and_the_key_stays() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        assert!(matches!(
            DataDir::open(folder.path()),
            Err(DataDirError::InUse { .. })
        ));
        assert_eq!(first.key([1; 32]).unwrap(), [1; 32]);
        drop(first);
        let again = DataDir::open(folder.path()).unwrap();
        assert_eq!(again.key([2; 32]).unwrap(), [1; 32]);
        std::fs::write(folder.path().join("hub.key"), b"short").unwrap();
        assert!(matches!(
            again.key([2; 32]),
            Err(DataDirError::BadKey { .. })
        ));
    }

    #[test]
    fn the_admin_token_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let absent = read_admin_token(folder.path()).unwrap_err();
        assert!(absent.to_string().contains("first start"), "{absent}");
        data.write_admin_token(&SecretString::from("plx_x".to_owned()))
            .unwrap();
        let mode = std::fs::metadata(data.admin_token())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            std::fs::read_to_string(data.admin_token()).unwrap(),
            "plx_x\n"
        );
        let read = read_admin_token(folder.path()).unwrap();
        assert_eq!(read.expose_secret(), "plx_x");
    }
}
