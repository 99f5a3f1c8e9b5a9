//! Filters of lists and mappings, and what undefined values give.

use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use minijinja::value::{Kwargs, Rest, Tuple, ValueKind};
use minijinja::{Environment, Error, State, Value as Var};

use super::arguments::{Arguments, wrong};
use super::filters::printed;

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_filter("default", default);
    env.add_filter("d", default);
    env.add_filter("length", length);
    env.add_filter("count", length);
    env.add_filter("first", first);
    env.add_filter("last", last);
    env.add_filter("items", items);
    env.add_filter("reverse", reverse);
    env.add_filter("dictsort", dictsort);
    env.add_filter("random", random);
    env.add_function("cycler", |items: Rest<Var>| {
        minijinja_contrib::globals::cycler(items.0)
    });
    env.add_function("joiner", minijinja_contrib::globals::joiner);
}

/// `value | default('', boolean=false)`: for what is undefined, or with `boolean` for what is not true.
fn default(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<Var, Error> {
    let arguments = Arguments::read(given, named, &["default_value", "boolean"])?;
    let is_used = value.is_undefined() || (arguments.is_true(1) && !value.is_true());
    Ok(if is_used {
        arguments.get(0).cloned().unwrap_or_else(|| Var::from(""))
    } else {
        value.clone()
    })
}

fn length(value: &Var) -> Result<usize, Error> {
    if value.is_undefined() {
        return Ok(0);
    }
    value
        .len()
        .ok_or_else(|| wrong(format!("a value of type {} has no length", value.kind())))
}

fn first(value: &Var) -> Result<Var, Error> {
    if let Some(text) = value.as_str() {
        return Ok(letter(text.chars().next()));
    }
    let mut items = iterated(value)?.into_iter();
    Ok(items.next().unwrap_or(Var::UNDEFINED))
}

fn last(value: &Var) -> Result<Var, Error> {
    if let Some(text) = value.as_str() {
        return Ok(letter(text.chars().next_back()));
    }
    Ok(iterated(value)?.pop().unwrap_or(Var::UNDEFINED))
}

fn letter(letter: Option<char>) -> Var {
    letter.map_or(Var::UNDEFINED, |letter| Var::from(letter.to_string()))
}

/// The items of a list, the keys of a mapping, nothing of what is undefined.
fn iterated(value: &Var) -> Result<Vec<Var>, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(Vec::new()),
        ValueKind::None => Err(wrong("none has no items")),
        _ => Ok(value.try_iter()?.collect()),
    }
}

fn items(value: &Var) -> Result<Var, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(Var::from(Vec::<Var>::new())),
        ValueKind::Map => Ok(pairs(value)?.into_iter().map(tuple).collect()),
        kind => Err(wrong(format!("a value of type {kind} has no pairs"))),
    }
}

fn pairs(value: &Var) -> Result<Vec<(Var, Var)>, Error> {
    value
        .try_iter()?
        .map(|key| Ok((key.clone(), value.get_item(&key)?)))
        .collect()
}

fn tuple((key, value): (Var, Var)) -> Var {
    Var::from_object(Tuple::new(vec![key, value]))
}

fn reverse(value: &Var) -> Result<Var, Error> {
    if let Some(text) = value.as_str() {
        return Ok(Var::from(text.chars().rev().collect::<String>()));
    }
    Ok(iterated(value)?.into_iter().rev().collect())
}

/// `value | dictsort(case_sensitive=false, by='key', reverse=false)`.
fn dictsort(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<Var, Error> {
    let arguments = Arguments::read(given, named, &["case_sensitive", "by", "reverse"])?;
    if value.kind() != ValueKind::Map {
        return Err(wrong("`dictsort` needs a mapping"));
    }
    let by_value = match arguments.get(1).and_then(Var::as_str) {
        None | Some("key") => false,
        Some("value") => true,
        Some(other) => {
            return Err(wrong(format!(
                "`dictsort` sorts by `key` or `value`, not `{other}`"
            )));
        }
    };
    let sort_key = |pair: &(Var, Var)| {
        let part = if by_value { &pair.1 } else { &pair.0 };
        match part.as_str() {
            Some(text) if !arguments.is_true(0) => Var::from(text.to_lowercase()),
            _ => part.clone(),
        }
    };
    let mut keyed: Vec<(Var, (Var, Var))> = pairs(value)?
        .into_iter()
        .map(|pair| (sort_key(&pair), pair))
        .collect();
    if keyed
        .windows(2)
        .any(|pair| matches!(pair, [(first, _), (second, _)] if compared(first, second).is_none()))
    {
        return Err(wrong("values of different types have no order"));
    }
    keyed.sort_by(|(first, _), (second, _)| first.cmp(second));
    if arguments.is_true(2) {
        keyed.reverse();
    }
    Ok(keyed.into_iter().map(|(_, pair)| tuple(pair)).collect())
}

/// The order of two values, where Python has one.
pub(super) fn compared(first: &Var, second: &Var) -> Option<Ordering> {
    let class = |value: &Var| match value.kind() {
        ValueKind::Bool | ValueKind::Number => Some(0),
        ValueKind::String => Some(1),
        ValueKind::Seq => Some(2),
        _ => None,
    };
    let is_ordered = class(first)? == class(second)?;
    is_ordered.then(|| {
        match (
            super::numbers::as_float(first),
            super::numbers::as_float(second),
        ) {
            (Some(first), Some(second)) => first.total_cmp(&second),
            _ => first.cmp(second),
        }
    })
}

/// One of the items. Which one is as good as random, and the same for the same run: what is resolved twice stays equal.
fn random(state: &State, value: &Var) -> Result<Var, Error> {
    let items: Vec<Var> = match value.as_str() {
        Some(text) => text
            .chars()
            .map(|letter| Var::from(letter.to_string()))
            .collect(),
        None if value.kind() == ValueKind::Map => {
            return Err(wrong("`random` needs a list or text"));
        }
        None => iterated(value)?,
    };
    let mut hasher = DefaultHasher::new();
    let run = state
        .lookup("globals")
        .and_then(|globals| globals.get_attr("uuid").ok());
    run.map(|run| printed(&run)).hash(&mut hasher);
    printed(value).hash(&mut hasher);
    let count = u64::try_from(items.len()).unwrap_or(u64::MAX).max(1);
    let place = usize::try_from(hasher.finish() % count).unwrap_or(0);
    Ok(items.get(place).cloned().unwrap_or(Var::UNDEFINED))
}
