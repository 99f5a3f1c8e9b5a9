//! The value tree.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;

use super::scalar::Scalar;
use crate::diagnostic::Place;
use crate::source::Source;

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The source and the byte range, if the value was read from a text.
    pub span: Option<(Arc<Source>, Range<usize>)>,
}

/// A YAML value.
#[derive(Debug, Clone)]
pub enum Value {
    /// A resolved scalar.
    Scalar(Scalar),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file.
    Mapping(Mapping),
}

/// The entries of a mapping by key, in the order of the file.
pub type Mapping = IndexMap<String, Entry>;

/// One entry of a mapping.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key as it was resolved; the map's own key is its text (`true` for a plain `on`).
    pub key: Node,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Where the node was written.
    pub fn place(&self) -> Option<Place> {
        self.span
            .as_ref()
            .map(|(source, range)| Place::new(source, range.clone()))
    }

    /// The text that the node was read from.
    pub fn written(&self) -> Option<&str> {
        let (source, range) = self.span.as_ref()?;
        source.text().get(range.clone())
    }

    /// A node that comes from no text.
    pub fn from_json(value: &serde_json::Value) -> Self {
        let value = match value {
            serde_json::Value::Null => Value::Scalar(Scalar::Null),
            serde_json::Value::Bool(value) => Value::Scalar(Scalar::Bool(*value)),
            serde_json::Value::Number(number) => {
                Value::Scalar(match (number.as_i64(), number.as_u64()) {
                    (None, None) => Scalar::Float(number.as_f64().unwrap_or_default()),
                    _ => Scalar::Integer(number.clone()),
                })
            }
            serde_json::Value::String(text) => Value::Scalar(Scalar::Text(text.clone())),
            serde_json::Value::Array(items) => {
                Value::Sequence(items.iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(map) => Value::Mapping(
                map.iter()
                    .map(|(key, value)| {
                        let key_node = Self {
                            value: Value::Scalar(Scalar::Text(key.clone())),
                            span: None,
                        };
                        (
                            key.clone(),
                            Entry {
                                key: key_node,
                                value: Self::from_json(value),
                            },
                        )
                    })
                    .collect(),
            ),
        };
        Self { value, span: None }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        self.value.to_json()
    }

    /// The node at a field path such as `runPatch.init[0].git`.
    ///
    /// A key of a mapping is found by itself or by its spelling in snake case.
    pub fn find(&self, field_path: &str) -> Option<&Self> {
        steps(field_path).try_fold(self, Self::child)
    }

    /// The key of the field that a path leads to; the node itself for an item of a list.
    pub fn find_key(&self, field_path: &str) -> Option<&Self> {
        let (parent, last) = match field_path.rfind(['.', '[']) {
            Some(at) => (self.find(field_path.get(..at)?)?, field_path.get(at + 1..)?),
            None => (self, field_path),
        };
        let last = last.trim_end_matches(']');
        match &parent.value {
            Value::Mapping(map) => map
                .get(last)
                .or_else(|| {
                    map.iter()
                        .find(|(key, _)| camel(key) == last)
                        .map(|(_, entry)| entry)
                })
                .map(|entry| &entry.key),
            _ => parent.child(last),
        }
    }

    /// The node at a field path, or the deepest one on the way to it.
    pub fn nearest(&self, field_path: &str) -> &Self {
        let mut node = self;
        for step in steps(field_path) {
            match node.child(step) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    fn child(&self, step: &str) -> Option<&Self> {
        match &self.value {
            Value::Mapping(map) => map
                .get(step)
                .or_else(|| {
                    map.iter()
                        .find(|(key, _)| camel(key) == step)
                        .map(|(_, entry)| entry)
                })
                .map(|entry| &entry.value),
            Value::Sequence(items) => items.get(step.parse::<usize>().ok()?),
            Value::Scalar(_) => None,
        }
    }
}

/// The steps of a field path: names and indexes.
fn steps(field_path: &str) -> impl Iterator<Item = &str> {
    field_path
        .split(['.', '['])
        .map(|step| step.trim_end_matches(']'))
}

impl Value {
    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Scalar(scalar) => scalar.to_json(),
            Self::Sequence(items) => items.iter().map(Node::to_json).collect(),
            Self::Mapping(map) => serde_json::Value::Object(
                map.iter()
                    .map(|(key, entry)| (key.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }

    /// What the value is, for a message: `a list`.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) => scalar.describe(),
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }

    /// The text of a text scalar.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Scalar(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The mapping.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match self {
            Self::Mapping(map) => Some(map),
            _ => None,
        }
    }

    /// Whether this is the null scalar.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(Scalar::Null))
    }
}

/// The camel case form of a name in snake case, as the reference spells both; other names, `value_` and `is_Optional` too, are returned as they are.
pub(crate) fn camel(name: &str) -> String {
    match name {
        "copy_" => return "copy".to_owned(),
        "host_pid" => return "hostPID".to_owned(),
        _ => {}
    }
    let is_snake = name
        .split('_')
        .all(|word| !word.is_empty() && !word.contains(|c: char| c.is_ascii_uppercase()));
    if !is_snake {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        if character == '_' {
            upper = true;
        } else if upper {
            out.extend(character.to_uppercase());
            upper = false;
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[rstest::rstest]
    #[case("is_optional", "isOptional")]
    #[case("isOptional", "isOptional")]
    #[case("copy_", "copy")]
    #[case("host_pid", "hostPID")]
    #[case("value_", "value_")]
    #[case("_value", "_value")]
    #[case("is__optional", "is__optional")]
    #[case("is_Optional", "is_Optional")]
    #[case("_", "_")]
    #[case("", "")]
    fn names_in_snake_case(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(super::camel(name), expected);
    }
}
