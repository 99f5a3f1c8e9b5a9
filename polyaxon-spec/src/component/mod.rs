//! A component: inputs, outputs and a `run`, as it is registered in a hub.

mod canonical;
mod defaults;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value as Json};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::{Document, Io, REFERENCES, SHORTCUTS, read_ios};
use crate::source::Source;
use crate::yaml::Node;

/// The media type of [`Component::canonical_json`].
pub const COMPONENT_MEDIA_TYPE: &str = "application/vnd.polyaxon.component.v1+json";

/// A component that was read and checked.
#[derive(Debug, Clone)]
pub struct Component {
    authored: Json,
    fields: Map<String, Json>,
    inputs: Vec<Io>,
    outputs: Vec<Io>,
}

impl Component {
    /// Reads the file of a component. The second value holds warnings.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in the text, and when it is not a component or has nothing to run.
    pub fn read(source: &Source) -> Result<(Self, Vec<Diagnostic>), Report> {
        let document = Document::read(source)?;
        if !matches!(document.kind(), None | Some("component")) {
            return Err(document.wrong_kind(
                "a component is needed here",
                "write `kind: component`; an operation only refers to one",
            ));
        }
        let runs = ["run", "component"]
            .iter()
            .chain(REFERENCES)
            .chain(SHORTCUTS);
        if !runs.into_iter().any(|name| {
            document
                .fields
                .get(*name)
                .is_some_and(|value| !value.is_null())
        }) {
            return Err(nothing_to_run(&document.node));
        }
        let inputs = read_ios(&document.fields, "inputs")?;
        let outputs = read_ios(&document.fields, "outputs")?;
        defaults::check(&document.node, "inputs", &inputs)?;
        defaults::check(&document.node, "outputs", &outputs)?;
        let component = Self {
            authored: document.node.to_json(),
            inputs,
            outputs,
            fields: document.fields,
        };
        Ok((component, document.warnings))
    }

    /// The document as it was written: references are not replaced, nothing is filled in.
    pub const fn to_json(&self) -> &Json {
        &self.authored
    }

    /// The bytes that the digest is over: the authored document as UTF-8 with sorted keys and without spaces.
    ///
    /// Integers are as written, floats have their shortest digits and always a dot, dates are text, nulls are kept.
    /// The text reads back equal as JSON and as YAML 1.1.
    pub fn canonical_json(&self) -> String {
        canonical::write(&self.authored)
    }

    /// `sha256:` and the digest of [`Component::canonical_json`] in 64 hexadecimal digits.
    pub fn digest(&self) -> String {
        canonical::digest(&self.canonical_json())
    }

    /// The name that the component gives itself.
    pub fn name(&self) -> Option<&str> {
        self.fields.get("name").and_then(Json::as_str)
    }

    /// What the component is for.
    pub fn description(&self) -> Option<&str> {
        self.fields.get("description").and_then(Json::as_str)
    }

    /// The tags.
    pub fn tags(&self) -> Vec<&str> {
        let tags = self.fields.get("tags").and_then(Json::as_array);
        tags.into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect()
    }

    /// The kind of its run, if it says one.
    pub fn run_kind(&self) -> Option<&str> {
        self.fields.get("run")?.get("kind")?.as_str()
    }

    /// The declared inputs, in their order.
    pub fn inputs(&self) -> &[Io] {
        &self.inputs
    }

    /// The declared outputs, in their order.
    pub fn outputs(&self) -> &[Io] {
        &self.outputs
    }
}

fn nothing_to_run(node: &Node) -> Report {
    let mut diagnostic = Diagnostic::error(Code::NoRun, "the component has nothing to run")
        .with_help("add `run:` with a `kind` and a `container`");
    diagnostic.place = node.place();
    diagnostic.into()
}
