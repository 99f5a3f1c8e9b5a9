//! Further files over the main one.

use serde_json::Value as Json;

use super::{Operation, Origin};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::merge::{Strategy, merge};
use crate::model::{Document, REFERENCES, ROOT};
use crate::source::Source;
use crate::yaml::Node;

/// What an overlay says about itself and not about the operation.
const OF_THE_FILE: &[&str] = &["kind", "version", "isPreset", "patchStrategy"];

impl Operation {
    /// Merges an overlay by its own strategy. Gives its warnings.
    pub(super) fn apply_overlay(&mut self, source: &Source) -> Result<Vec<Diagnostic>, Report> {
        let mut overlay = Document::read(source)?;
        if matches!(overlay.kind(), Some("component" | "compiled_operation")) {
            return Err(overlay.wrong_kind(
                "a file over another one cannot be a component",
                "the first `-f` names what to run, the ones after it change it",
            ));
        }
        let strategy = Strategy::of(&overlay.fields);
        for name in REFERENCES.iter().chain(&["component"]) {
            let value = overlay.fields.get(*name).filter(|value| !value.is_null());
            if value.is_some() && self.fields.get(*name) != value {
                return Err(second_component(&overlay, name));
            }
        }
        overlay
            .fields
            .retain(|name, _| !OF_THE_FILE.contains(&name.as_str()));
        let is_strict = self.fields.get("strictParams") == Some(&Json::Bool(true));
        merge(&ROOT, &mut self.fields, &overlay.fields, strategy);
        if is_strict {
            self.fields.insert("strictParams".into(), true.into());
        }
        self.origins.push(Origin {
            section: String::new(),
            node: overlay.node,
        });
        Ok(overlay.warnings)
    }
}

fn second_component(overlay: &Document, name: &str) -> Report {
    let message = format!("`{name}` names a second component: what runs is said already");
    let mut diagnostic = Diagnostic::error(Code::Conflict, message)
        .in_field(name)
        .with_help(format!("remove `{name}` from this file"));
    diagnostic.place = overlay.node.find(name).and_then(Node::place);
    diagnostic.into()
}
