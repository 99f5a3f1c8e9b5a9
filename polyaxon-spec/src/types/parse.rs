//! Type names, and the types that are made of them in the spelling of Python.

use serde_json::Value;

use super::{IoType, NAMES, TypeError};
use crate::template::literal;

/// Longest name of a type that an error shows, in characters.
const MAX_SHOWN: usize = 60;

/// Deepest nesting of a type.
pub(super) const MAX_DEPTH: usize = 8;

/// A text as an error shows it.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Reads a type such as `Dict[str, List[int]]`.
pub(super) fn parse(text: &str, depth: usize) -> Result<IoType, TypeError> {
    let text = text.trim();
    let text = text.strip_prefix("typing.").unwrap_or(text);
    let unknown = || TypeError::Unknown(shortened(text));
    if depth > MAX_DEPTH {
        return Err(TypeError::TooDeep);
    }
    let Some((outer, inner)) = text.split_once('[') else {
        let name = match text {
            "Any" => "any",
            "List" => "list",
            "Dict" => "dict",
            name => name,
        };
        return if NAMES.contains(&name) {
            Ok(IoType::Named(name.to_owned()))
        } else {
            Err(unknown())
        };
    };
    let inner = inner.strip_suffix(']').ok_or_else(unknown)?;
    let parts = split(inner).ok_or_else(unknown)?;
    let item = |part: &str| match part {
        "None" => Ok(IoType::None),
        part => parse(part, depth + 1),
    };
    let boxed = |part: &str| item(part).map(Box::new);
    match (outer.trim(), parts.as_slice()) {
        ("List" | "list", [of]) => Ok(IoType::List(boxed(of)?)),
        ("Dict" | "dict", [key, value]) => Ok(IoType::Dict(boxed(key)?, boxed(value)?)),
        ("Optional", [of]) => Ok(IoType::Optional(boxed(of)?)),
        ("Union", [_, ..]) => parts
            .iter()
            .map(|part| item(part))
            .collect::<Result<_, _>>()
            .map(IoType::Union),
        ("Literal", [_, ..]) => parts
            .iter()
            .map(|part| choice(part))
            .collect::<Option<_>>()
            .map(IoType::Literal)
            .ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

/// One value of a `Literal`: text in quotes, a number, `True`, `False` or `None`.
fn choice(part: &str) -> Option<Value> {
    if part == "None" {
        return Some(Value::Null);
    }
    if let Some(value) = literal::lossless(part) {
        return Some(value);
    }
    // A literal is read as the only item of a list, the smallest thing that holds one.
    let value = literal::collection(&format!("[{part}]"))?;
    match value.as_array()?.as_slice() {
        [value] if value.is_string() || value.is_number() => Some(value.clone()),
        _ => None,
    }
}

/// The parts between commas that are in no brackets and in no quotes; none if brackets or quotes are left open.
fn split(text: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    let mut start = 0;
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(mark), character) if mark == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => {
                parts.push(text.get(start..at)?.trim());
                start = at + 1;
            }
            (Some(_) | None, _) => {}
        }
    }
    if depth > 0 || quote.is_some() {
        return None;
    }
    parts.push(text.get(start..)?.trim());
    Some(parts)
}
