//! Values laid out as Python's `json.dumps` and `pprint.pformat` lay them out.

use std::fmt::Write as _;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, Value as Var};
use serde_json::Value;

use super::arguments::wrong;
use super::filters::print;
use super::{limits, python};

/// How wide a line of `pprint` may be.
const WIDTH: usize = 80;

/// JSON with sorted keys and nothing but ASCII; with an indent, over several lines.
pub(super) fn json(value: &Var, indent: Option<usize>) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(wrong("what is undefined cannot be JSON"));
    }
    limits::measured(value)?;
    let value = serde_json::to_value(value).map_err(|error| wrong(error.to_string()))?;
    let mut out = String::new();
    write_json(&value, indent, 0, &mut out);
    limits::room(out.len())?;
    Ok(out)
}

fn write_json(value: &Value, indent: Option<usize>, depth: usize, out: &mut String) {
    // What is longer is refused by those who asked for it.
    let is_full = |out: &String| out.len() > limits::MAX_TEXT_BYTES;
    let start_line = |depth: usize, out: &mut String| {
        if let Some(indent) = indent.filter(|_| !is_full(out)) {
            out.push('\n');
            out.push_str(&" ".repeat(indent * depth));
        }
    };
    let separator = if indent.is_some() { "," } else { ", " };
    match value {
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
        Value::Number(_) => out.push_str(&python::text(value)),
        Value::String(text) => write_text(text, out),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Object(fields) if fields.is_empty() => out.push_str("{}"),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(separator);
                }
                start_line(depth + 1, out);
                write_json(item, indent, depth + 1, out);
            }
            start_line(depth, out);
            out.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(separator);
                }
                start_line(depth + 1, out);
                write_text(key, out);
                out.push_str(": ");
                write_json(
                    fields.get(key).unwrap_or(&Value::Null),
                    indent,
                    depth + 1,
                    out,
                );
            }
            start_line(depth, out);
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    let quoted = Value::String(text.to_owned()).to_string();
    for letter in quoted.chars() {
        if letter.is_ascii() && letter != '\u{7f}' {
            out.push(letter);
            continue;
        }
        let mut units = [0; 2];
        for unit in letter.encode_utf16(&mut units) {
            // Writing into a `String` cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
}

/// The filter `pprint`.
pub(super) fn pprint(value: &Var) -> String {
    if value.is_undefined() {
        return "Undefined".to_owned();
    }
    laid_out(value, 0, 0)
}

fn laid_out(value: &Var, indent: usize, allowance: usize) -> String {
    let short = one_line(value);
    if short.chars().count() + indent + allowance <= WIDTH {
        return short;
    }
    let separator = format!(",\n{}", " ".repeat(indent + 1));
    match value.kind() {
        ValueKind::Map => {
            let keys = sorted_keys(value);
            let last = keys.len().saturating_sub(1);
            let items: Vec<String> = keys
                .iter()
                .enumerate()
                .map(|(index, key)| {
                    let name = one_line(key);
                    let indent = indent + name.chars().count() + 3;
                    let allowance = if index == last { allowance + 1 } else { 1 };
                    let item = value.get_item(key).unwrap_or_default();
                    format!("{name}: {}", laid_out(&item, indent, allowance))
                })
                .collect();
            format!("{{{}}}", items.join(&separator))
        }
        ValueKind::Seq => {
            let items: Vec<Var> = value.try_iter().map(Iterator::collect).unwrap_or_default();
            let last = items.len().saturating_sub(1);
            let items: Vec<String> = items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    let allowance = if index == last { allowance + 1 } else { 1 };
                    laid_out(item, indent + 1, allowance)
                })
                .collect();
            let is_tuple = value.downcast_object_ref::<Tuple>().is_some();
            let (open, close) = if is_tuple { ('(', ')') } else { ('[', ']') };
            format!("{open}{}{close}", items.join(&separator))
        }
        _ => short,
    }
}

/// Printed with quotes and sorted keys.
fn one_line(value: &Var) -> String {
    let mut out = String::new();
    match value.kind() {
        ValueKind::Map => {
            let items: Vec<String> = sorted_keys(value)
                .iter()
                .map(|key| {
                    let item = value.get_item(key).unwrap_or_default();
                    format!("{}: {}", one_line(key), one_line(&item))
                })
                .collect();
            out = format!("{{{}}}", items.join(", "));
        }
        ValueKind::Seq if value.downcast_object_ref::<Tuple>().is_none() => {
            let items: Vec<String> = value
                .try_iter()
                .map(|items| items.map(|item| one_line(&item)).collect())
                .unwrap_or_default();
            out = format!("[{}]", items.join(", "));
        }
        _ => print(value, true, &mut out),
    }
    out
}

fn sorted_keys(value: &Var) -> Vec<Var> {
    let mut keys: Vec<Var> = value.try_iter().map(Iterator::collect).unwrap_or_default();
    keys.sort();
    keys
}
