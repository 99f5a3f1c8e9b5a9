//! Where version 1.1 of YAML, by which files are read, and version 1.2 differ.

use std::sync::LazyLock;

use regex::Regex;

use super::scalar::Scalar;

/// What both versions make of a plain text, if they differ, and what to write to be read alike.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) message: String,
    pub(super) help: String,
}

/// Compares how a plain text is read with how version 1.2 reads it.
pub(super) fn difference(text: &str, read: &Scalar) -> Option<Difference> {
    match read {
        Scalar::Bool(value) if !text.eq_ignore_ascii_case(&value.to_string()) => Some(Difference {
            message: format!("`{text}` is `{value}`, and text to readers of YAML 1.2"),
            help: format!("write `{value}`, or quote it: `\"{text}\"`"),
        }),
        Scalar::Integer(number) if !DECIMAL.is_match(text) && !text.starts_with("0x") => {
            let other = if OCTAL.is_match(text) {
                "another number"
            } else {
                "text"
            };
            Some(Difference {
                message: format!(
                    "`{text}` is the number {number}, and {other} to readers of YAML 1.2"
                ),
                help: format!("write `{number}`, or quote it: `\"{text}\"`"),
            })
        }
        Scalar::Float(number) if text.contains([':', '_']) => Some(Difference {
            message: format!("`{text}` is the number {number}, and text to readers of YAML 1.2"),
            help: format!("write `{number}`, or quote it: `\"{text}\"`"),
        }),
        // Nearly every text, so it is passed over without patterns.
        Scalar::Text(_) if !begins_as_a_number(text) => None,
        Scalar::Text(_) if OTHER_OCTAL.is_match(text) => Some(Difference {
            message: format!("`{text}` is text, and a number to readers of YAML 1.2"),
            help: format!("quote it if it is text: `\"{text}\"`"),
        }),
        Scalar::Text(_) if EXPONENT.is_match(text) => Some(Difference {
            message: format!("`{text}` is text, and a number to readers of YAML 1.2"),
            help: format!(
                "write `{}`, or quote it: `\"{text}\"`",
                with_point_and_sign(text)
            ),
        }),
        _ => None,
    }
}

fn begins_as_a_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.'))
}

/// `1e3` as both versions read it as a number: `1.0e+3`.
fn with_point_and_sign(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return text.to_owned();
    };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) {
        ""
    } else {
        "+"
    };
    format!("{mantissa}{point}e{sign}{exponent}")
}

#[expect(
    clippy::unwrap_used,
    reason = "constant patterns, compiled by every test of this module"
)]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static DECIMAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[-+]?(0|[1-9][0-9]*)$"));
static OCTAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[-+]?0[0-7]+$"));
static OTHER_OCTAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"^0o[0-7]+$"));
static EXPONENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"));

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("yes", "`yes` is `true`", "write `true`, or quote it: `\"yes\"`")]
    #[case("OFF", "`OFF` is `false`", "write `false`")]
    #[case("0777", "`0777` is the number 511, and another number", "write `511`")]
    #[case("1:30", "`1:30` is the number 90, and text", "write `90`")]
    #[case("1_000", "`1_000` is the number 1000, and text", "write `1000`")]
    #[case("0b11", "`0b11` is the number 3, and text", "write `3`")]
    #[case("1_0.5", "`1_0.5` is the number 10.5, and text", "write `10.5`")]
    #[case("0o17", "`0o17` is text, and a number", "quote it if it is text")]
    #[case("1e-3", "`1e-3` is text, and a number", "write `1.0e-3`")]
    #[case("1.5E3", "`1.5E3` is text, and a number", "write `1.5e+3`")]
    fn what_differs(#[case] text: &str, #[case] message: &str, #[case] help: &str) {
        let read = Scalar::resolve(text).unwrap_or(Scalar::Null);
        let found = difference(text, &read).unwrap();
        assert!(found.message.starts_with(message), "{}", found.message);
        assert!(found.help.starts_with(help), "{}", found.help);
    }

    #[rstest]
    #[case("true")]
    #[case("False")]
    #[case("NULL")]
    #[case("0")]
    #[case("-7")]
    #[case("0x1F")]
    #[case("1.10")]
    #[case("1.0e+3")]
    #[case(".inf")]
    #[case("v1.2.3")]
    #[case("1.2.3")]
    #[case("2024-01-02")]
    #[case("y")]
    #[case("e3")]
    fn what_is_read_alike(#[case] text: &str) {
        let read = Scalar::resolve(text).unwrap_or(Scalar::Null);
        assert_eq!(difference(text, &read), None);
    }
}
