//! Params against the inputs and outputs that a component declares.

mod apply;
mod check;
#[cfg(test)]
mod tests;
mod uses;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

pub use apply::apply_to;
pub use check::check_document;

use crate::compose::CompiledOperation;
use crate::diagnostic::Report;
use crate::model::{Io, Param};
use crate::template;
use crate::types::{self, IoType};

/// Params by name, in the order of the file.
pub type Params = IndexMap<String, Param>;

/// Checks the params of a compiled operation, see [`check_document`].
pub fn check(compiled: &CompiledOperation) -> Result<(), Report> {
    check_document(&compiled.document, &compiled.params)
}

/// The document of a compiled operation with its params applied, see [`apply_to`].
pub fn apply(compiled: &CompiledOperation) -> Result<Value, Report> {
    apply_to(compiled.document.clone(), &compiled.params)
}

/// One declared input, output or context value with its place in the document.
#[derive(Debug, Clone)]
pub(crate) struct Declaration {
    pub(crate) io: Io,
    pub(crate) section: Section,
    pub(crate) index: usize,
}

/// Where a value is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Inputs,
    Outputs,
    Contexts,
}

impl Section {
    pub(crate) const ALL: [Self; 3] = [Self::Inputs, Self::Outputs, Self::Contexts];

    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Inputs => "inputs",
            Self::Outputs => "outputs",
            Self::Contexts => "contexts",
        }
    }
}

impl Declaration {
    /// `inputs[1].value`.
    pub(crate) fn value_path(&self) -> String {
        format!("{}[{}].value", self.section.key(), self.index)
    }

    /// Whether the check of the value is delayed, where the declaration says so.
    fn delay(&self) -> Option<bool> {
        let rule = self.io.validation.as_ref().and_then(|v| v.get("delay"));
        self.io
            .delay_validation
            .or_else(|| rule.and_then(Value::as_bool))
    }

    /// Whether there has to be a value at some time.
    fn wants_value(&self) -> bool {
        !self.io.is_optional.unwrap_or(false) && self.io.value.is_none()
    }

    /// Whether a missing value is an error now. An output may come later, unless the run is made of it.
    fn is_required(&self, run: &Value) -> bool {
        let delay = self.delay();
        let is_delayed = match self.section {
            Section::Outputs => delay.unwrap_or_else(|| !uses::name(run, &self.io.name)),
            Section::Inputs | Section::Contexts => delay.unwrap_or(false),
        };
        self.wants_value() && !is_delayed
    }
}

/// Everything that the document declares, in order.
pub(crate) fn declarations(document: &Value) -> Vec<Declaration> {
    let mut found = Vec::new();
    for section in Section::ALL {
        let items = document.get(section.key()).and_then(Value::as_array);
        for (index, item) in items.into_iter().flatten().enumerate() {
            // The document has been checked against the model already.
            if let Ok(io) = Io::deserialize(item) {
                found.push(Declaration { io, section, index });
            }
        }
    }
    found
}

/// The declared items of one type, as they are in the document, with their sections.
pub(crate) fn items_of_type<'a>(
    document: &'a Value,
    name: &'a str,
) -> impl Iterator<Item = (Section, &'a Value)> {
    Section::ALL.into_iter().flat_map(move |section| {
        let items = document.get(section.key()).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter(move |item| item.get("type").and_then(Value::as_str) == Some(name))
            .map(move |item| (section, item))
    })
}

/// The type of an input or output.
pub(crate) fn type_of(io: &Io) -> Result<IoType, types::TypeError> {
    IoType::parse(io.type_name.as_deref(), io.is_list.unwrap_or(false))
}

/// Makes the value of an input or output from what was given. A template waits; null is the caller's business.
pub(crate) fn coerce(io: &Io, value: &Value) -> Result<Value, String> {
    if value.as_str().is_some_and(template::is_template) {
        type_of(io).map_err(|error| error.to_string())?;
        return Ok(value.clone());
    }
    coerce_now(io, value)
}

/// A default that no param replaces: it has to fit its type, and stays as it is written, `1` for a float too.
pub(crate) fn default_of(io: &Io, value: &Value) -> Result<Value, String> {
    let coerced = coerce(io, value)?;
    let io_type = type_of(io).map_err(|error| error.to_string())?;
    Ok(io_type.written(value).unwrap_or(coerced))
}

/// Like [`coerce`], and a template is a value like any other.
pub(crate) fn coerce_now(io: &Io, value: &Value) -> Result<Value, String> {
    let io_type = type_of(io).map_err(|error| error.to_string())?;
    let value = io_type.coerce(value).map_err(|error| error.to_string())?;
    // Without a type nothing is checked.
    if io.type_name.is_none() {
        return Ok(value);
    }
    if let Some(options) = &io.options {
        let rule = serde_json::json!({ "options": options });
        types::validate(&rule, &value, &io_type).map_err(|error| error.to_string())?;
    }
    if let Some(rules) = &io.validation {
        types::validate(rules, &value, &io_type).map_err(|error| error.to_string())?;
    }
    Ok(value)
}

/// Whether any text inside is a template.
pub(crate) fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => template::is_template(text),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(fields) => fields.values().any(has_template),
        _ => false,
    }
}
