//! The agent's own folder: who it is, and that it is the only one.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be written.
    #[error("cannot use the data folder `{path}`: {source}", path = path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another agent has it.
    #[error("the data folder `{path}` belongs to an agent that runs; give each agent its own `--data-dir`", path = path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
}

/// A folder that no other agent uses while this value lives.
#[derive(Debug)]
pub struct DataDir {
    agent: String,
    _lock: File,
}

impl DataDir {
    /// Takes the folder; it is made if it is not there.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(unusable)?;
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DataDirError::Taken {
                path: path.to_owned(),
            },
            TryLockError::Error(source) => unusable(source),
        })?;
        let agent = agent_id(&path.join("agent-id")).map_err(unusable)?;
        Ok(Self { agent, _lock: lock })
    }

    /// Drawn when the folder was made: label of all that this agent creates.
    pub fn agent(&self) -> &str {
        &self.agent
    }
}

fn agent_id(path: &Path) -> io::Result<String> {
    match std::fs::read_to_string(path) {
        Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let id = uuid::Uuid::new_v4().simple().to_string();
    let written = path.with_extension("new");
    std::fs::write(&written, &id)?;
    File::open(&written)?.sync_all()?;
    std::fs::rename(&written, path)?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_stays_who_it_is_and_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let first = DataDir::open(&folder.path().join("a")).expect("open");
        let second = DataDir::open(&folder.path().join("a"));
        assert!(
            matches!(second, Err(DataDirError::Taken { .. })),
            "{second:?}"
        );
        let id = first.agent().to_owned();
        drop(first);
        let again = DataDir::open(&folder.path().join("a")).expect("open");
        assert_eq!(again.agent(), id);
        let other = DataDir::open(&folder.path().join("b")).expect("open");
        assert_ne!(other.agent(), id);
    }
}
