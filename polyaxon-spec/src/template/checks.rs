//! Tests of values, `x is even`, where the engine answers and the reference does or does not.

use std::cmp::Ordering;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, Value as Var};

use super::arguments::wrong;
use super::collections::compared;
use super::filters::printed;
use super::numbers::as_float;

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_test("odd", |value: &Var| {
        remainder(value, &Var::from(2)).map(|rest| is(rest, 1.0))
    });
    env.add_test("even", |value: &Var| {
        remainder(value, &Var::from(2)).map(|rest| is(rest, 0.0))
    });
    env.add_test("divisibleby", |value: &Var, by: &Var| {
        remainder(value, by).map(|rest| is(rest, 0.0))
    });
    for name in ["lt", "lessthan", "<"] {
        env.add_test(name, |a: &Var, b: &Var| order(a, b).map(Ordering::is_lt));
    }
    for name in ["le", "<="] {
        env.add_test(name, |a: &Var, b: &Var| order(a, b).map(Ordering::is_le));
    }
    for name in ["gt", "greaterthan", ">"] {
        env.add_test(name, |a: &Var, b: &Var| order(a, b).map(Ordering::is_gt));
    }
    for name in ["ge", ">="] {
        env.add_test(name, |a: &Var, b: &Var| order(a, b).map(Ordering::is_ge));
    }
    env.add_test("lower", |value: &Var| {
        let text = printed(value);
        has_case(&text) && text == text.to_lowercase()
    });
    env.add_test("upper", |value: &Var| {
        let text = printed(value);
        has_case(&text) && text == text.to_uppercase()
    });
    env.add_test("sequence", |value: &Var| {
        use ValueKind::{Map, Seq, String, Undefined};
        matches!(value.kind(), String | Seq | Map | Undefined)
    });
    env.add_test("iterable", |value: &Var| {
        use ValueKind::{Iterable, Map, Seq, String, Undefined};
        matches!(value.kind(), String | Seq | Map | Iterable | Undefined)
    });
    env.add_test("callable", |value: &Var| value.kind() == ValueKind::Plain);
}

fn remainder(value: &Var, by: &Var) -> Result<f64, Error> {
    match (as_float(value), as_float(by)) {
        (Some(value), Some(by)) if by != 0.0 => Ok(value.rem_euclid(by)),
        _ => Err(wrong("a remainder needs numbers")),
    }
}

fn is(rest: f64, wanted: f64) -> bool {
    (rest - wanted).abs() < f64::EPSILON
}

fn order(first: &Var, second: &Var) -> Result<Ordering, Error> {
    compared(first, second).ok_or_else(|| {
        wrong(format!(
            "{} and {} have no order",
            first.kind(),
            second.kind()
        ))
    })
}

fn has_case(text: &str) -> bool {
    text.chars()
        .any(|letter| letter.is_lowercase() || letter.is_uppercase())
}
