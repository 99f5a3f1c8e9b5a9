//! Kubernetes quantities: `500m`, `1.5`, `2Gi`, `1e3`.

use serde_json::Value;

/// The quantity in thousandths of its unit, rounded up; `None` when it is not a quantity.
pub(super) fn thousandths(value: &Value) -> Option<i64> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (digits, factor) = split(&text);
    let number: f64 = digits.parse().ok()?;
    let thousandths = (number * factor * 1000.0).ceil();
    // 2^53: beyond it a float is no exact integer.
    if !(0.0..=9_007_199_254_740_992.0).contains(&thousandths) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range was checked above"
    )]
    Some(thousandths as i64)
}

/// The quantity in whole units, rounded up.
pub(super) fn units(value: &Value) -> Option<i64> {
    thousandths(value).map(|thousandths| thousandths / 1000 + i64::from(thousandths % 1000 != 0))
}

fn split(text: &str) -> (&str, f64) {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)))
        .unwrap_or((text, 1.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_read() {
        for (value, expected) in [
            (json!("500m"), Some(500)),
            (json!(2), Some(2000)),
            (json!("1.5"), Some(1500)),
            (json!("1Ki"), Some(1_024_000)),
            (json!("1e3"), Some(1_000_000)),
            (json!("512Mi"), Some(536_870_912_000)),
            (json!("1k"), Some(1_000_000)),
            (json!("-1"), None),
            (json!("x"), None),
            (json!(null), None),
            (json!("99E"), None),
        ] {
            assert_eq!(thousandths(&value), expected, "{value}");
        }
        assert_eq!(units(&json!("1500m")), Some(2));
        assert_eq!(units(&json!("1Gi")), Some(1_073_741_824));
    }
}
