//! Types whose values are one scalar.

use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::{Span, SpanRelativeTo, Timestamp, Unit};
use serde_json::{Number, Value};

use super::{TypeError, image as image_syntax, mismatch};

/// Text; everything else as JSON.
pub(super) fn text(value: &Value) -> Result<Value, TypeError> {
    match value {
        Value::String(_) => Ok(value.clone()),
        Value::Null => Err(mismatch(value, "text")),
        other => Ok(Value::String(other.to_string())),
    }
}

pub(super) fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(bit) => Some(Value::from(u8::from(*bit))),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the value is checked to be whole and in the range that floats count exactly"
            )]
            let whole = float as i64;
            (float.fract() == 0.0 && float.abs() < 9e15).then(|| Value::from(whole))
        }
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => text.trim().parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}

pub(super) fn float(value: &Value) -> Option<Value> {
    let float = match value {
        Value::Bool(bit) => f64::from(u8::from(*bit)),
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Number::from_f64(float).map(Value::Number)
}

pub(super) fn boolean(value: &Value) -> Option<Value> {
    let bit = match value {
        Value::Bool(bit) => *bit,
        Value::Number(number) => match number.as_f64()? {
            0.0 => false,
            1.0 => true,
            _ => return None,
        },
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" | "t" | "on" | "1" => true,
            "false" | "no" | "n" | "f" | "off" | "0" => false,
            _ => return None,
        },
        _ => return None,
    };
    Some(Value::Bool(bit))
}

/// An image reference; of a mapping with a `name`, the name.
pub(super) fn image(value: &Value) -> Result<Value, TypeError> {
    let name = match value {
        Value::Object(fields) => fields.get("name").unwrap_or(&Value::Null),
        other => other,
    };
    let text = name
        .as_str()
        .ok_or_else(|| mismatch(value, "an image; write it as `name:tag`"))?;
    image_syntax::check(text).map_err(|error| TypeError::Field(error.to_string()))?;
    Ok(name.clone())
}

/// A UUID, as 32 hexadecimal digits.
pub(super) fn uuid(value: &Value) -> Result<Value, TypeError> {
    value
        .as_str()
        .and_then(|text| uuid::Uuid::parse_str(text.trim()).ok())
        .map(|uuid| Value::String(uuid.simple().to_string()))
        .ok_or_else(|| mismatch(value, "a UUID"))
}

pub(super) fn email(value: &Value) -> Result<Value, TypeError> {
    let valid = value.as_str().is_some_and(|text| {
        !text.contains(char::is_whitespace)
            && text.split_once('@').is_some_and(|(user, host)| {
                !user.is_empty()
                    && !user.contains([':', ',', ';', '(', ')', '<', '>', '[', ']', '\\'])
                    && !host.contains('@')
                    && host.split_once('.').is_some_and(|(name, rest)| {
                        let last = rest.rsplit('.').next().unwrap_or_default();
                        !name.is_empty() && last.len() >= 2
                    })
            })
    });
    if valid {
        Ok(value.clone())
    } else {
        Err(mismatch(value, "an e-mail address"))
    }
}

pub(super) fn date(value: &Value) -> Result<Value, TypeError> {
    value
        .as_str()
        .and_then(|text| Date::from_str(text).ok().filter(|_| text.len() == 10))
        .map(|date| Value::String(date.to_string()))
        .ok_or_else(|| mismatch(value, "a date; write it as `YYYY-MM-DD`"))
}

/// A date, or a date with a time; the text stays as it is.
pub(super) fn datetime(value: &Value) -> Result<Value, TypeError> {
    let valid = value
        .as_str()
        .is_some_and(|text| Timestamp::from_str(text).is_ok() || DateTime::from_str(text).is_ok());
    if valid {
        Ok(value.clone())
    } else {
        Err(mismatch(
            value,
            "a date or a date with a time; write it as `YYYY-MM-DDTHH:MM:SS`",
        ))
    }
}

/// A duration in seconds.
pub(super) fn timedelta(value: &Value) -> Result<Value, TypeError> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().or_else(|| {
            Span::from_str(text.trim())
                .ok()?
                .total((Unit::Second, SpanRelativeTo::days_are_24_hours()))
                .ok()
        }),
        _ => None,
    };
    seconds
        .and_then(Number::from_f64)
        .map(Value::Number)
        .ok_or_else(|| {
            mismatch(
                value,
                "a duration; write seconds, `PT1H` or `1 day 2 hours`",
            )
        })
}
