//! Filters, and the printing of values, where the engine differs from the reference.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, Rest, Tuple, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value as Var};

use super::python;

pub(super) fn register(env: &mut Environment<'static>) {
    env.set_formatter(|out, _state, value| {
        let mut text = String::new();
        print(value, false, &mut text);
        out.write_str(&text).map_err(Error::from)
    });
    env.add_filter("map_format", map_format);
    env.add_filter("int", int);
    env.add_filter("float", float);
    env.add_filter("center", center);
    env.add_filter("truncate", minijinja_contrib::filters::truncate);
    env.add_filter("wordcount", |text: &str| text.split_whitespace().count());
    env.add_filter("filesizeformat", minijinja_contrib::filters::filesizeformat);
    env.add_filter("striptags", minijinja_contrib::filters::striptags);
}

/// Prints as Python does; the engine's own printing differs for large and small floats.
fn print(value: &Var, quoted: bool, out: &mut String) {
    match value.kind() {
        ValueKind::Undefined => {}
        ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
            Ok(float) => out.push_str(&python::float_text(float)),
            Err(_) => display(value, out),
        },
        ValueKind::String if quoted => {
            out.push_str(&python::repr(&value.to_string().into()));
        }
        ValueKind::Seq => {
            let tuple = value.downcast_object_ref::<Tuple>().is_some();
            let Ok(items) = value.try_iter() else {
                return display(value, out);
            };
            out.push(if tuple { '(' } else { '[' });
            let mut count = 0;
            for item in items {
                if count > 0 {
                    out.push_str(", ");
                }
                print(&item, true, out);
                count += 1;
            }
            if tuple && count == 1 {
                out.push(',');
            }
            out.push(if tuple { ')' } else { ']' });
        }
        ValueKind::Map => {
            let Ok(keys) = value.try_iter() else {
                return display(value, out);
            };
            out.push('{');
            for (index, key) in keys.enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                print(&key, true, out);
                out.push_str(": ");
                print(&value.get_item(&key).unwrap_or_default(), true, out);
            }
            out.push('}');
        }
        _ => display(value, out),
    }
}

fn display(value: &Var, out: &mut String) {
    // Writing into a `String` cannot fail.
    let _ = write!(out, "{value}");
}

/// `value | map_format(pattern)`: Python's `pattern % value`, for each item of a list.
fn map_format(value: &Var, pattern: &str, _variable: Option<Var>) -> Result<Var, Error> {
    if value.kind() == ValueKind::Seq && value.downcast_object_ref::<Tuple>().is_none() {
        let items = value
            .try_iter()?
            .map(|item| percent(pattern, &[item]).map(Var::from))
            .collect::<Result<Vec<_>, _>>()?;
        return Ok(Var::from(items));
    }
    percent(pattern, std::slice::from_ref(value)).map(Var::from)
}

/// Python's `%` with the conversions `s`, `r`, `d`, `f` and `%`.
fn percent(pattern: &str, values: &[Var]) -> Result<String, Error> {
    let wrong = |text: &str| Error::new(ErrorKind::InvalidOperation, text.to_owned());
    let mut values = values.iter();
    let mut out = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let conversion = characters
            .next()
            .ok_or_else(|| wrong("the pattern ends with `%`; write `%%` for a percent sign"))?;
        if conversion == '%' {
            out.push('%');
            continue;
        }
        let value = values
            .next()
            .ok_or_else(|| wrong("the pattern wants more values than there are"))?;
        match conversion {
            's' => print(value, false, &mut out),
            'r' => print(value, true, &mut out),
            'd' | 'i' => {
                let number = f64::try_from(value.clone())
                    .map_err(|_| wrong("`%d` needs a number"))?
                    .trunc();
                // Writing into a `String` cannot fail.
                let _ = write!(out, "{number:.0}");
            }
            'f' => {
                let number =
                    f64::try_from(value.clone()).map_err(|_| wrong("`%f` needs a number"))?;
                // Writing into a `String` cannot fail.
                let _ = write!(out, "{number:.6}");
            }
            other => {
                return Err(wrong(&format!(
                    "`%{other}` is not known; use `%s`, `%r`, `%d` or `%f`"
                )));
            }
        }
    }
    Ok(out)
}

/// `value | int(default=0)`: the default where the text is no number.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine passes the arguments of filters by value"
)]
fn int(value: &Var, arguments: Rest<Var>, options: Kwargs) -> Result<Var, Error> {
    let default = match options.get::<Option<Var>>("default")? {
        Some(default) => default,
        None => arguments.first().cloned().unwrap_or_else(|| Var::from(0)),
    };
    options.assert_all_used()?;
    let parsed = match value.as_str() {
        Some(text) => {
            let text = text.trim().replace('_', "");
            text.parse::<i128>()
                .ok()
                .or_else(|| text.parse::<f64>().ok().and_then(truncated))
        }
        None => match value.kind() {
            ValueKind::Bool => Some(i128::from(value.is_true())),
            ValueKind::Number if value.is_integer() => return Ok(value.clone()),
            ValueKind::Number => f64::try_from(value.clone()).ok().and_then(truncated),
            _ => None,
        },
    };
    Ok(match parsed {
        Some(number) => i64::try_from(number).map_or_else(|_| Var::from(number), Var::from),
        None => default,
    })
}

fn truncated(float: f64) -> Option<i128> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is checked to be finite and in range"
    )]
    (float.is_finite() && float.abs() < 1e37).then(|| float.trunc() as i128)
}

/// `value | float(default=0.0)`: the default where the text is no number.
fn float(value: &Var, default: Option<Var>) -> Var {
    let parsed = match value.as_str() {
        Some(text) => text.trim().replace('_', "").parse().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value.clone()).ok(),
    };
    match parsed {
        Some(float) => Var::from(float),
        None => default.unwrap_or_else(|| Var::from(0.0)),
    }
}

/// `value | center(width=80)`: blanks on both sides.
fn center(value: &str, width: Option<usize>) -> Result<String, Error> {
    const WIDEST: usize = 10_000;
    let width = width.unwrap_or(80);
    if width > WIDEST {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "`center` makes at most 10000 characters",
        ));
    }
    Ok(format!("{value:^width$}"))
}
