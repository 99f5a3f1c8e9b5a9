//! The types of inputs and outputs: which values they take, and what they make of them.

pub mod image;
mod location;
mod parse;
mod scalar;
mod structure;
mod validation;

use serde_json::Value;
use thiserror::Error;

use crate::template::python;

pub use validation::{ValidationError, validate};

/// Why a value does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TypeError {
    /// The value cannot be read as the type.
    #[error("{value} is not {expected}")]
    Mismatch {
        /// The value, shortened, in backticks.
        value: String,
        /// What the type takes, with an article.
        expected: String,
    },
    /// A field of a structured value is wrong.
    #[error("{0}")]
    Field(String),
    /// A type of types of types.
    #[error("the type is nested deeper than {} levels", parse::MAX_DEPTH)]
    TooDeep,
    /// A type that does not exist.
    #[error("`{0}` is not a type; write one of {list}", list = NAMES.join(", "))]
    Unknown(String),
}

/// All type names; `List[T]`, `Dict[K, V]`, `Optional[T]`, `Union[..]` and `Literal[..]` are made of them.
pub const NAMES: [&str; 26] = [
    "any",
    "str",
    "int",
    "float",
    "bool",
    "path",
    "metric",
    "metadata",
    "dict",
    "list",
    "uri",
    "gcs",
    "s3",
    "wasb",
    "image",
    "git",
    "dockerfile",
    "file",
    "tensorboard",
    "artifacts",
    "event",
    "uuid",
    "email",
    "date",
    "datetime",
    "timedelta",
];

/// A parsed type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IoType {
    /// A type with a plain name.
    Named(String),
    /// A list whose items have a type.
    List(Box<IoType>),
    /// A mapping whose keys and values have types.
    Dict(Box<IoType>, Box<IoType>),
    /// The type or nothing.
    Optional(Box<IoType>),
    /// One of several types: the one that takes the value as it is, else the first that can read it.
    Union(Vec<IoType>),
    /// One of some values.
    Literal(Vec<Value>),
    /// Nothing, as a part of a union.
    None,
}

impl IoType {
    /// Reads a type as inputs and outputs declare it; no type is `any`.
    pub fn parse(text: Option<&str>, is_list: bool) -> Result<Self, TypeError> {
        let parsed = match text.map(str::trim) {
            // Without a type nothing is checked, lists included.
            None | Some("") => return Ok(Self::Named("any".to_owned())),
            Some(text) => parse::parse(text, 0)?,
        };
        if is_list {
            return Ok(Self::List(Box::new(parsed)));
        }
        Ok(parsed)
    }

    /// Whether the value is text that templates must not change the type of, or a list of such.
    pub fn is_text(&self) -> bool {
        match self {
            Self::List(inner) | Self::Optional(inner) => inner.is_text(),
            _ => self.is_plain_text(),
        }
    }

    fn is_plain_text(&self) -> bool {
        matches!(self, Self::Named(name) if matches!(name.as_str(), "str" | "path" | "image" | "uuid"))
    }

    /// Whether null is a value of this type.
    pub fn takes_null(&self) -> bool {
        match self {
            Self::Optional(_) | Self::None => true,
            Self::Union(types) => types.iter().any(Self::takes_null),
            Self::Literal(choices) => choices.contains(&Value::Null),
            // A param without a value is missing, of whatever type the value may be.
            Self::Named(_) | Self::List(_) | Self::Dict(..) => false,
        }
    }

