//! Root fields that stand for fields of the run: `cmd`, `env`, `resources`.

use serde_json::Value as Json;

use super::checker::Checker;
use super::path::Path;
use super::quantity::{self, QuantityError};
use super::suggest;
use super::table::{CustomKind, Kind};
use crate::diagnostic::Code;
use crate::yaml::{Node, Value};

/// `cmd`: text or a list of text, with something to do in each.
pub(crate) fn check_command(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let is_blank = |node: &Node| {
        node.value
            .as_text()
            .is_some_and(|text| text.trim().is_empty())
    };
    let message = "a command is not empty";
    let Value::Sequence(lines) = &node.value else {
        if is_blank(node) {
            checker.error(Code::BadValue, node, path, message);
        }
        return checker.text(node, path);
    };
    if lines.is_empty() {
        checker.error(Code::BadValue, node, path, message);
    }
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| is_blank(line)) {
        checker.error(Code::BadValue, line, &path.index(index), message);
    }
    checker.list(node, &Kind::Text, path)
}

/// A port of a service.
fn check_port(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let json = checker.kind(node, &Kind::Integer, path);
    if json.is_number()
        && !json
            .as_i64()
            .is_some_and(|port| (1..=65535).contains(&port))
    {
        let message = format!("`{path}` cannot be `{json}`: a port is a number from 1 to 65535");
        checker.error(Code::BadValue, node, path, message);
    }
    json
}

/// The ports of a service.
pub(crate) static PORT: Kind = Kind::Custom(CustomKind(check_port));

/// `env`: a mapping of names to text.
pub(crate) fn check_variables(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(map) = &node.value else {
        return checker.wrong_type(node, path, "a mapping of names to text");
    };
    for (name, entry) in map {
        let path = path.field(name);
        checker.text_key(entry, name, &path);
        checker.text(&entry.value, &path);
    }
    node.to_json()
}

/// `resources`: `cpu`, `memory`, `gpu` and extended resources, each a value or `low..high`.
pub(crate) fn check_resources(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(map) = &node.value else {
        return checker.wrong_type(node, path, "a mapping of resources to quantities");
    };
    for (name, entry) in map {
        let path = path.field(name);
        if !matches!(name.as_str(), "cpu" | "memory" | "gpu") && !name.contains('/') {
            let help = match suggest::nearest(name, ["cpu", "memory", "gpu"].into_iter()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => {
                    "use `cpu`, `memory`, `gpu` or an extended resource such as `google.com/tpu`"
                        .into()
                }
            };
            checker
                .error(
                    Code::UnknownField,
                    &entry.key,
                    &path,
                    format!("there is no resource `{name}`"),
                )
                .help = Some(help);
        }
        if name == "nvidia.com/gpu" {
            let message = "`nvidia.com/gpu` is `gpu` here";
            checker
                .error(Code::UnknownField, &entry.key, &path, message)
                .help = Some("write `gpu:`".into());
            continue;
        }
        match quantity::range(name, &entry.value.to_json()) {
            Ok(_) => {}
            Err(QuantityError::Shape) => {
                checker.wrong_type(&entry.value, &path, "a quantity, or a range `low..high`");
            }
            Err(error) => {
                let message = format!("`{path}` {error}");
                checker
                    .error(Code::BadValue, &entry.value, &path, message)
                    .help = error.help(name);
            }
        }
    }
    node.to_json()
}
