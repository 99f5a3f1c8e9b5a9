//! Collecting the components that an operation refers to, wherever in it the references stand.

use polyaxon_spec::diagnostic::{Code, Diagnostic, Report};
use polyaxon_spec::operation::Operation;
use polyaxon_spec::refs::{Reference, ReferenceKind};
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;

use super::{Components, LookupError};
use crate::storage::StorageError;

/// Most references of one operation, those inside of collected components included.
const MAX_REFERENCES: usize = 256;

/// A reference of an operation and what it was taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedReference {
    /// The section that holds it; empty for the operation itself.
    pub section: String,
    /// As typed, for example `kaniko`.
    pub reference: String,
    /// `owner/name:version`.
    pub component: String,
    /// `sha256:` and 64 hex digits.
    pub digest: String,
}

/// What was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// In the order in which the operation names them.
    pub references: Vec<CollectedReference>,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

impl Collected {
    /// What the operation itself refers to; absent when its component came with it.
    #[must_use]
    pub fn main(&self) -> Option<&CollectedReference> {
        self.references
            .iter()
            .find(|reference| reference.section.is_empty())
    }
}

/// Why an operation cannot be completed.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// A reference leads to nothing that may be used.
    #[error("{error}")]
    Unresolved {
        /// Why.
        error: LookupError,
        /// The same with the place where the reference was written.
        report: Report,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The operation, or a component that it refers to, is not valid.
    #[error("{0}")]
    Invalid(Report),
}

/// Resolves every `hubRef` that has no component yet and attaches what it names, until none is left.
///
/// # Errors
/// When a reference cannot be resolved, or a `urlRef` or `pathRef` is left, which only a client can read.
pub async fn collect(
    components: &Components,
    operation: &mut Operation,
) -> Result<Collected, CollectError> {
    let mut collected = Collected::default();
    loop {
        let pending = operation.references();
        if pending.is_empty() {
            return Ok(collected);
        }
        for reference in pending {
            if collected.references.len() >= MAX_REFERENCES {
                return Err(CollectError::Invalid(Report::from(Diagnostic::error(
                    Code::TooManyReferences,
                    format!("the operation refers to more than {MAX_REFERENCES} components"),
                ))));
            }
            if reference.kind != ReferenceKind::Hub {
                return Err(CollectError::Invalid(unread(&reference)));
            }
            let resolved = components
                .resolve(&reference.value)
                .await
                .map_err(|error| located(error, &reference))?;
            let version = &resolved.version;
            let component = format!("{}/{}:{}", version.owner, version.component, version.name);
            let source = Source::new(component.clone(), text(&resolved.content)?);
            operation
                .attach(&reference, &source)
                .map_err(CollectError::Invalid)?;
            collected.warnings.extend(resolved.warnings);
            collected.references.push(CollectedReference {
                section: reference.section.clone(),
                reference: reference.value.clone(),
                component,
                digest: resolved.version.digest,
            });
        }
    }
}

/// The YAML form of stored content: JSON is not quite YAML 1.1, `1e16` is text there.
fn text(content: &[u8]) -> Result<String, CollectError> {
    let value = serde_json::from_slice(content).map_err(|error| StorageError::Corrupt {
        what: "content of a component",
        value: error.to_string(),
    })?;
    Ok(yaml::write(&value))
}

/// Gives the mistakes of the author the place where they were written.
fn located(error: LookupError, reference: &Reference) -> CollectError {
    let code = match error {
        LookupError::Storage(error) => return CollectError::Storage(error),
        LookupError::Malformed(_) => Code::BadReference,
        _ => Code::UnknownComponent,
    };
    let report = report(code, error.to_string(), reference);
    CollectError::Unresolved { error, report }
}

fn unread(reference: &Reference) -> Report {
    let message = format!("the hub does not read the {reference}: a client collects it first");
    report(Code::UnresolvedReference, message, reference)
}

fn report(code: Code, message: String, reference: &Reference) -> Report {
    let field = reference.kind.field();
    let path = if reference.section.is_empty() {
        field.to_owned()
    } else {
        format!("{}.{field}", reference.section)
    };
    let diagnostic = Diagnostic::error(code, message).in_field(path);
    Report::from(match &reference.place {
        Some(place) => diagnostic.at(place.clone()),
        None => diagnostic,
    })
}
