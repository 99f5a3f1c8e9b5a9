//! Types whose values are mappings with known fields.

use serde_json::{Map, Value};

use super::{TypeError, mismatch};
use crate::dockerfile::{self, Dockerfile};
use crate::yaml::camel;

/// What a field of a structured value takes.
#[derive(Clone, Copy)]
enum Takes {
    Text,
    Integer,
    Flag,
    Texts,
    /// Text or a list of text.
    TextOrTexts,
    /// A list of text or of `[from, to]` pairs.
    Paths,
}

type Fields = &'static [(&'static str, bool, Takes)];

const GIT: Fields = &[
    ("url", false, Takes::Text),
    ("revision", false, Takes::Text),
    ("flags", false, Takes::Texts),
];
const FILE: Fields = &[
    ("content", true, Takes::Text),
    ("filename", false, Takes::Text),
    ("kind", false, Takes::Text),
    ("chmod", false, Takes::Text),
];
const TENSORBOARD: Fields = &[
    ("port", false, Takes::Integer),
    ("uuids", false, Takes::TextOrTexts),
    ("useNames", false, Takes::Flag),
    ("pathPrefix", false, Takes::Text),
    ("plugins", false, Takes::TextOrTexts),
];
const ARTIFACTS: Fields = &[
    ("files", false, Takes::Paths),
    ("dirs", false, Takes::Paths),
    ("workers", false, Takes::Integer),
];
const EVENT: Fields = &[("name", false, Takes::Text), ("kind", false, Takes::Text)];

/// Whether a type is a mapping with known fields.
pub(super) fn is_structured(name: &str) -> bool {
    matches!(
        name,
        "git" | "dockerfile" | "file" | "tensorboard" | "artifacts" | "event"
    )
}

/// Checks a structured value; the result has its fields in the order of the type.
pub(super) fn coerce(name: &str, value: &Value) -> Result<Value, TypeError> {
    let given = value
        .as_object()
        .ok_or_else(|| mismatch(value, &format!("a `{name}` mapping")))?;
    let given: Map<String, Value> = given
        .iter()
        .map(|(key, value)| (camel(key), value.clone()))
        .collect();
    let table = match name {
        "git" => GIT,
        "file" => FILE,
        "tensorboard" => TENSORBOARD,
        "artifacts" => ARTIFACTS,
        "event" => EVENT,
        _ => {
            Dockerfile::from_json(&Value::Object(given.clone()))
                .map_err(|error| TypeError::Field(error.to_string()))?;
            return Ok(ordered(&given, dockerfile::FIELDS.iter().copied()));
        }
    };
    for key in given.keys() {
        if !table.iter().any(|(field, ..)| field == key) {
            let known: Vec<&str> = table.iter().map(|(field, ..)| *field).collect();
            return Err(TypeError::Field(format!(
                "`{key}` is not a field of `{name}`; the fields are {}",
                known.join(", ")
            )));
        }
    }
    for (field, required, takes) in table {
        match given.get(*field) {
            None | Some(Value::Null) if *required => {
                return Err(TypeError::Field(format!("`{name}` needs a `{field}`")));
            }
            None | Some(Value::Null) => {}
            Some(value) if fits(value, *takes) => {}
            Some(value) => {
                return Err(mismatch(value, &format!("right for `{field}` of `{name}`")));
            }
        }
    }
    let mut value = ordered(&given, table.iter().map(|(field, ..)| *field));
    for (field, _, takes) in table {
        if let (Takes::TextOrTexts, Some(slot)) = (takes, value.get_mut(*field))
            && let Some(text) = slot.as_str()
        {
            *slot = text.split(',').map(str::trim).collect();
        }
    }
    Ok(value)
}

fn ordered(given: &Map<String, Value>, fields: impl Iterator<Item = &'static str>) -> Value {
    Value::Object(
        fields
            .filter_map(|field| Some((field.to_owned(), given.get(field)?.clone())))
            .collect(),
    )
}

fn fits(value: &Value, takes: Takes) -> bool {
    let texts = |items: &[Value]| items.iter().all(Value::is_string);
    match (takes, value) {
        (Takes::Text | Takes::TextOrTexts, Value::String(_)) | (Takes::Flag, Value::Bool(_)) => {
            true
        }
        (Takes::Integer, Value::Number(number)) => !number.is_f64(),
        (Takes::Integer, Value::String(text)) => text.trim().parse::<i64>().is_ok(),
        (Takes::Texts | Takes::TextOrTexts, Value::Array(items)) => texts(items),
        (Takes::Paths, Value::Array(items)) => items.iter().all(|item| match item {
            Value::String(_) => true,
            Value::Array(pair) => pair.len() == 2 && texts(pair),
            _ => false,
        }),
        _ => false,
    }
}
