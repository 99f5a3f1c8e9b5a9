//! Named presets over a compiled operation.

use serde_json::{Map, Value as Json};

use super::{CompiledOperation, run_patch, shortcuts};
use crate::diagnostic::{Diagnostic, Report};
use crate::merge::{Strategy, merge};
use crate::model::{Document, ROOT};
use crate::source::Source;
use crate::yaml::Node;

/// The fields that a preset may change besides the run. Its params come too late to be applied.
const PATCHED: &[&str] = &[
    "name",
    "description",
    "tags",
    "isApproved",
    "presets",
    "queue",
    "namespace",
    "cache",
    "build",
    "hooks",
    "events",
    "plugins",
    "termination",
    "mount",
    "matrix",
    "joins",
    "schedule",
    "dependencies",
    "trigger",
    "conditions",
    "skipOnUpstreamSkip",
];

impl CompiledOperation {
    /// Applies a preset by its own strategy. Gives its warnings.
    ///
    /// # Errors
    ///
    /// When the text is wrong, or when its `runPatch` does not fit the run.
    pub fn apply_preset(&mut self, preset: &Source) -> Result<Vec<Diagnostic>, Report> {
        let preset = Document::read(preset)?;
        let strategy = Strategy::of(&preset.fields);
        let Json::Object(document) = &mut self.document else {
            return Ok(preset.warnings);
        };
        apply(document, &preset.fields, strategy).map_err(|report| {
            report.located(|field_path| preset.node.find(field_path).and_then(Node::place))
        })?;
        Ok(preset.warnings)
    }
}

fn apply(
    document: &mut Map<String, Json>,
    preset: &Map<String, Json>,
    strategy: Strategy,
) -> Result<(), Report> {
    shortcuts::apply(document, preset, strategy, "")?;
    if let Some(Json::Object(patch)) = preset.get("runPatch") {
        run_patch::apply(document, patch, strategy, "")?;
    }
    let patch: Map<String, Json> = preset
        .iter()
        .filter(|(name, _)| PATCHED.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    merge(&ROOT, document, &patch, strategy);
    Ok(())
}
