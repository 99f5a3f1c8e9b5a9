//! Numbers as text that JSON and YAML 1.1 both read back equal.

/// The shortest decimal form of a finite number, always with a dot, and with a signed exponent if it has one.
///
/// JSON reads `1e+21` as a number, YAML 1.1 reads it as text; `1.0e+21` is a number to both.
pub fn write_float(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || (1e-5..1e16).contains(&magnitude) {
        let text = value.to_string();
        return if text.contains('.') {
            text
        } else {
            format!("{text}.0")
        };
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let dot = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{mantissa}{dot}e{sign}{exponent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_keep_their_dot() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (1e21, "1.0e+21"),
            (1.5e-7, "1.5e-7"),
            (123_456_789.25, "123456789.25"),
        ] {
            assert_eq!(write_float(value), text);
            assert_eq!(text.parse(), Ok(value));
        }
    }
}
