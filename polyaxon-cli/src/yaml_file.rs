//! Small files of the command line's own, as YAML that only their owner reads.

use std::io::ErrorKind;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::ConfigError;
use crate::private_file;

/// What is in the file, if it is there. A file in the place of one of its folders means that it is not.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ConfigError> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_yaml::from_str(&text)
            .map(Some)
            .map_err(|error| ConfigError::Invalid {
                path: path.to_owned(),
                reason: error.to_string(),
            }),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(ConfigError::Read {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Puts the file there, with its folders.
pub(crate) fn write<T: Serialize>(path: &Path, content: &T) -> Result<(), ConfigError> {
    let failed = |reason: String| ConfigError::Write {
        path: path.to_owned(),
        reason,
    };
    let text = serde_yaml::to_string(content).map_err(|error| failed(error.to_string()))?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| failed(error.to_string()))?;
    }
    private_file::write(path, text.as_bytes()).map_err(|error| failed(error.to_string()))
}
