//! From the bytes that a user wrote to a revision.

use polyaxon_spec::diagnostic::Report;
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::domain::components::Revision;

/// A component that was read and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) revision: Revision,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
}

/// Reads YAML or JSON; `name` stands in diagnostics.
///
/// # Errors
/// When it is too large, not YAML or not a component.
pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Document, Report> {
    let source = Source::from_bytes(name, bytes)?;
    let json = sorted(yaml::read(&source)?.0.to_json());
    let content = json.to_string().into_bytes();
    let description = json.get("description").and_then(Value::as_str);
    let tags = json.get("tags").and_then(Value::as_array);
    Ok(Document {
        revision: Revision {
            digest: digest(&content),
            content,
        },
        description: description.unwrap_or_default().into(),
        tags: tags
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(Into::into)
            .collect(),
    })
}

fn digest(content: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(content) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            entries
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}
