//! What the fields of a container take. Kubernetes would refuse the rest much later, with the words of its own schema.

use super::checker::{Checker, is_template};
use super::path::Path;
use crate::diagnostic::Code;
use crate::yaml::{Mapping, Node, Scalar, Value, camel};

/// Checks the values of fields whose names are right.
pub(super) fn check(checker: &mut Checker, map: &Mapping, path: &Path<'_>) {
    for (key, entry) in map {
        let name = camel(key);
        let value = &entry.value;
        if value.value.is_null() || value.value.as_text().is_some_and(is_template) {
            continue;
        }
        let path = path.field(&name);
        match name.as_str() {
            "image" | "imagePullPolicy" | "name" | "workingDir" => text(checker, value, &path),
            "command" | "args" if matches!(value.value, Value::Mapping(_)) => {
                checker.wrong_type(value, &path, "a list of text");
            }
            "env" => list(checker, value, &path, variable),
            "volumeMounts" => list(checker, value, &path, mount),
            "ports" => list(checker, value, &path, port),
            "envFrom" | "volumeDevices" | "resizePolicy" => {
                list(checker, value, &path, |checker, item, path| {
                    mapping(checker, item, path);
                });
            }
            "resources" | "securityContext" | "lifecycle" | "livenessProbe" | "readinessProbe"
            | "startupProbe" => {
                mapping(checker, value, &path);
            }
            _ => {}
        }
    }
}

/// Numbers are texts that somebody did not quote.
fn is_text(node: &Node) -> bool {
    matches!(
        &node.value,
        Value::Scalar(Scalar::Text(_) | Scalar::Integer(_) | Scalar::Float(_))
    )
}

fn text(checker: &mut Checker, node: &Node, path: &Path<'_>) {
    if !is_text(node) {
        checker.text(node, path);
    }
}

fn mapping<'a>(checker: &mut Checker, node: &'a Node, path: &Path<'_>) -> Option<&'a Mapping> {
    if let Value::Mapping(map) = &node.value {
        return Some(map);
    }
    checker.wrong_type(node, path, "a mapping");
    None
}

fn list(
    checker: &mut Checker,
    node: &Node,
    path: &Path<'_>,
    item: impl Fn(&mut Checker, &Node, &Path<'_>),
) {
    let Value::Sequence(items) = &node.value else {
        checker.wrong_type(node, path, "a list");
        let example = match (&node.value, path.to_string().ends_with("env")) {
            (Value::Mapping(map), true) => map.iter().next().and_then(|(name, entry)| {
                let value = entry.value.value.as_text()?;
                Some(format!("write `- {{name: {name}, value: {value}}}`"))
            }),
            _ => None,
        };
        if let (Some(last), Some(example)) = (checker.diagnostics.last_mut(), example) {
            last.help = Some(example);
        }
        return;
    };
    for (index, node) in items.iter().enumerate() {
        if !node.value.is_null() && !node.value.as_text().is_some_and(is_template) {
            item(checker, node, &path.index(index));
        }
    }
}

fn variable(checker: &mut Checker, node: &Node, path: &Path<'_>) {
    let Some(map) = mapping(checker, node, path) else {
        return;
    };
    if let Some(name) = map.get("name") {
        return text(checker, &name.value, &path.field("name"));
    }
    let pair = map.iter().next().filter(|_| map.len() == 1);
    let help = pair.and_then(|(name, entry)| {
        let value = entry.value.value.as_text()?;
        Some(format!("write `{{name: {name}, value: {value}}}`"))
    });
    let message = "a variable needs the field `name`";
    checker.error(Code::MissingField, node, path, message).help = help;
}

fn mount(checker: &mut Checker, node: &Node, path: &Path<'_>) {
    let Some(map) = mapping(checker, node, path) else {
        return;
    };
    for field in ["name", "mountPath"] {
        let Some(value) = map.get(field) else {
            let message = format!("a mount needs the field `{field}`");
            checker.error(Code::MissingField, node, path, message).help =
                Some(format!("add `{field}:`"));
            continue;
        };
        text(checker, &value.value, &path.field(field));
    }
}

/// A number alone is a port of the container.
fn port(checker: &mut Checker, node: &Node, path: &Path<'_>) {
    let is_number = matches!(&node.value, Value::Scalar(Scalar::Integer(_)))
        || node
            .value
            .as_text()
            .is_some_and(|text| text.parse::<u16>().is_ok());
    if !is_number {
        mapping(checker, node, path);
    }
}
