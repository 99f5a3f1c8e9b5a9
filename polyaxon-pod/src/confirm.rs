//! Asks the registry for the digest of a build, and leaves the answer where the kubelet finds it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use polyaxon_registry::{Confirmation, Credentials, Reference, Registry, credentials_of};
use thiserror::Error;

use crate::cli::ConfirmArgs;
use crate::ui;

/// Time between the first questions.
const PAUSE: Duration = Duration::from_secs(1);

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum ConfirmError {
    #[error("cannot read the digest in `{path}`: {source}", path = path.display())]
    Digest { path: PathBuf, source: io::Error },
    #[error("cannot leave the registry's answer in `{path}`: {source}", path = path.display())]
    Answer { path: PathBuf, source: io::Error },
    #[error("cannot start asking the registry: {0}")]
    Runtime(io::Error),
}

/// Asks if there is something to ask.
pub(crate) fn run(arguments: &ConfirmArgs) -> Result<(), ConfirmError> {
    let (Some(image), Some(digest_file)) = (&arguments.confirm, &arguments.digest_file) else {
        return Ok(());
    };
    let content = match fs::read(digest_file) {
        Ok(content) => Some(content),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => {
            return Err(ConfirmError::Digest {
                path: digest_file.clone(),
                source,
            });
        }
    };
    let confirmation = match Confirmation::claimed(content.as_deref()) {
        Ok(digest) => ask(arguments, image, digest)?,
        Err(confirmation) => confirmation,
    };
    match &confirmation {
        Confirmation::Confirmed { digest, .. } => {
            ui::note(&format!("the registry has `{digest}`"));
        }
        Confirmation::Absent { reason, .. }
        | Confirmation::Undecided { reason, .. }
        | Confirmation::NoCredentials { reason, .. } => {
            ui::note(&format!("not confirmed: {reason}"));
        }
    }
    fs::write(&arguments.answer_file, confirmation.to_message()).map_err(|source| {
        ConfirmError::Answer {
            path: arguments.answer_file.clone(),
            source,
        }
    })
}

fn ask(arguments: &ConfirmArgs, image: &str, digest: String) -> Result<Confirmation, ConfirmError> {
    let insecure = arguments.insecure_registry.clone();
    let registry = match Registry::new(arguments.ca_bundle.as_deref(), insecure) {
        Ok(registry) => registry,
        Err(error) => {
            return Ok(Confirmation::Undecided {
                digest: Some(digest),
                reason: error.to_string(),
            });
        }
    };
    let credentials = |reference: &Reference| match &arguments.registry_secret {
        Some(folder) => {
            credentials_of(folder, &reference.registry).map_err(|error| error.to_string())
        }
        None => Ok(Credentials::Anonymous),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ConfirmError::Runtime)?;
    Ok(runtime.block_on(registry.confirm(image, digest, credentials, PAUSE)))
}
