//! From a compiled operation to one that holds no templates any more.

mod connections;
mod context;
mod launchable;
mod lineage;
mod render;
#[cfg(test)]
mod tests;

pub(crate) use connections::{init_names, run_names};
pub(crate) use context::ARTIFACTS_PATH;
pub use launchable::check_launchable;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::catalog::Catalog;
use crate::compose::CompiledOperation;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::params;

/// Everything about a run that templates and pods want to know.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunContext {
    /// Owner of the project.
    pub owner: String,
    /// Project of the run.
    pub project: String,
    /// UUID of the project; the name when there is none.
    pub project_uuid: String,
    /// UUID of the run, 32 hexadecimal digits.
    pub run_uuid: String,
    /// Name of the run.
    pub run_name: String,
    /// Who made the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Address of who made the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_email: Option<String>,
    /// When the run was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// When the run was compiled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiled_at: Option<Timestamp>,
    /// Address of the API as pods of the cluster reach it.
    pub api_host: String,
    /// Address of the API from outside, for `plugins.externalHost`; `api_host` when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_host: Option<String>,
    /// Whether runs that do not say get a token (`plugins.auth`).
    pub default_auth: bool,
}

/// An operation whose params, connections and templates are all resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResolvedOperation {
    /// The document, `kind: compiled_operation`.
    pub document: Value,
    /// Artifacts that are known before the run: the image of each image-typed input and output.
    pub lineage: Vec<Value>,
}

/// The image that a build makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The full name: the url of the connection, a slash, and the value.
    pub image: String,
    /// The connection that has the credentials.
    pub connection: Option<String>,
}

impl ResolvedOperation {
    /// The image-typed `destination`, if the operation has one with a value.
    pub fn destination(&self) -> Option<Destination> {
        let artifact = self
            .lineage
            .iter()
            .find(|artifact| artifact.get("name").and_then(Value::as_str) == Some("destination"))?;
        Some(Destination {
            image: artifact
                .pointer("/summary/image")
                .and_then(Value::as_str)?
                .to_owned(),
            connection: artifact
                .get("connection")
                .and_then(Value::as_str)
                .map(str::to_owned),
        })
    }

    /// The `run` section; an empty mapping for a document that has none.
    pub(crate) fn run(&self) -> &Value {
        static NOTHING: Value = Value::Null;
        self.document.get("run").unwrap_or(&NOTHING)
    }
}

/// Applies params, binds connections and renders every template of what is going to run. Presets have been applied
/// before.
///
/// # Errors
///
/// What cannot be launched ([`check_launchable`]), and everything that [`preview`] refuses.
pub fn resolve(
    compiled: &CompiledOperation,
    run: &RunContext,
    catalog: &Catalog,
) -> Result<ResolvedOperation, Report> {
    check_launchable(&compiled.document)?;
    preview(compiled, run, catalog)
}

/// Like [`resolve`], for reading only: what cannot be launched is resolved as well. The run of a dag or of a matrix
/// stays as it is, because each of its runs has its own values.
///
/// # Errors
///
/// Params that are wrong, connections and namespaces that the agent does not have, templates that fail.
pub fn preview(
    compiled: &CompiledOperation,
    run: &RunContext,
    catalog: &Catalog,
) -> Result<ResolvedOperation, Report> {
    let mut document = params::apply(compiled)?;
    let is_pipeline = is_pipeline(&document);
    let early = context::Names::early(&document, run)?;
    if !is_pipeline {
        connections::bind(&mut document, &compiled.params, &early, catalog)?;
    }
    render::operation(&mut document, &early)?;
    check_namespace(&document, catalog)?;
    if !is_pipeline {
        let names = context::Names::full(&document, run, catalog)?;
        render::run(&mut document, &names)?;
    }
    let lineage = lineage::known(&document, catalog);
    Ok(ResolvedOperation { document, lineage })
}

/// Whether the runs are made from this one.
fn is_pipeline(document: &Value) -> bool {
    let is_dag = document.pointer("/run/kind").and_then(Value::as_str) == Some("dag");
    is_dag
        || document
            .get("matrix")
            .is_some_and(|matrix| !matrix.is_null())
}

fn check_namespace(document: &Value, catalog: &Catalog) -> Result<(), Report> {
    let namespace = document.get("namespace").and_then(Value::as_str);
    match namespace.filter(|namespace| !namespace.is_empty()) {
        Some(namespace) if !catalog.manages(namespace) => Err(Diagnostic::error(
            Code::UnknownNamespace,
            format!("namespace `{namespace}` is not managed by the agent"),
        )
        .in_field("namespace")
        .with_help(format!(
            "leave it out for `{}`, or add it to the agent's `additionalNamespaces`",
            catalog.namespace
        ))
        .into()),
        _ => Ok(()),
    }
}
