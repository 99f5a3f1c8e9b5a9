//! Why a simulation itself failed.

use polyaxon_hub::logs::LogError;
use polyaxon_hub::storage::StorageError;
use thiserror::Error;

/// The simulation could not go on; this says nothing about what is simulated.
#[derive(Debug, Error)]
pub enum SimulationError {
    /// The database in memory.
    #[error("the database in memory failed: {0}")]
    Storage(#[from] StorageError),
    /// The files of logs.
    #[error("the log files failed: {0}")]
    Logs(#[from] LogError),
    /// Something else of the surroundings.
    #[error("{0}")]
    Surroundings(String),
}
