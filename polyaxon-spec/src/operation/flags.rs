//! What the command line says about an operation.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::model::Document;
use crate::refs::QueueRef;

/// The flags of a submission. A flag that is none or empty says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flags {
    /// The name of the run.
    pub name: Option<String>,
    /// What the run is for.
    pub description: Option<String>,
    /// Tags; they take the place of those of the file.
    pub tags: Vec<String>,
    /// Names of presets; they take the place of those of the file.
    pub presets: Vec<String>,
    /// The queue, as `queue` or `agent/queue`.
    pub queue: Option<String>,
    /// The namespace.
    pub namespace: Option<String>,
    /// Params, each as `name=value`; a value is text until its type is known.
    pub params: Vec<String>,
    /// Whether the result of an earlier equal run may be taken.
    pub cache: Option<bool>,
    /// Whether params have to be declared.
    pub strict_params: Option<bool>,
    /// Whether the run may start without an approval.
    pub approved: Option<bool>,
}

impl Flags {
    /// Writes the flags into the main file's fields.
    pub(super) fn apply(&self, fields: &mut Map<String, Json>) -> Result<(), Report> {
        for (name, value) in self.checked_fields()? {
            match (fields.get_mut(&name), value) {
                (Some(Json::Object(old)), Json::Object(new)) => old.extend(new),
                (_, value) => {
                    fields.insert(name, value);
                }
            }
        }
        let params = parse_params(&self.params)?;
        if params.is_empty() {
            return Ok(());
        }
        let old = fields.entry("params").or_insert_with(|| json!({}));
        if !old.is_object() {
            *old = json!({});
        }
        if let Json::Object(old) = old {
            for (name, value) in params {
                set_param(old, name, value);
            }
        }
        Ok(())
    }

    fn checked_fields(&self) -> Result<Map<String, Json>, Report> {
        if let Some(queue) = &self.queue {
            QueueRef::parse(queue).map_err(|error| {
                Report::from(
                    Diagnostic::error(Code::BadQueue, error.to_string())
                        .with_help("it is `queue`, or `agent/queue`"),
                )
            })?;
        }
        let texts = [
            ("name", &self.name),
            ("description", &self.description),
            ("queue", &self.queue),
            ("namespace", &self.namespace),
        ];
        let lists = [("tags", &self.tags), ("presets", &self.presets)];
        let mut fields = Map::new();
        for (name, text) in texts {
            if let Some(text) = text {
                fields.insert(name.into(), json!(text));
            }
        }
        for (name, list) in lists {
            if !list.is_empty() {
                fields.insert(name.into(), json!(list));
            }
        }
        if let Some(cache) = self.cache {
            fields.insert("cache".into(), json!({"disable": !cache}));
        }
        if let Some(strict) = self.strict_params {
            fields.insert("strictParams".into(), json!(strict));
        }
        if let Some(approved) = self.approved {
            fields.insert("isApproved".into(), json!(approved));
        }
        Ok(Document::from_json(&Json::Object(fields))?.fields)
    }
}

/// The value of a flag takes the place of the param's value; its connection and the rest stay.
fn set_param(params: &mut Map<String, Json>, name: String, value: String) {
    match params.get_mut(&name) {
        Some(Json::Object(param)) => {
            param.remove("ref");
            param.insert("value".into(), value.into());
        }
        _ => {
            params.insert(name, json!({"value": value}));
        }
    }
}

fn parse_params(flags: &[String]) -> Result<IndexMap<String, String>, Report> {
    let mut params = IndexMap::new();
    for flag in flags {
        let bad = |message: String| {
            Report::from(
                Diagnostic::error(Code::BadParamFlag, message).with_help("write `-P name=value`"),
            )
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => (name.trim(), value),
            _ => return Err(bad(format!("`-P {flag}` is not `name=value`"))),
        };
        if params.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(bad(format!("the param `{name}` is given twice")));
        }
    }
    Ok(params)
}
