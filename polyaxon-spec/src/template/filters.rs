//! Filters, and the printing of values, where the engine differs from the reference.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, Rest, Tuple, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value as Var};

use super::{percent, python};

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
pub(super) fn print(value: &Var, quoted: bool, out: &mut String) {
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

/// `value | map_format(pattern)`: Python's `pattern % value`, in which a tuple is several values and anything else, a
/// list too, is one. With a name the pattern asks for it: `%(name)s`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the engine passes the arguments of filters by value"
)]
fn map_format(value: &Var, pattern: &str, name: Option<Var>) -> Result<String, Error> {
    let name = name
        .as_ref()
        .and_then(Var::as_str)
        .filter(|name| !name.is_empty());
    if value.downcast_object_ref::<Tuple>().is_some() && name.is_none() {
        let values: Vec<Var> = value.try_iter()?.collect();
        return percent::format(pattern, &values, None);
    }
    percent::format(pattern, std::slice::from_ref(value), name)
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
