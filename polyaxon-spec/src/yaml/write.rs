//! JSON values as YAML text.

use serde_json::{Map, Value};

use super::number::write_float;
use super::scalar::Scalar;

/// Writes YAML that readers of YAML 1.1 and 1.2 read back equal.
///
/// Text that either of them would read as something else is quoted (`no`, `on`, `0777`, `1:30`, dates). Text of
/// several lines is a literal block where that keeps every byte.
pub fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0),
        value => {
            // A block at the root is indented, so that no line of it reads as the start of a document.
            inline(&mut out, value, 2);
            out.push('\n');
        }
    }
    out
}

fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize) {
    for (index, (key, value)) in map.iter().enumerate() {
        if index > 0 {
            pad(out, indent);
        }
        entry(out, key, value, indent);
    }
}

fn entry(out: &mut String, key: &str, value: &Value, indent: usize) {
    // A plain key may not be longer than 1024 characters, and a longer one needs the explicit form.
    let explicit = key.chars().count() > 500;
    if explicit {
        out.push_str("? ");
    }
    text(out, key, None);
    if explicit {
        out.push('\n');
        pad(out, indent);
    }
    out.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            pad(out, indent + 2);
            mapping(out, map, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            pad(out, indent);
            sequence(out, items, indent);
        }
        value => {
            out.push(' ');
            inline(out, value, indent + 2);
            out.push('\n');
        }
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2),
            Value::Array(items) if !items.is_empty() => sequence(out, items, indent + 2),
            value => {
                inline(out, value, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn inline(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => out.push_str(&write_float(float)),
            _ => out.push_str(&number.to_string()),
        },
        Value::String(string) => text(out, string, Some(indent)),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Plain, literal (where `block` gives its indentation) or double-quoted.
fn text(out: &mut String, string: &str, block: Option<usize>) {
    match block {
        _ if is_plain(string) => out.push_str(string),
        Some(indent) if is_literal(string) => {
            out.push('|');
            let body = string.trim_end_matches('\n');
            match string.len() - body.len() {
                0 => out.push('-'),
                1 => {}
                _ => out.push('+'),
            }
            for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
                out.push('\n');
                if !line.is_empty() {
                    pad(out, indent);
                    out.push_str(line);
                }
            }
        }
        _ => quoted(out, string),
    }
}

fn is_plain(string: &str) -> bool {
    let mut characters = string.chars();
    let starts_well = characters.next().is_some_and(|first| {
        first.is_alphanumeric() || matches!(first, '/' | '.' | '_' | '$' | '+' | '(' | '<' | '^')
    });
    starts_well
        && string.chars().count() <= 500
        && !string.ends_with([' ', ':'])
        && !string.contains(": ")
        && !string.contains(" #")
        && !string.starts_with("...")
        && string.chars().all(|character| {
            character.is_alphanumeric()
                || matches!(
                    character,
                    ' ' | '/'
                        | '.'
                        | '_'
                        | '-'
                        | '$'
                        | '+'
                        | '('
                        | ')'
                        | '<'
                        | '>'
                        | '='
                        | '^'
                        | ':'
                        | '@'
                        | '~'
                        | ';'
                        | '%'
                        | '\''
                        | '"'
                        | '*'
                        | '&'
                        | '|'
                        | '!'
                        | '\\'
                )
        })
        && Scalar::is_plain_text(string)
}

fn is_literal(string: &str) -> bool {
    let body = string.trim_end_matches('\n');
    body.contains('\n')
        && !string.starts_with([' ', '\n', '\t'])
        && string
            .chars()
            .all(|character| character == '\n' || is_printable(character))
        && body
            .split('\n')
            .all(|line| !line.ends_with(' ') && !line.starts_with('\t'))
}

fn is_printable(character: char) -> bool {
    character == '\t'
        || !(character.is_control()
            || matches!(character, '\u{feff}' | '\u{2028}' | '\u{2029}' | '\u{85}'))
}

fn quoted(out: &mut String, string: &str) {
    out.push('"');
    for character in string.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            character if is_printable(character) => out.push(character),
            character => {
                let code = u32::from(character);
                let width = if code > 0xffff { 8 } else { 4 };
                let letter = if code > 0xffff { 'U' } else { 'u' };
                out.extend(format!("\\{letter}{code:0width$x}").chars());
            }
        }
    }
    out.push('"');
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::read;
    use super::*;
    use crate::source::Source;

    fn read_back(value: &Value) -> Value {
        let text = write(value);
        read(&Source::new("out.yaml", text.clone())).map_or_else(
            |report| panic!("{report}\n{text}"),
            |(node, _)| node.to_json(),
        )
    }

    #[test]
    fn text_that_reads_as_something_else_is_quoted() {
        assert_eq!(
            write(
                &json!({"a": ["no", "0777", "1:30", "1_000", "1e3", "2024-01-02", "", "~", "x", "y"], "on": true})
            ),
            "a:\n- \"no\"\n- \"0777\"\n- \"1:30\"\n- \"1_000\"\n- \"1e3\"\n- \"2024-01-02\"\n- \"\"\n- \"~\"\n- x\n- \"y\"\n\"on\": true\n"
        );
        assert_eq!(
            write(
                &json!({"run": {"args": ["set -e\nls\n"], "b": {}, "c": [], "d": [[1], {"e": 1.0}]}})
            ),
            "run:\n  args:\n  - |\n    set -e\n    ls\n  b: {}\n  c: []\n  d:\n  - - 1\n  - e: 1.0\n"
        );
    }

    #[test]
    fn a_block_at_the_root_is_no_document() {
        for text in ["--- a\n\n? b\n", "...\nc", "%YAML 1.1\n"] {
            assert_eq!(read_back(&json!(text)), json!(text));
        }
        assert_eq!(write(&json!("a\nb\n")), "|\n  a\n  b\n");
    }

    fn arbitrary() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>().prop_map(|text| text.replace('\0', "")),
            "[ -~\n]{0,30}",
            "[-+0-9a-fxonty_.:eE~<=]{0,8}",
            "(yes|no|on|off|null|true|0777|1:30|1e3|\\.inf|=|<<|---|\\.\\.\\.|- a|a: b|a #b)",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("finite", |float| float.is_finite())
                .prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((text.clone(), inner), 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_equal(value in arbitrary()) {
            prop_assert_eq!(read_back(&value), value);
        }
    }
}
