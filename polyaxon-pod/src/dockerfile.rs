//! The step `dockerfile`: writes a Dockerfile from its fields.

use polyaxon_spec::dockerfile::{Dockerfile, DockerfileError, generate};
use thiserror::Error;

use crate::cli::DockerfileArgs;
use crate::environment::Environment;
use crate::files::{self, FilesError};
use crate::lineage::{self, Kind};
use crate::ui;

/// Why there is no Dockerfile.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error("received a non valid build context: {0}; check the `dockerfile` of `init`")]
    Json(#[from] serde_json::Error),
    #[error("received a non valid build context: {0}; check the `dockerfile` of `init`")]
    Fields(#[from] DockerfileError),
    #[error(transparent)]
    Files(#[from] FilesError),
}

pub(crate) fn run(arguments: &DockerfileArgs, environment: &Environment) -> Result<(), StepError> {
    let fields = serde_json::from_str(&arguments.build_context)?;
    let dockerfile = Dockerfile::from_json(&fields)?;
    let text = generate(&dockerfile);
    let name = &dockerfile.filename;
    let path = files::write(&arguments.destination, name, text.as_bytes())?;
    if let Some(folder) = &arguments.copy_path {
        files::write(folder, name, text.as_bytes())?;
    }
    if arguments.track {
        let summary = serde_json::json!({ "path": path, "image": dockerfile.image });
        lineage::record(environment, Kind::Dockerfile, name, Some(&path), summary)?;
    }
    ui::result(&format!(
        "Dockerfile was generated, path: `{}`",
        path.display()
    ));
    Ok(())
}
