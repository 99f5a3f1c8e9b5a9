//! From a compiled operation to one that holds no templates any more.

mod connections;
mod context;
mod lineage;
mod render;
#[cfg(test)]
mod tests;

pub(crate) use connections::{init_names, run_names};
pub(crate) use context::ARTIFACTS_PATH;

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

/// Applies params, binds connections and renders every template. Presets have been applied before.
pub fn resolve(
    compiled: &CompiledOperation,
    run: &RunContext,
    catalog: &Catalog,
) -> Result<ResolvedOperation, Report> {
    let mut document = params::apply(compiled)?;
    check_kind(&document)?;
    let early = context::Names::early(&document, run)?;
    connections::bind(&mut document, &early, catalog)?;
    render::operation(&mut document, &early)?;
    check_namespace(&document, catalog)?;
    let names = context::Names::full(&document, run, catalog)?;
    render::run(&mut document, &names)?;
    let lineage = lineage::known(&document, catalog);
    Ok(ResolvedOperation { document, lineage })
}

/// Sections that change what runs, and that nothing here carries out yet: leaving them out silently would run
/// something else than the file says.
const UNSUPPORTED: [&str; 6] = ["build", "matrix", "joins", "schedule", "hooks", "events"];

fn check_kind(document: &Value) -> Result<(), Report> {
    let is_set = |section: &&&str| match document.get(**section) {
        None | Some(Value::Null) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(_) => true,
    };
    if let Some(section) = UNSUPPORTED.iter().find(is_set) {
        return Err(Diagnostic::error(
            Code::Unsupported,
            format!("section `{section}` is not supported by this version"),
        )
        .in_field(*section)
        .with_help("remove it")
        .into());
    }
    let kind = document
        .pointer("/run/kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if matches!(kind, "job" | "service") {
        return Ok(());
    }
    Err(Diagnostic::error(
        Code::Unsupported,
        format!("a run of kind `{kind}` cannot be launched by this version"),
    )
    .in_field("run.kind")
    .with_help("use `kind: job`")
    .into())
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
