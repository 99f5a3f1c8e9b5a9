//! The one text form of a component that its digest is over.

use std::fmt::Write;

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::yaml::write_float;

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
                push_text(out, key);
                out.push(':');
                push(out, value);
            }
            out.push('}');
        }
        // A form that JSON and YAML 1.1 both read as this float, so that the stored text may be read by either.
        Json::Number(number) => match (number.is_f64(), number.as_f64()) {
            (true, Some(float)) => out.push_str(&write_float(float)),
            _ => push_display(out, format_args!("{number}")),
        },
        Json::String(text) => push_text(out, text),
        Json::Null | Json::Bool(_) => push_display(out, format_args!("{value}")),
    }
}

/// JSON escapes as little as it may; the rest here is what YAML cannot hold or reads as a line break.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => push_display(out, format_args!("\\u{:04x}", u32::from(character))),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn push_display(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
}
