//! Scalars and the rules by which YAML 1.1 resolves plain text.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Number;

use super::number::write_float;

/// A resolved scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// `~`, `null` or nothing.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// An integer that fits 64 bits.
    Integer(Number),
    /// A finite number with a dot.
    Float(f64),
    /// Anything else; dates too.
    Text(String),
}

/// A plain scalar that looks like a number and cannot be one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotANumber;

impl Scalar {
    /// The scalar as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Integer(number) => number.clone().into(),
            Self::Float(value) => (*value).into(),
            Self::Text(text) => text.clone().into(),
        }
    }

    /// What the scalar is, for a message.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Text(_) => "text",
        }
    }

    /// The scalar as the key of a JSON object: numbers and bools by their printed form.
    pub fn to_key(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Float(value) => write_float(*value),
            Self::Text(text) => text.clone(),
        }
    }

    /// Resolves plain text.
    pub(super) fn resolve(text: &str) -> Result<Self, NotANumber> {
        let Some(first) = text.chars().next() else {
            return Ok(Self::Null);
        };
        match first {
            '0'..='9' | '-' | '+' | '.' => {
                if INTEGER.is_match(text) {
                    return parse_integer(text).map(Self::Integer).ok_or(NotANumber);
                }
                if FLOAT.is_match(text) {
                    return parse_float(text).map(Self::Float).ok_or(NotANumber);
                }
            }
            _ => {
                if let Some(value) = parse_bool(text) {
                    return Ok(Self::Bool(value));
                }
                if is_null(text) {
                    return Ok(Self::Null);
                }
            }
        }
        Ok(Self::Text(text.to_owned()))
    }

    /// Resolves text under an explicit `!!` tag.
    pub(super) fn resolve_as(text: &str, tag: &str) -> Option<Self> {
        match tag {
            "str" | "timestamp" => Some(Self::Text(text.to_owned())),
            "null" => Some(Self::Null),
            "bool" => parse_bool(text).map(Self::Bool),
            "int" => parse_integer(text.trim()).map(Self::Integer),
            "float" => parse_float(text.trim()).map(Self::Float),
            _ => None,
        }
    }

    /// Whether plain text is read as itself by readers of YAML 1.1 and of YAML 1.2.
    pub(super) fn is_plain_text(text: &str) -> bool {
        matches!(Self::resolve(text), Ok(Self::Text(_)))
            && text.parse::<f64>().is_err()
            && !text.starts_with("0o")
            && !DATE.is_match(text)
            && !matches!(text, "<<" | "=" | "y" | "Y" | "n" | "N")
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "~" | "null" | "Null" | "NULL" | "")
}

fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

#[expect(
    clippy::unwrap_used,
    reason = "constant patterns, compiled by every test of this module"
)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static INTEGER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$",
    )
});

static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    )
});

static DATE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"));

fn parse_integer(text: &str) -> Option<Number> {
    let digits = text.replace('_', "");
    let (negative, digits) = split_sign(&digits);
    let magnitude = if let Some(binary) = digits.strip_prefix("0b") {
        u64::from_str_radix(binary, 2).ok()?
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        u64::from_str_radix(hexadecimal, 16).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(digits, 8).ok()?
    } else {
        digits.split(':').try_fold(0_u64, |sum, part| {
            sum.checked_mul(60)?.checked_add(part.parse().ok()?)
        })?
    };
    if negative {
        0_i64.checked_sub_unsigned(magnitude).map(Number::from)
    } else {
        Some(Number::from(magnitude))
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let digits = text.replace('_', "");
    let (negative, digits) = split_sign(&digits);
    let magnitude = digits.split(':').try_fold(0.0, |sum, part| {
        part.parse::<f64>().ok().map(|part| sum * 60.0 + part)
    })?;
    let value = if negative { -magnitude } else { magnitude };
    value.is_finite().then_some(value)
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn plain_scalars_follow_yaml_1_1() {
        let table: &[(&str, Value)] = &[
            ("", json!(null)),
            ("~", json!(null)),
            ("null", json!(null)),
            ("nULL", json!("nULL")),
            ("on", json!(true)),
            ("Off", json!(false)),
            ("y", json!("y")),
            ("0777", json!(511)),
            ("-0777", json!(-511)),
            ("08", json!("08")),
            ("0o17", json!("0o17")),
            ("0x1F", json!(31)),
            ("0b101", json!(5)),
            ("1:30", json!(90)),
            ("-1:30:10", json!(-5410)),
            ("1:60", json!("1:60")),
            ("1_000", json!(1000)),
            ("_1", json!("_1")),
            ("+3", json!(3)),
            ("1e3", json!("1e3")),
            ("1.0e3", json!("1.0e3")),
            ("1.0e+3", json!(1000.0)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("-.5", json!("-.5")),
            ("1:30.5", json!(90.5)),
            ("1.2.3", json!("1.2.3")),
            ("2024-01-02", json!("2024-01-02")),
            ("-", json!("-")),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551615", json!(u64::MAX)),
        ];
        for (text, value) in table {
            assert_eq!(
                Scalar::resolve(text).map(|scalar| scalar.to_json()),
                Ok(value.clone()),
                "{text}"
            );
        }
        for text in [
            "18446744073709551616",
            "-9223372036854775809",
            ".inf",
            ".nan",
            "0x_",
        ] {
            assert_eq!(Scalar::resolve(text), Err(NotANumber), "{text}");
        }
    }
}
