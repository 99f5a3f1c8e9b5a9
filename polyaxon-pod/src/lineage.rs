//! Records of what a run was made from: one JSON file per record in the run's folder `lineage`,
//! which the sidecar collects with the other artifacts.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::environment::Environment;
use crate::files::{self, FilesError};

/// Kinds of records, in the words of the run's lineage.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Coderef,
    Dockerfile,
    File,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Coderef => "coderef",
            Self::Dockerfile => "dockerfile",
            Self::File => "file",
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    name: &'a str,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a Path>,
    summary: Value,
    is_input: bool,
}

/// Writes a record. Does nothing where the folder of the run is not mounted: a step with a `path`
/// of its own sees only that volume.
pub(crate) fn record(
    environment: &Environment,
    kind: Kind,
    name: &str,
    path: Option<&Path>,
    summary: Value,
) -> Result<(), FilesError> {
    let Some(folder) = environment.run_folder().filter(|folder| folder.is_dir()) else {
        return Ok(());
    };
    let record = Record {
        name,
        kind,
        path,
        summary,
        is_input: true,
    };
    let file: String = name
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() || "-_.".contains(letter) {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let content = serde_json::json!(record).to_string();
    let name = format!("{}-{file}.json", kind.name());
    files::write(&folder.join("lineage"), &name, content.as_bytes())?;
    Ok(())
}
