//! Filters that give numbers.

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value as Var};

use super::arguments::{Arguments, wrong};

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_filter("int", int);
    env.add_filter("float", float);
    env.add_filter("abs", abs);
    env.add_filter("round", round);
    env.add_filter("filesizeformat", filesizeformat);
}

/// A number or a boolean, which counts as 0 or 1, as a float.
pub(super) fn as_float(value: &Var) -> Option<f64> {
    match value.kind() {
        ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        ValueKind::Number => f64::try_from(value.clone()).ok(),
        _ => None,
    }
}

/// A whole number or a boolean, which counts as 0 or 1.
pub(super) fn as_integer(value: &Var) -> Option<i128> {
    match value.kind() {
        ValueKind::Bool => Some(i128::from(value.is_true())),
        ValueKind::Number if value.is_integer() => i128::try_from(value.clone()).ok(),
        _ => None,
    }
}

/// A whole number in the smallest form that holds it.
pub(super) fn integer(number: i128) -> Var {
    i64::try_from(number).map_or_else(|_| Var::from(number), Var::from)
}

/// `value | int(default=0, base=10)`: the default where the text is no number.
fn int(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<Var, Error> {
    let arguments = Arguments::read(given, named, &["default", "base"])?;
    refuse_undefined(value)?;
    let base = arguments.size(1, 10)?;
    let parsed = match value.as_str() {
        Some(text) => in_base(text, base).or_else(|| parse_float(text).and_then(truncated)),
        None if value.is_integer() => return Ok(value.clone()),
        None => as_float(value).and_then(truncated),
    };
    Ok(match parsed {
        Some(number) => integer(number),
        None => arguments.get(0).cloned().unwrap_or_else(|| Var::from(0)),
    })
}

fn refuse_undefined(value: &Var) -> Result<(), Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    Ok(())
}

/// A whole number as Python's `int(text, base)` reads it.
fn in_base(text: &str, base: usize) -> Option<i128> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, of)| {
            let rest = digits.to_ascii_lowercase();
            let rest = rest
                .strip_prefix(prefix)?
                .trim_start_matches('_')
                .to_owned();
            (base == of || base == 0).then_some((rest, of))
        });
    let (digits, base) =
        prefixed.unwrap_or_else(|| (digits.to_owned(), if base == 0 { 10 } else { base }));
    let is_plain =
        !digits.starts_with(['_', '-', '+']) && !digits.ends_with('_') && !digits.contains("__");
    let base = u32::try_from(base)
        .ok()
        .filter(|base| (2..=36).contains(base) && is_plain)?;
    i128::from_str_radix(&digits.replace('_', ""), base)
        .ok()
        .map(|number| sign * number)
}

fn parse_float(text: &str) -> Option<f64> {
    text.trim().replace('_', "").parse().ok()
}

fn truncated(float: f64) -> Option<i128> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is checked to be finite and in range"
    )]
    (float.is_finite() && float.abs() < 1e37).then(|| float.trunc() as i128)
}

/// `value | float(default=0.0)`: the default where the text is no number.
fn float(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<Var, Error> {
    let arguments = Arguments::read(given, named, &["default"])?;
    refuse_undefined(value)?;
    let parsed = match value.as_str() {
        Some(text) => parse_float(text),
        None => as_float(value),
    };
    Ok(match parsed {
        Some(float) => Var::from(float),
        None => arguments.get(0).cloned().unwrap_or_else(|| Var::from(0.0)),
    })
}

fn abs(value: &Var) -> Result<Var, Error> {
    if let Some(number) = as_integer(value) {
        return Ok(integer(number.abs()));
    }
    as_float(value)
        .map(|float| Var::from(float.abs()))
        .ok_or_else(|| wrong("`abs` needs a number"))
}

/// `value | round(precision=0, method='common')`; halves go to the even neighbour, as in Python.
fn round(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<Var, Error> {
    let arguments = Arguments::read(given, named, &["precision", "method"])?;
    let precision = match arguments.get(0) {
        None => 0,
        Some(value) => value
            .as_i64()
            .and_then(|digits| i32::try_from(digits).ok())
            .filter(|digits| digits.abs() <= 300)
            .ok_or_else(|| wrong("the precision of `round` has to be a whole number"))?,
    };
    let float = as_float(value).ok_or_else(|| wrong("`round` needs a number"))?;
    let factor = 10_f64.powi(precision);
    match arguments.get(1).and_then(Var::as_str).unwrap_or("common") {
        "ceil" => return Ok(Var::from((float * factor).ceil() / factor)),
        "floor" => return Ok(Var::from((float * factor).floor() / factor)),
        "common" => {}
        other => {
            return Err(wrong(format!(
                "`round` knows `common`, `ceil` and `floor`, not `{other}`"
            )));
        }
    }
    match (as_integer(value), u32::try_from(-precision)) {
        (Some(number), Ok(zeros)) if zeros > 0 => {
            let unit = 10_i128.checked_pow(zeros).unwrap_or(i128::MAX);
            let (lower, rest) = (number.div_euclid(unit), number.rem_euclid(unit));
            let is_up = rest > unit / 2 || (rest * 2 == unit && lower % 2 != 0);
            Ok(integer((lower + i128::from(is_up)) * unit))
        }
        (Some(number), _) => Ok(integer(number)),
        (None, Ok(zeros)) if zeros > 0 => {
            let unit = 10_f64.powi(-precision);
            Ok(Var::from((float / unit).round_ties_even() * unit))
        }
        (None, _) => {
            let digits = usize::try_from(precision).unwrap_or(0);
            let text = format!("{float:.digits$}");
            Ok(Var::from(text.parse::<f64>().unwrap_or(float)))
        }
    }
}

/// `value | filesizeformat(binary=false)`.
fn filesizeformat(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["binary"])?;
    let (base, units) = if arguments.is_true(0) {
        (
            1024.0,
            ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"],
        )
    } else {
        (1000.0, ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"])
    };
    let bytes = match value.as_str() {
        Some(text) => parse_float(text),
        None => as_float(value),
    };
    let bytes = bytes.ok_or_else(|| wrong("`filesizeformat` needs a number"))?;
    if (bytes - 1.0).abs() < f64::EPSILON {
        return Ok("1 Byte".to_owned());
    }
    if bytes < base {
        return Ok(format!("{:.0} Bytes", bytes.trunc()));
    }
    let mut unit = base;
    for (index, name) in units.iter().enumerate() {
        if bytes < unit * base || index + 1 == units.len() {
            return Ok(format!("{:.1} {name}", bytes / unit));
        }
        unit *= base;
    }
    Ok(String::new())
}
