//! Params of a `matrix`: from which values a search may choose.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json};

use super::checker::{Checker, is_template};
use super::orchestration::{check_duration, check_io_type};
use super::path::Path;
use super::suggest;
use crate::diagnostic::Code;
use crate::yaml::{Node, Scalar, Value};

/// Whether a param is drawn at random, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distribution {
    /// Its values can be listed.
    None,
    /// Every value of an interval is as likely as any other.
    Uniform,
    /// Any other way.
    Other,
}

/// What one place of a space takes.
#[derive(Clone, Copy)]
enum Place {
    Number,
    /// A number that is not 0.
    Step,
    Integer,
    /// An integer, or null for none.
    Count,
    Date,
    DateTime,
    Duration,
}

/// A kind whose value is a few places: a mapping, a list, or text with colons.
struct Space {
    kind: &'static str,
    places: &'static [(&'static str, Place)],
    /// How many of them must be there.
    required: usize,
    /// Whether the first has to be less than the second.
    ordered: bool,
}

const START_STOP: [(&str, Place); 2] = [("start", Place::Number), ("stop", Place::Number)];
const LOW_HIGH: [(&str, Place); 2] = [("low", Place::Number), ("high", Place::Number)];
const LOC_SCALE: [(&str, Place); 2] = [("loc", Place::Number), ("scale", Place::Number)];

const fn ordered(kind: &'static str, places: &'static [(&'static str, Place)]) -> Space {
    Space {
        kind,
        places,
        required: 3,
        ordered: true,
    }
}

const fn drawn(
    kind: &'static str,
    required: usize,
    places: &'static [(&'static str, Place)],
) -> Space {
    Space {
        kind,
        places,
        required,
        ordered: false,
    }
}

const NUM: (&str, Place) = ("num", Place::Integer);
const SIZE: (&str, Place) = ("size", Place::Count);
const QUANTUM: (&str, Place) = ("q", Place::Step);

static SPACES: &[Space] = &[
    ordered(
        "range",
        &[START_STOP[0], START_STOP[1], ("step", Place::Number)],
    ),
    ordered(
        "daterange",
        &[
            ("start", Place::Date),
            ("stop", Place::Date),
            ("step", Place::Integer),
        ],
    ),
    ordered(
        "datetimerange",
        &[
            ("start", Place::DateTime),
            ("stop", Place::DateTime),
            ("step", Place::Duration),
        ],
    ),
    ordered("linspace", &[START_STOP[0], START_STOP[1], NUM]),
    ordered("geomspace", &[START_STOP[0], START_STOP[1], NUM]),
    ordered(
        "logspace",
        &[START_STOP[0], START_STOP[1], NUM, ("base", Place::Count)],
    ),
    drawn("uniform", 2, &[LOW_HIGH[0], LOW_HIGH[1], SIZE]),
    drawn("loguniform", 2, &[LOW_HIGH[0], LOW_HIGH[1], SIZE]),
    drawn("quniform", 3, &[LOW_HIGH[0], LOW_HIGH[1], QUANTUM, SIZE]),
    drawn("qloguniform", 3, &[LOW_HIGH[0], LOW_HIGH[1], QUANTUM, SIZE]),
    drawn("normal", 2, &[LOC_SCALE[0], LOC_SCALE[1], SIZE]),
    drawn("lognormal", 2, &[LOC_SCALE[0], LOC_SCALE[1], SIZE]),
    drawn("qnormal", 3, &[LOC_SCALE[0], LOC_SCALE[1], QUANTUM, SIZE]),
    drawn(
        "qlognormal",
        3,
        &[LOC_SCALE[0], LOC_SCALE[1], QUANTUM, SIZE],
    ),
];

impl Space {
    /// Whether its places may be written as text with colons. Dates and times have colons of their own.
    fn takes_text(&self) -> bool {
        !self
            .places
            .iter()
            .any(|(_, place)| matches!(place, Place::Date | Place::DateTime))
    }
}

/// How the values of a kind are drawn.
pub(crate) fn distribution_of(kind: &str) -> Distribution {
    match kind {
        "uniform" => Distribution::Uniform,
        "pchoice" => Distribution::Other,
        kind if SPACES
            .iter()
            .any(|space| space.kind == kind && !space.ordered) =>
        {
            Distribution::Other
        }
        _ => Distribution::None,
    }
}

