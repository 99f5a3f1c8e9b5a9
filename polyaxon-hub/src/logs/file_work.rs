//! Where work on files is done.

use super::LogError;

/// Which thread waits for the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileWork {
    /// Threads that may wait, so that calls go on meanwhile.
    #[default]
    Threads,
    /// The caller's: nothing else happens meanwhile, which a simulation wants.
    Inline,
}

impl FileWork {
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LogError> {
        match self {
            Self::Threads => tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| LogError::Stopped),
            Self::Inline => Ok(work()),
        }
    }
}