    /// The plain name, for a type that has one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            _ => None,
        }
    }

    /// Makes a value of this type: text that `-P` gave is read as JSON where the type wants it.
    ///
    /// Null is the caller's business: it fits only what [`IoType::takes_null`].
    pub fn coerce(&self, value: &Value) -> Result<Value, TypeError> {
        match self {
            Self::Named(name) => named(name, value),
            Self::List(item) => {
                let decoded = decode(value);
                let items = decoded
                    .as_array()
                    .ok_or_else(|| mismatch(value, "a list; write `[a, b]`"))?;
                items
                    .iter()
                    .map(|entry| item.coerce_item(entry))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::Array)
            }
            Self::Dict(key_type, item) => {
                let decoded = decode(value);
                let fields = decoded
                    .as_object()
                    .ok_or_else(|| mismatch(value, "a mapping"))?;
                fields
                    .iter()
                    .map(|(key, entry)| {
                        key_type.coerce(&Value::String(key.clone()))?;
                        Ok((key.clone(), item.coerce_item(entry)?))
                    })
                    .collect::<Result<_, _>>()
                    .map(Value::Object)
            }
            Self::Optional(_) | Self::None if value.is_null() => Ok(Value::Null),
            Self::Optional(inner) => inner.coerce(value),
            Self::Union(types) => Self::coerce_union(types, value),
            Self::Literal(choices) => choice_of(choices, value).cloned().ok_or_else(|| {
                let shown: Vec<String> = choices.iter().map(python::repr).collect();
                mismatch(value, &format!("one of {}", shown.join(", ")))
            }),
            Self::None => Err(mismatch(value, "nothing")),
        }
    }

    /// What a value that fits is where nobody converts it: text that stands for a number or a list is read, and nothing else
    /// changes. None where the converted value has to be taken.
    pub fn written(&self, value: &Value) -> Option<Value> {
        if !self.is_known() {
            return None;
        }
        let inner = |io_type: &Self, value: &Value| {
            let written = io_type.written(value);
            written.or_else(|| io_type.coerce_item(value).ok())
        };
        match (self, value) {
            (Self::Named(name), Value::String(text)) => match name.as_str() {
                "bool" => None,
                "int" | "float" | "metric" | "metadata" | "dict" | "list" => {
                    serde_json::from_str(text.trim()).ok()
                }
                _ if structure::is_structured(name) => serde_json::from_str(text).ok(),
                _ => Some(value.clone()),
            },
            (Self::Named(name), _) => (name != "str").then(|| value.clone()),
            (Self::List(item), Value::Array(items)) => {
                items.iter().map(|value| inner(item, value)).collect()
            }
            (Self::Dict(_, item), Value::Object(fields)) => fields
                .iter()
                .map(|(key, value)| Some((key.clone(), inner(item, value)?)))
                .collect::<Option<_>>()
                .map(Value::Object),
            (_, Value::String(text)) => serde_json::from_str(text).ok(),
            _ => None,
        }
    }

    /// Whether the original knows the type as well.
    fn is_known(&self) -> bool {
        match self {
            Self::Named(_) => true,
            Self::List(item) => item.is_known(),
            Self::Dict(key, item) => key.is_known() && item.is_known(),
            Self::Optional(_) | Self::Union(_) | Self::Literal(_) | Self::None => false,
        }
    }

    /// Whether its values are mappings with keys of the user's own.
    fn is_mapping(&self) -> bool {
        match self {
            Self::Named(name) => !structure::is_structured(name),
            Self::Optional(inner) => inner.is_mapping(),
            _ => true,
        }
    }

    fn coerce_union(types: &[Self], value: &Value) -> Result<Value, TypeError> {
        let read = || types.iter().filter_map(|inner| inner.coerce(value).ok());
        // Text may be meant as any of the types; a number or a list is what it is.
        let as_it_is = read().find(|coerced| coerced == value && !value.is_string());
        as_it_is
            .or_else(|| read().next())
            .ok_or_else(|| mismatch(value, "of any of the types of the union"))
    }

    /// Like [`IoType::coerce`], but text has to be text already.
    fn coerce_item(&self, value: &Value) -> Result<Value, TypeError> {
        if self.is_plain_text() && !value.is_string() {
            return Err(mismatch(value, "text; quote it"));
        }
        self.coerce(value)
    }
}

fn named(name: &str, value: &Value) -> Result<Value, TypeError> {
    match name {
        "any" => Ok(value.clone()),
        "str" => scalar::text(value),
        "int" => scalar::integer(&decode(value)).ok_or_else(|| mismatch(value, "an integer")),
        "float" | "metric" => {
            scalar::float(&decode(value)).ok_or_else(|| mismatch(value, "a number"))
        }
        "bool" => scalar::boolean(value).ok_or_else(|| mismatch(value, "`true` or `false`")),
        "path" => match value {
            Value::String(_) => Ok(value.clone()),
            _ => Err(mismatch(value, "a path; quote it")),
        },
        "metadata" | "dict" => match decode(value) {
            fields @ Value::Object(_) => Ok(fields),
            _ => Err(mismatch(value, "a mapping; text has to be JSON")),
        },
        "list" => match decode(value) {
            items @ Value::Array(_) => Ok(items),
            _ => Err(mismatch(value, "a list; text has to be JSON")),
        },
        "uri" => location::uri(value),
        "gcs" => location::bucket(value, &["gs", "gcs"], "`gs://bucket/key`"),
        "s3" => location::bucket(value, &["s3"], "`s3://bucket/key`"),
        "wasb" => location::wasb(value),
        "image" => scalar::image(value),
        "uuid" => scalar::uuid(value),
        "email" => scalar::email(value),
        "date" => scalar::date(value),
        "datetime" => scalar::datetime(value),
        "timedelta" => scalar::timedelta(value),
        name if structure::is_structured(name) => structure::coerce(name, &decode(value)),
        other => Err(TypeError::Unknown(other.to_owned())),
    }
}

/// Text that is JSON, read; everything else as it is.
fn decode(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        other => other.clone(),
    }
}

/// The error for a value that is not what the type takes.
fn mismatch(value: &Value, expected: &str) -> TypeError {
    const LONGEST: usize = 60;
    let text = python::text(value);
    let shown = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}...`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    };
    TypeError::Mismatch {
        value: shown,
        expected: expected.to_owned(),
    }
}

/// The choice that is equal to a value, or that text stands for.
fn choice_of<'a>(choices: &'a [Value], value: &Value) -> Option<&'a Value> {
    let is_equal = |choice: &&Value| match (choice.as_f64(), value.as_f64()) {
        (Some(choice), Some(value)) => choice.total_cmp(&value).is_eq(),
        _ => *choice == value,
    };
    let as_text = |choice: &&Value| {
        let written = [python::text(choice), choice.to_string()];
        value
            .as_str()
            .is_some_and(|text| written.iter().any(|form| form == text))
    };
    choices
        .iter()
        .find(is_equal)
        .or_else(|| choices.iter().find(as_text))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
