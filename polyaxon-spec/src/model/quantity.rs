//! What the root field `resources` says of one resource: a value, or a range `low..high`.

use serde_json::{Value as Json, json};
use thiserror::Error;

/// The largest number that Kubernetes counts with, and one.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Request and limit of a resource; one of them is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    pub(crate) request: Option<Json>,
    pub(crate) limit: Option<Json>,
}

/// Why a value says neither a request nor a limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum QuantityError {
    /// Neither a number nor text.
    #[error("takes a quantity, or a range `low..high`")]
    Shape,
    /// Below zero, or no number at all.
    #[error("cannot be less than 0")]
    Negative,
    /// More than Kubernetes can count.
    #[error("is larger than Kubernetes can count")]
    TooLarge,
    /// Devices come as a whole.
    #[error("takes a whole number")]
    Fraction,
    /// `..` alone.
    #[error("needs a request, a limit, or both")]
    Empty,
    /// A unit that the resource does not have, a template, a sign.
    #[error("cannot be `{0}`")]
    Unknown(String),
    /// `2..1`.
    #[error("has the request `{low}`, which is more than the limit `{high}`")]
    Reversed { low: String, high: String },
}

impl QuantityError {
    /// What to write instead.
    pub(crate) fn help(&self, resource: &str) -> Option<String> {
        let example = match resource {
            "cpu" => "`500m`, `2` or `1..2`",
            "memory" => "`512Mi`, `2Gi` or `1Gi..2Gi`",
            _ => "`1` or `1..2`",
        };
        match self {
            Self::Reversed { .. } => None,
            Self::Unknown(_) => Some(format!(
                "write {example}; other quantities and templates go into `resources` of `container`"
            )),
            _ => Some(format!("write {example}")),
        }
    }
}

/// Reads a value. Without a range it is the request; of devices, which cannot be shared, the limit as well.
pub(crate) fn range(resource: &str, value: &Json) -> Result<Range, QuantityError> {
    let is_device = !matches!(resource, "cpu" | "memory");
    let single = |value: Json| Range {
        limit: is_device.then(|| value.clone()),
        request: Some(value),
    };
    let text = match value {
        Json::Number(number) => {
            let amount = number.as_f64().unwrap_or(f64::NAN);
            if !amount.is_finite() || amount < 0.0 {
                return Err(QuantityError::Negative);
            }
            if amount >= TOO_LARGE {
                return Err(QuantityError::TooLarge);
            }
            if is_device && number.is_f64() {
                return Err(QuantityError::Fraction);
            }
            return Ok(single(value.clone()));
        }
        Json::String(text) => text.trim(),
        _ => return Err(QuantityError::Shape),
    };
    let Some((low, high)) = text.split_once("..") else {
        return match amount_of(resource, text)? {
            Some((value, _)) => Ok(single(value)),
            None => Err(QuantityError::Empty),
        };
    };
    let (low, high) = (low.trim(), high.trim());
    let (request, limit) = (amount_of(resource, low)?, amount_of(resource, high)?);
    match (&request, &limit) {
        (None, None) => return Err(QuantityError::Empty),
        (Some((_, least)), Some((_, most))) if least > most => {
            return Err(QuantityError::Reversed {
                low: low.to_owned(),
                high: high.to_owned(),
            });
        }
        _ => {}
    }
    Ok(Range {
        request: request.map(|(value, _)| value),
        limit: limit.map(|(value, _)| value),
    })
}

/// One end of a range, as it is written and in units of the resource; nothing for no text.
fn amount_of(resource: &str, text: &str) -> Result<Option<(Json, f64)>, QuantityError> {
    if text.is_empty() {
        return Ok(None);
    }
    let unknown = || QuantityError::Unknown(text.to_owned());
    if !matches!(resource, "cpu" | "memory") {
        let is_count = text.bytes().all(|byte| byte.is_ascii_digit());
        let count = text.parse::<i64>().ok().filter(|_| is_count);
        #[expect(
            clippy::cast_precision_loss,
            reason = "only compared with another count"
        )]
        return count
            .map(|count| Some((json!(count), count as f64)))
            .ok_or_else(unknown);
    }
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits).ok_or_else(unknown)?;
    let is_number = number.bytes().any(|byte| byte.is_ascii_digit())
        && number.bytes().filter(|byte| *byte == b'.').count() <= 1;
    let factor = match (resource, unit) {
        (_, "") => Some(1.0),
        ("cpu", "m") => Some(1e-3),
        ("cpu", "u") => Some(1e-6),
        ("cpu", "n") => Some(1e-9),
        ("memory", unit) => memory_unit(unit),
        _ => None,
    };
    match (number.parse::<f64>(), factor) {
        (Ok(amount), Some(factor)) if is_number => Ok(Some((json!(text), amount * factor))),
        _ => Err(unknown()),
    }
}

fn memory_unit(unit: &str) -> Option<f64> {
    let (letter, base) = match unit.strip_suffix('i') {
        Some(letter) => (letter, 1024.0_f64),
        None => (unit, 1000.0),
    };
    let power = match letter {
        "k" if base < 1024.0 => 1,
        "K" if base > 1000.0 => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return None,
    };
    Some(base.powi(power))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("cpu", json!(2), json!(2), json!(null))]
    #[case("cpu", json!("500m"), json!("500m"), json!(null))]
    #[case("cpu", json!("1..2"), json!("1"), json!("2"))]
    #[case("cpu", json!(" 1 .. 2 "), json!("1"), json!("2"))]
    #[case("cpu", json!("..2"), json!(null), json!("2"))]
    #[case("cpu", json!("500m.."), json!("500m"), json!(null))]
    #[case("cpu", json!(".5..0.5"), json!(".5"), json!("0.5"))]
    #[case("memory", json!("1000M..1G"), json!("1000M"), json!("1G"))]
    #[case("memory", json!("1G..1Gi"), json!("1G"), json!("1Gi"))]
    #[case("gpu", json!(1), json!(1), json!(1))]
    #[case("gpu", json!("1"), json!(1), json!(1))]
    #[case("google.com/tpu", json!("1..4"), json!(1), json!(4))]
    fn ranges(
        #[case] resource: &str,
        #[case] value: Json,
        #[case] request: Json,
        #[case] limit: Json,
    ) {
        let found = range(resource, &value).unwrap();
        let ends = [found.request, found.limit].map(Option::unwrap_or_default);
        assert_eq!(ends, [request, limit]);
    }

    #[rstest]
    #[case("cpu", json!(true))]
    #[case("cpu", json!(-1))]
    #[case("cpu", json!("-1"))]
    #[case("cpu", json!(1e300))]
    #[case("cpu", json!("1e3"))]
    #[case("cpu", json!("1Gi"))]
    #[case("cpu", json!("2..1"))]
    #[case("cpu", json!("1..2..3"))]
    #[case("cpu", json!(".."))]
    #[case("cpu", json!("."))]
    #[case("cpu", json!(""))]
    #[case("cpu", json!("{{ n }}"))]
    #[case("memory", json!("1m"))]
    #[case("memory", json!("1K"))]
    #[case("memory", json!("1ki"))]
    #[case("memory", json!("1GB"))]
    #[case("memory", json!("1Gi..1G"))]
    #[case("gpu", json!(1.5))]
    #[case("gpu", json!("1.0"))]
    #[case("gpu", json!("99999999999999999999"))]
    fn what_is_no_range(#[case] resource: &str, #[case] value: Json) {
        assert!(range(resource, &value).is_err());
    }
}
