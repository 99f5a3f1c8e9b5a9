//! A request to run a component, as it is submitted.

mod attach;
mod flags;
mod locate;
mod overlay;
#[cfg(test)]
mod tests;
mod walk;

use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Diagnostic, Report};
use crate::model::Document;
use crate::refs::Reference;
use crate::source::Source;
use crate::yaml::Node;
pub use flags::Flags;

/// An operation in normal form, with the components that were collected for its references.
#[derive(Debug, Clone)]
pub struct Operation {
    fields: Map<String, Json>,
    origins: Vec<Origin>,
}

/// Where a section was written.
#[derive(Debug, Clone)]
struct Origin {
    /// The section, as in [`Reference::section`].
    section: String,
    node: Node,
}

impl Operation {
    /// Reads the file of an operation or of a component, which is wrapped into an operation, and applies the
    /// flags and then the overlays in their order. The second value holds warnings.
    ///
    /// # Errors
    ///
    /// Everything that is wrong in the first text that cannot be accepted, with places.
    pub fn read(
        main: &Source,
        overlays: &[Source],
        flags: &Flags,
    ) -> Result<(Self, Vec<Diagnostic>), Report> {
        Self::build(Document::read(main)?, overlays, flags)
    }

    /// An operation that runs a component of the hub, with flags and overlays.
    ///
    /// # Errors
    ///
    /// When the reference cannot be parsed, and like [`Operation::read`].
    pub fn for_hub(
        hub_ref: &str,
        overlays: &[Source],
        flags: &Flags,
    ) -> Result<(Self, Vec<Diagnostic>), Report> {
        let fields = json!({"kind": "operation", "hubRef": hub_ref});
        Self::build(Document::from_json(&fields)?, overlays, flags)
    }

    /// An operation that was served under an url, as [`Operation::read`]; the source's name should be the url.
    ///
    /// # Errors
    ///
    /// Like [`Operation::read`], and when the text refers to files, which are not the server's to name.
    pub fn for_url(
        url: &str,
        main: &Source,
        overlays: &[Source],
        flags: &Flags,
    ) -> Result<(Self, Vec<Diagnostic>), Report> {
        let main = Source::new(url, main.text());
        let (operation, warnings) = Self::read(&main, overlays, flags)?;
        operation.refuse_paths("", "a file from an url")?;
        Ok((operation, warnings))
    }

    /// The form that is sent to the hub: nulls, references and collected components are kept, params are long.
    pub fn to_json(&self) -> Json {
        Json::Object(self.fields.clone())
    }

    /// Reads the form that [`Operation::to_json`] gives, and checks it like a file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, with field paths and without places.
    pub fn from_json(value: &Json) -> Result<Self, Report> {
        let mut operation = Self::wrap(Document::from_json(value)?)?;
        operation.origins.clear();
        operation.check_references()?;
        Ok(operation)
    }

    /// The fields in normal form.
    pub(crate) const fn fields(&self) -> &Map<String, Json> {
        &self.fields
    }

    /// The references whose components have not been collected, wherever they are.
    pub fn references(&self) -> Vec<Reference> {
        self.found()
            .into_iter()
            .map(|found| found.reference)
            .collect()
    }

    /// The name of the text that a section was written in.
    fn base_of(&self, section: &str) -> Option<&str> {
        let is_around = |origin: &&Origin| {
            origin.section == section || within(section, &origin.section).is_some()
        };
        let origin = self
            .origins
            .iter()
            .filter(is_around)
            .max_by_key(|origin| origin.section.len())?;
        origin.node.span.as_ref().map(|(source, _)| source.name())
    }

    fn build(
        mut document: Document,
        overlays: &[Source],
        flags: &Flags,
    ) -> Result<(Self, Vec<Diagnostic>), Report> {
        let mut warnings = std::mem::take(&mut document.warnings);
        let mut operation = Self::wrap(document)?;
        flags.apply(&mut operation.fields)?;
        for overlay in overlays {
            warnings.extend(operation.apply_overlay(overlay)?);
        }
        operation.check_references()?;
        Ok((operation, warnings))
    }

    /// Makes an operation of a file of either kind.
    fn wrap(document: Document) -> Result<Self, Report> {
        let (section, fields) = match document.kind() {
            Some("component") => ("component", wrapping(&document.fields)),
            Some("compiled_operation") => {
                return Err(document.wrong_kind(
                    "a compiled operation is a result and cannot be submitted",
                    "submit the operation or component that it came from",
                ));
            }
            _ => ("", document.fields),
        };
        let origin = Origin {
            section: section.into(),
            node: document.node,
        };
        Ok(Self {
            fields,
            origins: vec![origin],
        })
    }
}

/// The operation around a component.
fn wrapping(component: &Map<String, Json>) -> Map<String, Json> {
    let mut fields = Map::new();
    if let Some(version) = component.get("version") {
        fields.insert("version".into(), version.clone());
    }
    fields.insert("kind".into(), "operation".into());
    fields.insert("component".into(), Json::Object(component.clone()));
    fields
}

/// The rest of a field path that lies in a section; none if it lies elsewhere or is the section itself.
fn within<'a>(field_path: &'a str, section: &str) -> Option<&'a str> {
    if section.is_empty() {
        return (!field_path.is_empty()).then_some(field_path);
    }
    field_path.strip_prefix(section)?.strip_prefix('.')
}

/// The path of a field of a section.
pub(crate) fn join(section: &str, field: &str) -> String {
    if section.is_empty() {
        field.to_owned()
    } else {
        format!("{section}.{field}")
    }
}
