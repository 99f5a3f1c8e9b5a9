//! The result of composition.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Code, Report};
use crate::model::{Io, Param, ROOT, read_ios};

/// One document that says everything about a run, and the params that are to be applied to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompiledOperation {
    /// The document, of kind `compiled_operation`; it has no references, no patches and no params.
    pub document: Json,
    /// The params by name.
    pub params: IndexMap<String, Param>,
}

impl CompiledOperation {
    /// The form that is stored and sent.
    pub fn to_json(&self) -> Json {
        serde_json::json!({"document": self.document, "params": self.params})
    }

    /// Reads the form that [`CompiledOperation::to_json`] gives.
    ///
    /// # Errors
    ///
    /// When the value is something else.
    pub fn from_json(value: Json) -> Result<Self, Report> {
        serde_json::from_value(value).map_err(|error| {
            Report::error(
                Code::WrongType,
                format!("this is not a compiled operation: {error}"),
            )
        })
    }

    /// The document's fields in the order of the tables, and the params by themselves.
    pub(super) fn from_effective(mut effective: Map<String, Json>) -> Result<Self, Report> {
        let params = match effective.shift_remove("params") {
            Some(params @ Json::Object(_)) => serde_json::from_value(params).map_err(|error| {
                Report::error(Code::WrongType, format!("a param cannot be read: {error}"))
            })?,
            _ => IndexMap::new(),
        };
        effective.insert("kind".into(), "compiled_operation".into());
        let document = ROOT
            .fields
            .iter()
            .filter_map(|field| Some((field.name.to_owned(), effective.shift_remove(field.name)?)))
            .collect();
        Ok(Self { document, params })
    }

    /// A field that is text.
    fn text(&self, name: &str) -> Option<&str> {
        self.document.get(name)?.as_str()
    }

    /// The name of the run.
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// What the run is for.
    pub fn description(&self) -> Option<&str> {
        self.text("description")
    }

    /// The queue, as `queue` or `agent/queue`.
    pub fn queue(&self) -> Option<&str> {
        self.text("queue")
    }

    /// The namespace.
    pub fn namespace(&self) -> Option<&str> {
        self.text("namespace")
    }

    /// The tags.
    pub fn tags(&self) -> Vec<&str> {
        self.texts("tags")
    }

    /// The names of the presets.
    pub fn presets(&self) -> Vec<&str> {
        self.texts("presets")
    }

    fn texts(&self, name: &str) -> Vec<&str> {
        let items = self.document.get(name).and_then(Json::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect()
    }

    /// Whether somebody has to approve the run before it starts.
    pub fn needs_approval(&self) -> bool {
        self.document.get("isApproved") == Some(&Json::Bool(false))
    }

    /// The `run` section.
    pub fn run(&self) -> Option<&Map<String, Json>> {
        self.document.get("run")?.as_object()
    }

    /// The kind of the run.
    pub fn run_kind(&self) -> Option<&str> {
        self.run()?.get("kind")?.as_str()
    }

    /// The declared inputs, in their order.
    ///
    /// # Errors
    ///
    /// When the document holds something else; a composed one never does.
    pub fn inputs(&self) -> Result<Vec<Io>, Report> {
        self.ios("inputs")
    }

    /// The declared outputs, in their order.
    ///
    /// # Errors
    ///
    /// When the document holds something else; a composed one never does.
    pub fn outputs(&self) -> Result<Vec<Io>, Report> {
        self.ios("outputs")
    }

    fn ios(&self, name: &str) -> Result<Vec<Io>, Report> {
        match &self.document {
            Json::Object(fields) => read_ios(fields, name),
            _ => Ok(Vec::new()),
        }
    }
}
