//! The `validation` section of an input or output.

use regex::Regex;
use serde_json::Value;
use thiserror::Error;

use super::IoType;
use crate::template::python;

/// Which rule of a `validation` section a value breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValidationError {
    /// The value breaks a rule.
    #[error("value `{value}` must {rule}")]
    Broken {
        /// The value.
        value: String,
        /// What it must be, have or match.
        rule: String,
    },
    /// The rule itself is wrong.
    #[error("rule `{rule}` of `validation` cannot be used: {reason}")]
    BadRule {
        /// Name of the rule.
        rule: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Checks a value of a type against the rules; null is never checked. Lists are checked item by item,
/// mappings value by value, where a rule is about single values. Rules about keys are for mappings whose keys are free.
pub fn validate(rules: &Value, value: &Value, io_type: &IoType) -> Result<(), ValidationError> {
    let Some(rules) = rules.as_object() else {
        return Ok(());
    };
    if value.is_null() {
        return Ok(());
    }
    for (name, limit) in rules {
        if limit.is_null() {
            continue;
        }
        match name.as_str() {
            "minItems" | "maxItems" => items(name, limit, value)?,
            "keys" | "containsKeys" | "excludesKeys" => {
                if io_type.is_mapping() {
                    keys(name, limit, value)?;
                }
            }
            _ => match value {
                Value::Array(items) => {
                    for item in items {
                        single(name, limit, item)?;
                    }
                }
                Value::Object(fields) => {
                    for item in fields.values() {
                        single(name, limit, item)?;
                    }
                }
                item => single(name, limit, item)?,
            },
        }
    }
    Ok(())
}

fn broken(value: &Value, rule: String) -> ValidationError {
    ValidationError::Broken {
        value: python::text(value),
        rule,
    }
}

fn single(name: &str, limit: &Value, value: &Value) -> Result<(), ValidationError> {
    let shown = python::text(limit);
    let (holds, rule) = match name {
        "gt" => (
            compare(value, limit, |a, b| a > b),
            format!("be greater than `{shown}`"),
        ),
        "ge" => (
            compare(value, limit, |a, b| a >= b),
            format!("be greater than or equal to `{shown}`"),
        ),
        "lt" => (
            compare(value, limit, |a, b| a < b),
            format!("be less than `{shown}`"),
        ),
        "le" => (
            compare(value, limit, |a, b| a <= b),
            format!("be less than or equal to `{shown}`"),
        ),
        "multipleOf" => (
            compare(value, limit, |a, b| {
                b != 0.0 && (a / b - (a / b).round()).abs() < 1e-9
            }),
            format!("be a multiple of `{shown}`"),
        ),
        "minDigits" => (
            measure(digits(value), limit, |have, want| have >= want),
            format!("have at least {shown} digits"),
        ),
        "maxDigits" => (
            measure(digits(value), limit, |have, want| have <= want),
            format!("have at most {shown} digits"),
        ),
        "decimalPlaces" => (
            measure(decimals(value), limit, |have, want| have <= want),
            format!("have at most {shown} decimal places"),
        ),
        "regex" => (matches(limit, value)?, format!("match the regex `{shown}`")),
        "minLength" => (
            measure(length(value), limit, |have, want| have >= want),
            format!("have at least {shown} characters"),
        ),
        "maxLength" => (
            measure(length(value), limit, |have, want| have <= want),
            format!("have at most {shown} characters"),
        ),
        "contains" => (contains(value, limit), format!("contain `{shown}`")),
        "excludes" => (!contains(value, limit), format!("not contain `{shown}`")),
        "options" => (
            limit
                .as_array()
                .is_none_or(|options| options.iter().any(|option| equal(option, value))),
            format!("be one of the values `{shown}`"),
        ),
        _ => return Ok(()),
    };
    if holds {
        Ok(())
    } else {
        Err(broken(value, rule))
    }
}

/// Equality as Python has it: `1` equals `1.0` and `true`.
fn equal(left: &Value, right: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Bool(bit) => Some(f64::from(u8::from(*bit))),
        value => value.as_f64(),
    };
    match (number(left), number(right)) {
        #[expect(clippy::float_cmp, reason = "equality of values is what is asked for")]
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn compare(value: &Value, limit: &Value, holds: impl Fn(f64, f64) -> bool) -> bool {
    match (value.as_f64(), limit.as_f64()) {
        (Some(value), Some(limit)) => holds(value, limit),
        _ => true,
    }
}

fn measure(have: Option<usize>, limit: &Value, holds: impl Fn(u64, u64) -> bool) -> bool {
    match (have, limit.as_u64()) {
        (Some(have), Some(want)) => holds(have as u64, want),
        _ => true,
    }
}

fn length(value: &Value) -> Option<usize> {
    value.as_str().map(|text| text.chars().count())
}

fn digits(value: &Value) -> Option<usize> {
    value.is_number().then(|| {
        python::text(value)
            .chars()
            .filter(char::is_ascii_digit)
            .count()
    })
}

fn decimals(value: &Value) -> Option<usize> {
    value.is_number().then(|| {
        python::text(value)
            .split_once('.')
            .map_or(0, |(_, places)| places.trim_end_matches('0').len())
    })
}

fn matches(pattern: &Value, value: &Value) -> Result<bool, ValidationError> {
    let (Some(pattern), Some(text)) = (pattern.as_str(), value.as_str()) else {
        return Ok(true);
    };
    // The reference anchors the pattern at the start only.
    let regex =
        Regex::new(&format!("^(?:{pattern})")).map_err(|error| ValidationError::BadRule {
            rule: "regex".to_owned(),
            reason: error.to_string(),
        })?;
    Ok(regex.is_match(text))
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (value, part) => equal(value, part),
    }
}

fn items(name: &str, limit: &Value, value: &Value) -> Result<(), ValidationError> {
    let count = match value {
        Value::Array(items) => items.len() as u64,
        Value::Object(fields) => fields.len() as u64,
        _ => return Ok(()),
    };
    let Some(limit) = limit.as_u64() else {
        return Ok(());
    };
    match name {
        "minItems" if count < limit => Err(broken(value, format!("have at least {limit} items"))),
        "maxItems" if count > limit => Err(broken(value, format!("have at most {limit} items"))),
        _ => Ok(()),
    }
}

fn keys(name: &str, limit: &Value, value: &Value) -> Result<(), ValidationError> {
    let Some(fields) = value.as_object() else {
        return Ok(());
    };
    let listed: Vec<&str> = match limit {
        Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
        Value::String(key) => vec![key],
        _ => return Ok(()),
    };
    let all = listed.iter().all(|key| fields.contains_key(*key));
    let any = listed.iter().any(|key| fields.contains_key(*key));
    let shown = python::text(limit);
    match name {
        "keys" if !all || fields.len() != listed.len() => {
            Err(broken(value, format!("have exactly the keys `{shown}`")))
        }
        "containsKeys" if !all => Err(broken(value, format!("contain all the keys `{shown}`"))),
        "excludesKeys" if any => Err(broken(value, format!("have none of the keys `{shown}`"))),
        _ => Ok(()),
    }
}
