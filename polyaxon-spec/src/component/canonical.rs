//! The one text form of a component that its digest is over.

use std::fmt::Write;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// Writes a value with sorted keys and without spaces.
pub(super) fn write(value: &Json) -> String {
    let mut out = String::new();
    push(&mut out, value);
    out
}

/// The digest of a text.
pub(super) fn digest(text: &str) -> String {
    let mut out = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        push_display(&mut out, format_args!("{byte:02x}"));
    }
    out
}

fn push(out: &mut String, value: &Json) {
    match value {
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push(out, item);
            }
            out.push(']');
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push(out, &Json::String(key.clone()));
                out.push(':');
                push(out, value);
            }
            out.push('}');
        }
        // The debug form of a float is the shortest one that reads back equal, and never that of an integer.
        Json::Number(number) => match (number.is_f64(), number.as_f64()) {
            (true, Some(float)) => push_display(out, format_args!("{float:?}")),
            _ => push_display(out, format_args!("{number}")),
        },
        Json::Null | Json::Bool(_) | Json::String(_) => push_display(out, format_args!("{value}")),
    }
}

fn push_display(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}
