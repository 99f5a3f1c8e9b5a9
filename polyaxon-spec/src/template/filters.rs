//! The printing of values, and the filters and tests of the reference's dialect.

use std::fmt::Write as _;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Environment, Error, Value as Var};

use super::percent::{self, Values};
use super::{checks, collections, limits, numbers, operator, python, text};

pub(super) fn register(env: &mut Environment<'static>) {
    env.set_formatter(|out, state, value| {
        let text = printed(value);
        limits::room(text.len())?;
        limits::printed(state, text.len())?;
        out.write_str(&text).map_err(Error::from)
    });
    limits::register(env);
    env.add_filter("map_format", map_format);
    text::register(env);
    numbers::register(env);
    collections::register(env);
    checks::register(env);
    operator::register(env);
}

/// The text that a value prints as.
pub(super) fn printed(value: &Var) -> String {
    let mut text = String::new();
    print(value, false, &mut text);
    text
}

/// Prints as Python does; the engine's own printing differs for large and small floats.
pub(super) fn print(value: &Var, quoted: bool, out: &mut String) {
    // What is longer is refused by those who asked for it.
    if out.len() > limits::MAX_TEXT_BYTES {
        return;
    }
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
    match name {
        Some(name) => percent::format(pattern, &Values::Named(name, value)),
        None if value.downcast_object_ref::<Tuple>().is_some() => {
            percent::format(pattern, &Values::Several(value.try_iter()?.collect()))
        }
        None => percent::format(pattern, &Values::One(value)),
    }
}
