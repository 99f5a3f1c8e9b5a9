//! Root fields that stand for fields of the run: `cmd`, `env`, `resources`.

use serde_json::Value as Json;

use super::checker::{Checker, is_template};
use super::path::Path;
use super::suggest;
use super::table::Kind;
use crate::diagnostic::Code;
use crate::yaml::{Node, Scalar, Value};

/// `cmd`: text or a list of text.
pub(crate) fn check_command(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match &node.value {
        Value::Sequence(_) => checker.list(node, &Kind::Text, path),
        _ => checker.text(node, path),
    }
}

/// `env`: a mapping of names to text.
pub(crate) fn check_variables(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(map) = &node.value else {
        return checker.wrong_type(node, path, "a mapping of names to text");
    };
    for (name, entry) in map {
        checker.text(&entry.value, &path.field(name));
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
        let is_quantity = match &entry.value.value {
            Value::Scalar(Scalar::Text(text)) => is_template(text) || is_range_or_value(text),
            Value::Scalar(Scalar::Integer(_) | Scalar::Float(_)) => true,
            _ => false,
        };
        if !is_quantity {
            checker.wrong_type(&entry.value, &path, "a quantity, or a range `low..high`");
        }
    }
    node.to_json()
}

fn is_range_or_value(text: &str) -> bool {
    !text.is_empty()
        && text.split("..").count() <= 2
        && text.split("..").all(|part| !part.trim().is_empty())
}
