//! The types of inputs and outputs: which values they take, and what they make of them.

pub mod image;
mod location;
mod scalar;
mod structure;
mod validation;

use serde_json::Value;
use thiserror::Error;

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
    /// A mapping whose values have a type.
    Dict(Box<IoType>),
    /// The type or nothing.
    Optional(Box<IoType>),
    /// The first type that takes the value.
    Union(Vec<IoType>),
    /// One of some values.
    Literal(Vec<String>),
}

impl IoType {
    /// Reads a type as inputs and outputs declare it; no type is `any`.
    pub fn parse(text: Option<&str>, is_list: bool) -> Result<Self, TypeError> {
        let parsed = match text.map(str::trim) {
            None | Some("") => Self::Named("any".to_owned()),
            Some(text) => Self::parse_text(text, 0)?,
        };
        if is_list && !matches!(parsed, Self::List(_)) {
            return Ok(Self::List(Box::new(parsed)));
        }
        Ok(parsed)
    }

    fn parse_text(text: &str, depth: usize) -> Result<Self, TypeError> {
        const MAX_DEPTH: usize = 8;
        let unknown = || TypeError::Unknown(text.to_owned());
        if depth > MAX_DEPTH {
            return Err(unknown());
        }
        let Some((outer, inner)) = text.split_once('[') else {
            let name = match text {
                "Any" => "any",
                "List" => "list",
                "Dict" => "dict",
                name => name,
            };
            return if NAMES.contains(&name) {
                Ok(Self::Named(name.to_owned()))
            } else {
                Err(unknown())
            };
        };
        let inner = inner.strip_suffix(']').ok_or_else(unknown)?;
        let parts = split_arguments(inner);
        let parse = |part: &&str| Self::parse_text(part, depth + 1);
        match (outer.trim(), parts.as_slice()) {
            ("List" | "list", [item]) => Ok(Self::List(Box::new(parse(item)?))),
            ("Dict" | "dict", [_, value]) => Ok(Self::Dict(Box::new(parse(value)?))),
            ("Optional", [item]) => Ok(Self::Optional(Box::new(parse(item)?))),
            ("Union", [_, ..]) => Ok(Self::Union(
                parts.iter().map(parse).collect::<Result<_, _>>()?,
            )),
            ("Literal", [_, ..]) => Ok(Self::Literal(
                parts
                    .iter()
                    .map(|part| part.trim_matches(['\'', '"']).to_owned())
                    .collect(),
            )),
            _ => Err(unknown()),
        }
    }

    /// Whether the value is text that templates must not change the type of.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Named(name) if matches!(name.as_str(), "str" | "path" | "image" | "uuid"))
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
    /// Null is the caller's business: it never fits a type here, except `any` and `Optional`.
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
            Self::Dict(item) => {
                let decoded = decode(value);
                let fields = decoded
                    .as_object()
                    .ok_or_else(|| mismatch(value, "a mapping"))?;
                fields
                    .iter()
                    .map(|(key, entry)| Ok((key.clone(), item.coerce_item(entry)?)))
                    .collect::<Result<_, _>>()
                    .map(Value::Object)
            }
            Self::Optional(_) if value.is_null() => Ok(Value::Null),
            Self::Optional(inner) => inner.coerce(value),
            Self::Union(types) => types
                .iter()
                .find_map(|inner| inner.coerce(value).ok())
                .ok_or_else(|| mismatch(value, "of any of the types of the union")),
            Self::Literal(values) => {
                let text = crate::template::python::text(value);
                if values.contains(&text) {
                    Ok(value.clone())
                } else {
                    Err(mismatch(value, &format!("one of {}", values.join(", "))))
                }
            }
        }
    }

    /// Like [`IoType::coerce`], but text has to be text already.
    fn coerce_item(&self, value: &Value) -> Result<Value, TypeError> {
        if self.is_text() && !value.is_string() {
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
        "git" | "dockerfile" | "file" | "tensorboard" | "artifacts" | "event" => {
            structure::coerce(name, &decode(value))
        }
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
    let text = crate::template::python::text(value);
    let shown = match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}...`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    };
    TypeError::Mismatch {
        value: shown,
        expected: expected.to_owned(),
    }
}

fn split_arguments(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    parts
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