/// The `params` of a matrix.
pub(crate) fn check_hyper_params(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(params) = &node.value else {
        return checker.wrong_type(node, path, "a mapping of names to spaces of values");
    };
    let mut out = Map::with_capacity(params.len());
    for (name, entry) in params {
        let path = path.field(name);
        out.insert(name.clone(), check_param(checker, &entry.value, &path));
    }
    Json::Object(out)
}

fn check_param(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let Value::Mapping(fields) = &node.value else {
        return checker.wrong_type(node, path, "`{kind: ..., value: ...}`");
    };
    for (name, entry) in fields {
        if !matches!(name.as_str(), "kind" | "value") {
            let message = format!("unknown field `{name}` in a param of a matrix");
            checker
                .error(Code::UnknownField, &entry.key, &path.field(name), message)
                .help = Some("the fields are `kind`, `value`".into());
        }
    }
    let kind = fields
        .get("kind")
        .and_then(|entry| entry.value.value.as_text());
    let space = SPACES.iter().find(|space| Some(space.kind) == kind);
    if space.is_none() && !matches!(kind, Some("choice" | "pchoice")) {
        let mut kinds = vec!["choice", "pchoice"];
        kinds.extend(SPACES.iter().map(|space| space.kind));
        let message = match kind {
            Some(kind) => format!("there is no space of values of kind `{kind}`"),
            None => "a param of a matrix needs the field `kind`".to_owned(),
        };
        let at = fields.get("kind").map_or(node, |entry| &entry.value);
        let help = suggest::value(kind.unwrap_or_default(), &kinds);
        checker
            .error(Code::UnknownKind, at, &path.field("kind"), message)
            .help = Some(help);
        return node.to_json();
    }
    let at = path.field("value");
    match fields.get("value").map(|entry| &entry.value) {
        None if matches!(kind, Some("choice" | "datetimerange")) => {
            let kind = kind.unwrap_or_default();
            let message = format!("a `{kind}` needs the field `value`");
            checker.error(Code::MissingField, node, path, message).help = Some(match space {
                None => "add `value: [a, b]`".into(),
                Some(_) => "add `value: {start: ..., stop: ..., step: ...}`".into(),
            });
        }
        Some(value) if !value.value.is_null() && !is_text_template(value) => match space {
            Some(space) => check_space(checker, value, space, &at),
            None if kind == Some("pchoice") => check_chances(checker, value, &at),
            None => {
                if !matches!(value.value, Value::Sequence(_)) {
                    checker.wrong_type(value, &at, "a list");
                }
            }
        },
        _ => {}
    }
    node.to_json()
}

fn is_text_template(node: &Node) -> bool {
    node.value.as_text().is_some_and(is_template)
}

/// Values with how likely each is.
fn check_chances(checker: &mut Checker, node: &Node, path: &Path<'_>) {
    let Value::Sequence(items) = &node.value else {
        checker.wrong_type(node, path, "a list of `[value, chance]`");
        return;
    };
    let mut sum = 0.0;
    for (index, item) in items.iter().enumerate() {
        let chance = match &item.value {
            Value::Sequence(pair) if pair.len() == 2 => {
                pair.get(1).and_then(|chance| match &chance.value {
                    Value::Scalar(Scalar::Float(chance)) => Some(*chance),
                    _ => None,
                })
            }
            _ => None,
        };
        if let Some(chance) = chance.filter(|chance| (0.0..1.0).contains(chance)) {
            sum += chance;
        } else {
            let message = "each choice is `[value, chance]` with a chance from 0.0 to below 1.0";
            checker.error(Code::BadValue, item, &path.index(index), message);
        }
    }
    // Sums of decimal fractions are not exact.
    if sum > 1.0 + 1e-9 {
        let message = format!("the chances sum to {sum}, and 1 is all there is");
        checker.error(Code::BadValue, node, path, message);
    }
}

