//! Python literals: a template that prints a list or a mapping prints it in this form.

use serde_json::{Map, Number, Value};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// Reads a Python list, tuple or mapping; anything else, scalars too, is `None`.
///
/// Only brackets count, so that text that looks like a number stays text.
pub fn collection(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['[', '{', '(']) {
        return None;
    }
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.blanks();
    (reader.rest.is_empty() && !value.is_string()).then_some(value)
}

/// Reads a number or bool that prints as exactly this text again. `1.10` and `0x10` are none, and neither is `None`.
pub fn lossless(text: &str) -> Option<Value> {
    let value = match text {
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        _ => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if !digits.starts_with(|first: char| first.is_ascii_digit()) {
                return None;
            }
            let integer = text.parse::<i64>().ok().map(Value::from);
            integer.or_else(|| text.parse::<f64>().ok().map(Value::from))?
        }
    };
    (super::python::text(&value) == text).then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blanks();
        match self.rest.chars().next()? {
            '[' => self.sequence('[', "]", depth),
            '(' => self.sequence('(', ")", depth),
            '{' => self.mapping(depth),
            '\'' | '"' => self.string().map(Value::String),
            _ => self.word(),
        }
    }

    fn sequence(&mut self, open: char, close: &str, depth: usize) -> Option<Value> {
        self.rest = self.rest.strip_prefix(open)?;
        let mut items = Vec::new();
        loop {
            if self.take(close) {
                return Some(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            if !self.take(",") {
                return self.take(close).then_some(Value::Array(items));
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Option<Value> {
        self.rest = self.rest.strip_prefix('{')?;
        let mut fields = Map::new();
        loop {
            if self.take("}") {
                return Some(Value::Object(fields));
            }
            let key = self.value(depth + 1)?;
            if !self.take(":") {
                return None;
            }
            let value = self.value(depth + 1)?;
            fields.insert(super::python::text(&key), value);
            if !self.take(",") {
                return self.take("}").then_some(Value::Object(fields));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let mut characters = self.rest.char_indices();
        let (_, mark) = characters.next()?;
        let mut out = String::new();
        while let Some((at, character)) = characters.next() {
            match character {
                c if c == mark => {
                    self.rest = self.rest.get(at + mark.len_utf8()..)?;
                    return Some(out);
                }
                '\\' => match characters.next()?.1 {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    'x' => {
                        let high = characters.next()?.1.to_digit(16)?;
                        let low = characters.next()?.1.to_digit(16)?;
                        out.push(char::from_u32(high * 16 + low)?);
                    }
                    '\n' => {}
                    c @ ('\\' | '\'' | '"') => out.push(c),
                    other => {
                        out.push('\\');
                        out.push(other);
                    }
                },
                c => out.push(c),
            }
        }
        None
    }

    fn word(&mut self) -> Option<Value> {
        let end = self
            .rest
            .find([',', ']', ')', '}', ':', ' ', '\n', '\t'])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match word {
            "None" => Some(Value::Null),
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            _ => number(word),
        }
    }
}

fn number(word: &str) -> Option<Value> {
    if let Ok(integer) = word.parse::<i64>() {
        return Some(Value::from(integer));
    }
    if !word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    Number::from_f64(word.parse().ok()?).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn only_what_prints_the_same_again_is_read() {
        for (text, value) in [
            ("1", Some(json!(1))),
            ("-7", Some(json!(-7))),
            ("0.5", Some(json!(0.5))),
            ("True", Some(json!(true))),
            ("1.10", None),
            ("1e3", None),
            ("007", None),
            ("0x10", None),
            ("-0", None),
            ("1_0", None),
            ("None", None),
            ("true", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(lossless(text), value, "{text}");
        }
    }

    #[test]
    fn reads_collections_only() {
        for (text, expected) in [
            ("['a', 1, None, True]", Some(json!(["a", 1, null, true]))),
            ("(1, 2)", Some(json!([1, 2]))),
            (
                "{'a': {'b': 1.5}, 2: []}",
                Some(json!({"a": {"b": 1.5}, "2": []})),
            ),
            ("[]", Some(json!([]))),
            ("[1,]", Some(json!([1]))),
            ("['it\\'s', \"x\\n\"]", Some(json!(["it's", "x\n"]))),
            ("[\"a\", true]", None),
            ("1.10", None),
            ("'text'", None),
            ("[1] and more", None),
            ("[1", None),
        ] {
            assert_eq!(collection(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        assert_eq!(collection(&"[".repeat(100_000)), None);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -~é\n\t]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-z' ]{0,4}", inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_back_what_is_printed(items in prop::collection::vec(value(), 0..4)) {
            let items = Value::Array(items);
            prop_assert_eq!(collection(&super::super::python::repr(&items)), Some(items));
        }
    }
}
