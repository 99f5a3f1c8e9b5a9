//! Methods of Python's text and lists.

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Error, ErrorKind, State, Value as Var};

use super::arguments::wrong;
use super::limits;
use super::text::{bounded, centered, room_to_join, room_to_replace};

/// Calls a method of a value that is no object of the engine.
pub(super) fn call(
    state: &mut State,
    value: &Var,
    name: &str,
    given: &[Var],
) -> Result<Var, Error> {
    let found = match value.kind() {
        ValueKind::String => of_text(value.as_str().unwrap_or_default(), name, given),
        ValueKind::Seq if name == "index" => Some(place(value, given)),
        _ => None,
    };
    match found {
        Some(result) => result,
        None => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, given),
    }
}

fn of_text(text: &str, name: &str, given: &[Var]) -> Option<Result<Var, Error>> {
    let first = given.first();
    let argument = |what: &str| {
        first
            .and_then(Var::as_str)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| wrong(format!("`{name}` needs {what}")))
    };
    let width = || {
        let width = first.and_then(Var::as_usize);
        bounded(width.ok_or_else(|| wrong(format!("`{name}` needs a width")))?)
    };
    let result = match name {
        "removeprefix" => {
            argument("text").map(|part| Var::from(text.strip_prefix(part).unwrap_or(text)))
        }
        "removesuffix" => {
            argument("text").map(|part| Var::from(text.strip_suffix(part).unwrap_or(text)))
        }
        "partition" => argument("a separator").map(|part| {
            let (before, found, after) = match text.split_once(part) {
                Some((before, after)) => (before, part, after),
                None => (text, "", ""),
            };
            tuple([before, found, after])
        }),
        "rpartition" => argument("a separator").map(|part| {
            let (before, found, after) = match text.rsplit_once(part) {
                Some((before, after)) => (before, part, after),
                None => ("", "", text),
            };
            tuple([before, found, after])
        }),
        "rsplit" => rsplit(text, given),
        "index" | "rindex" => argument("text").and_then(|part| {
            let at = if name == "index" {
                text.find(part)
            } else {
                text.rfind(part)
            };
            let before = at.and_then(|at| text.get(..at));
            before
                .map(|before| Var::from(before.chars().count()))
                .ok_or_else(|| wrong(format!("`{part}` is not in `{text}`")))
        }),
        "casefold" => Ok(Var::from(text.to_lowercase())),
        "swapcase" => Ok(Var::from(swapped(text))),
        "ljust" => width().map(|width| Var::from(format!("{text:<width$}"))),
        "rjust" => width().map(|width| Var::from(format!("{text:>width$}"))),
        "center" => width().and_then(|width| centered(text, width).map(Var::from)),
        "zfill" => width().map(|width| {
            let (sign, digits) = match text.strip_prefix(['-', '+']) {
                Some(digits) => text.split_at(text.len() - digits.len()),
                None => ("", text),
            };
            let width = width.saturating_sub(sign.len());
            Var::from(format!("{sign}{digits:0>width$}"))
        }),
        "expandtabs" => {
            let size = first.and_then(Var::as_usize).unwrap_or(8);
            let blanks = text.matches('\t').count().saturating_mul(size.min(100));
            limits::room(text.len() + blanks).map(|()| Var::from(expanded(text, size)))
        }
        "join" => match first.map(|items| room_to_join(items, text)) {
            Some(Err(error)) => Err(error),
            _ => return None,
        },
        "replace" => {
            let part = |place: usize| given.get(place).and_then(Var::as_str).unwrap_or_default();
            match room_to_replace(text, part(0), part(1)) {
                Err(error) => Err(error),
                Ok(()) => return None,
            }
        }
        _ => return None,
    };
    Some(result)
}

fn tuple(parts: [&str; 3]) -> Var {
    Var::from_object(Tuple::new(parts.into_iter().map(Var::from).collect()))
}

fn rsplit(text: &str, given: &[Var]) -> Result<Var, Error> {
    let separator = given.first().and_then(Var::as_str);
    let most = given
        .get(1)
        .and_then(Var::as_usize)
        .map_or(usize::MAX, |most| most.saturating_add(1));
    let mut parts: Vec<String> = match separator {
        Some("") => return Err(wrong("`rsplit` needs a separator that is not empty")),
        Some(separator) => text.rsplitn(most, separator).map(str::to_owned).collect(),
        None => text
            .trim()
            .rsplitn(most, char::is_whitespace)
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect(),
    };
    parts.reverse();
    Ok(Var::from(parts))
}

fn swapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_uppercase() {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
    }
    out
}

fn expanded(text: &str, size: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for letter in text.chars() {
        match letter {
            '\t' => {
                let size = size.clamp(1, 100);
                let blanks = size - column % size;
                out.push_str(&" ".repeat(blanks));
                column += blanks;
            }
            other => {
                out.push(other);
                column = if other == '\n' { 0 } else { column + 1 };
            }
        }
    }
    out
}

/// `list.index(item)`.
fn place(value: &Var, given: &[Var]) -> Result<Var, Error> {
    let wanted = given
        .first()
        .ok_or_else(|| Error::from(ErrorKind::MissingArgument))?;
    value
        .try_iter()?
        .position(|item| item == *wanted)
        .map(Var::from)
        .ok_or_else(|| wrong(format!("`{wanted}` is not in the list")))
}
