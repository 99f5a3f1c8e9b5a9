//! Building values that were not written as they are.

use crate::yaml::{Entry, Mapping, Node, Scalar, Value};

/// The value of a field that is there and not null.
pub(super) fn entry<'a>(map: &'a Mapping, name: &str) -> Option<&'a Node> {
    map.get(name)
        .map(|entry| &entry.value)
        .filter(|value| !value.value.is_null())
}

pub(super) fn text(text: &str) -> Node {
    Node {
        value: Value::Scalar(Scalar::Text(text.to_owned())),
        span: None,
    }
}

/// Text that was made from a written value, at its place.
pub(super) fn text_at(text: &str, written: &Node) -> Node {
    Node {
        value: Value::Scalar(Scalar::Text(text.to_owned())),
        span: written.span.clone(),
    }
}

pub(super) const fn boolean(value: bool) -> Node {
    Node {
        value: Value::Scalar(Scalar::Bool(value)),
        span: None,
    }
}

pub(super) const fn list(items: Vec<Node>) -> Node {
    Node {
        value: Value::Sequence(items),
        span: None,
    }
}

pub(super) fn map<K: AsRef<str>>(fields: impl IntoIterator<Item = (K, Node)>) -> Node {
    let fields = fields.into_iter().map(|(name, value)| {
        let key = Node {
            value: Value::Scalar(Scalar::Text(name.as_ref().to_owned())),
            span: value.span.clone(),
        };
        (name.as_ref().to_owned(), Entry { key, value })
    });
    Node {
        value: Value::Mapping(fields.collect()),
        span: None,
    }
}