fn check_space(checker: &mut Checker, node: &Node, space: &Space, path: &Path<'_>) {
    let names: Vec<&str> = space.places.iter().map(|(name, _)| *name).collect();
    let shape = names.join(", ");
    let before = checker.diagnostics.len();
    let mut numbers: Vec<Option<f64>> = vec![None; names.len()];
    let mut given = 0;
    match &node.value {
        Value::Mapping(fields) => {
            for (name, entry) in fields {
                let place = space.places.iter().position(|(known, _)| known == name);
                let Some(index) = place else {
                    let message = format!("unknown field `{name}` in a `{}`", space.kind);
                    checker
                        .error(Code::UnknownField, &entry.key, &path.field(name), message)
                        .help = Some(format!("the fields are {shape}"));
                    continue;
                };
                given += usize::from(index < space.required);
                let number = check_place(checker, &entry.value, space, index, &path.field(name));
                if let Some(slot) = numbers.get_mut(index) {
                    *slot = number;
                }
            }
        }
        Value::Sequence(items) => {
            given = items.len().min(space.required);
            for (index, item) in items.iter().enumerate().take(names.len()) {
                let number = check_place(checker, item, space, index, &path.index(index));
                if let Some(slot) = numbers.get_mut(index) {
                    *slot = number;
                }
            }
        }
        Value::Scalar(Scalar::Text(text)) if text.contains(':') && space.takes_text() => {
            let parts: Vec<&str> = text.split(':').map(str::trim).collect();
            given = parts.len().min(space.required);
            let places = space.places.iter().map(|(_, place)| place);
            for ((slot, part), place) in numbers.iter_mut().zip(&parts).zip(places) {
                *slot = part.parse().ok();
                let what = match (place, slot) {
                    (Place::Step, Some(0.0)) => "a step, and has to be more than 0",
                    (Place::Integer | Place::Count, Some(number)) if number.fract() != 0.0 => {
                        "an integer"
                    }
                    (_, Some(_)) => continue,
                    (_, None) => "a number",
                };
                let message = format!("`{part}` is not {what}");
                checker.error(Code::BadValue, node, path, message);
            }
        }
        Value::Scalar(_) => {
            let expected = format!("a mapping or list of {shape}");
            checker.wrong_type(node, path, &expected);
            // YAML reads `0:10:2` without quotes as one number to the base of 60.
            if let Some(written) = node.written().filter(|written| written.contains(':'))
                && let Some(last) = checker.diagnostics.last_mut()
            {
                last.help = Some(format!("quote it: `\"{written}\"`"));
            }
            return;
        }
    }
    if checker.diagnostics.len() > before {
        return;
    }
    if given < space.required {
        let message = format!(
            "a `{}` needs {}",
            space.kind,
            names.get(..space.required).unwrap_or(&names).join(", ")
        );
        checker.error(Code::MissingField, node, path, message);
    } else if let (true, [Some(start), Some(stop), rest @ ..]) = (space.ordered, numbers.as_slice())
    {
        if start >= stop {
            let message = format!("the stop of a `{}` is above its start", space.kind);
            checker.error(Code::BadValue, node, path, message);
        }
        if rest.first() == Some(&Some(0.0)) {
            let message = format!("a `{}` in steps of 0 has no end", space.kind);
            checker.error(Code::BadValue, node, path, message);
        }
    }
}

/// Checks one place, and gives its number if it is one.
fn check_place(
    checker: &mut Checker,
    node: &Node,
    space: &Space,
    index: usize,
    path: &Path<'_>,
) -> Option<f64> {
    let (_, place) = space.places.get(index)?;
    match place {
        Place::Count if node.value.is_null() => None,
        Place::Number | Place::Step => {
            let number = checker.number(node, path).as_f64();
            if number == Some(0.0) && matches!(place, Place::Step) {
                checker.error(Code::BadValue, node, path, format!("`{path}` cannot be 0"));
            }
            number
        }
        Place::Integer | Place::Count => checker.lax_integer(node, path).as_f64(),
        Place::Date => {
            let date = check_io_type(checker, node, path, "date", "2024-12-31");
            seconds(date.as_str()?)
        }
        Place::DateTime => {
            let moment = check_io_type(checker, node, path, "datetime", "2024-12-31T23:59:00");
            seconds(moment.as_str()?)
        }
        Place::Duration => {
            check_duration(checker, node, path);
            let is_zero = match &node.value {
                Value::Scalar(Scalar::Integer(number)) => number.as_f64() == Some(0.0),
                Value::Scalar(Scalar::Float(number)) => *number == 0.0,
                _ => false,
            };
            is_zero.then_some(0.0)
        }
    }
}

/// When a date or a date with a time is, for a comparison; a time without a zone counts as UTC.
fn seconds(text: &str) -> Option<f64> {
    let moment = match Timestamp::from_str(text) {
        Ok(moment) => moment,
        Err(_) => TimeZone::UTC
            .to_timestamp(DateTime::from_str(text).ok()?)
            .ok()?,
    };
    Some(moment.as_duration().as_secs_f64())
}
