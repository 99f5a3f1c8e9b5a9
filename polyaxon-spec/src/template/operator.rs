//! The operators `%` and `*`: the engine knows the remainder of numbers, the reference also `'%s-%d' % (a, b)`; and the
//! engine repeats texts and lists up to sizes that are no size for a field.
//!
//! The engine has no place to say so. Expressions are rewritten before they are parsed, so that the operator becomes a
//! call, with the precedence that the reference gives it.

use std::borrow::Cow;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Environment, Error, Value as Var};

use super::arguments::wrong;
use super::limits;
use super::numbers::{as_float, as_integer, integer};
use super::percent::{self, Values};

/// The function that stands for the operator. No name of a param starts like this.
const FUNCTION: &str = "__percent";

/// The function that stands for `*`.
const TIMES: &str = "__times";

/// Most items of a list that was repeated.
const MAX_ITEMS: usize = 50_000;

/// Words between operands.
const KEYWORDS: &[&str] = &[
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "elif",
    "else",
    "for",
    "recursive",
    "set",
    "with",
    "do",
    "call",
    "filter",
];

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_function(FUNCTION, percent);
    env.add_function(TIMES, times);
}

/// `first * second`.
fn times(first: &Var, second: &Var) -> Result<Var, Error> {
    if let (Some(first), Some(second)) = (as_integer(first), as_integer(second)) {
        let product = first.checked_mul(second);
        return product
            .map(integer)
            .ok_or_else(|| wrong(format!("unable to calculate {first} * {second}")));
    }
    if let (Some(first), Some(second)) = (as_float(first), as_float(second)) {
        return Ok(Var::from(first * second));
    }
    let (what, count) = match (as_integer(first), as_integer(second)) {
        (None, Some(count)) => (first, count),
        (Some(count), None) => (second, count),
        _ => return Err(no_product(first, second)),
    };
    let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
    if let Some(text) = what.as_str() {
        limits::room(text.len().saturating_mul(count))?;
        return Ok(Var::from(text.repeat(count)));
    }
    if what.kind() != ValueKind::Seq {
        return Err(no_product(first, second));
    }
    let length = what.len().unwrap_or_default();
    if length.saturating_mul(count) > MAX_ITEMS {
        return Err(limits::too_large());
    }
    let once: Vec<Var> = what.try_iter()?.collect();
    let items: Vec<Var> = std::iter::repeat_n(once, count).flatten().collect();
    Ok(match what.downcast_object_ref::<Tuple>() {
        Some(_) => Var::from(Tuple::from(items)),
        None => Var::from(items),
    })
}

fn no_product(first: &Var, second: &Var) -> Error {
    wrong(format!(
        "tried to use * operator on unsupported types {} and {}",
        first.kind(),
        second.kind()
    ))
}

/// `first % second`.
fn percent(first: &Var, second: &Var) -> Result<Var, Error> {
    if let Some(pattern) = first.as_str() {
        let text = match second.downcast_object_ref::<Tuple>() {
            Some(_) => percent::format(pattern, &Values::Several(second.try_iter()?.collect())),
            None => percent::format(pattern, &Values::One(second)),
        };
        return text.map(Var::from);
    }
    let divided = wrong("the remainder of a division by zero");
    if let (Some(first), Some(second)) = (as_integer(first), as_integer(second)) {
        let rest = first.checked_rem(second).ok_or(divided)?;
        let is_other_side = rest != 0 && (rest < 0) != (second < 0);
        return Ok(integer(if is_other_side { rest + second } else { rest }));
    }
    match (as_float(first), as_float(second)) {
        (Some(_), Some(0.0)) => Err(divided),
        (Some(first), Some(second)) => {
            let rest = first % second;
            let is_other_side = rest != 0.0 && (rest < 0.0) != (second < 0.0);
            Ok(Var::from(if is_other_side { rest + second } else { rest }))
        }
        _ => Err(wrong(format!(
            "`%` needs a pattern or numbers, not {} and {}",
            first.kind(),
            second.kind()
        ))),
    }
}

/// The template with each `a % b` of its expressions as a call.
pub(super) fn calls(source: &str) -> Cow<'_, str> {
    let bytes = source.as_bytes();
    let is_operator = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        match bytes.get(at) {
            Some(b'%') => before != Some(&b'{') && bytes.get(at + 1) != Some(&b'}'),
            Some(b'*') => true,
            _ => false,
        }
    };
    if !(0..bytes.len()).any(is_operator) {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len() + 32);
    let mut rest = source;
    while let Some(start) = limits::next_tag(rest) {
        let (text, inside) = rest.split_at(start);
        out.push_str(text);
        if inside.starts_with("{#") {
            let end = inside.find("#}").map_or(inside.len(), |end| end + 2);
            let (comment, after) = inside.split_at(end);
            out.push_str(comment);
            rest = after;
            continue;
        }
        let (open, inside) = inside.split_at(2);
        out.push_str(open);
        let close = if open == "{{" { "}}" } else { "%}" };
        let mut rewriter = Rewriter::new(&mut out);
        let used = rewriter.expression(inside, close);
        let (expression, after) = inside.split_at(used);
        rest = after;
        if open == "{%" && expression.trim_matches(['-', '+', ' ', '\n', '\t', '\r']) == "raw" {
            let end = rest.find("endraw").unwrap_or(rest.len());
            let (verbatim, after) = rest.split_at(end);
            // The tag that ends it opens before the word.
            out.push_str(verbatim);
            rest = after;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What is known at one depth of brackets.
#[derive(Default)]
struct Level {
    /// Where the product that may be the first operand starts.
    product: Option<usize>,
    /// Whether a call waits for the end of its second operand.
    is_open: bool,
    /// Whether the last token ended an operand.
    is_after_operand: bool,
}

struct Rewriter<'a> {
    out: &'a mut String,
    levels: Vec<Level>,
}

impl<'a> Rewriter<'a> {
    fn new(out: &'a mut String) -> Self {
        Self {
            out,
            levels: vec![Level::default()],
        }
    }

    /// Copies an expression up to what closes it, and answers how long it was.
    fn expression(&mut self, source: &str, close: &str) -> usize {
        let mut rest = source;
        while let Some(first) = rest.chars().next() {
            if self.levels.len() == 1 && rest.starts_with(close) {
                break;
            }
            let length = match first {
                '\'' | '"' => string_length(rest, first),
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("**") || rest.starts_with("//") => 2,
                c => c.len_utf8(),
            };
            let (token, after) = rest.split_at(length);
            self.token(token, first);
            rest = after;
        }
        while let Some(level) = self.levels.pop() {
            if level.is_open {
                self.close();
            }
        }
        source.len() - rest.len()
    }

    fn token(&mut self, token: &str, first: char) {
        match first {
            c if c.is_whitespace() => self.out.push_str(token),
            '(' | '[' | '{' => {
                self.operand();
                self.out.push_str(token);
                self.levels.push(Level::default());
            }
            ')' | ']' | '}' => {
                self.boundary();
                if self.levels.len() > 1 {
                    self.levels.pop();
                }
                self.out.push_str(token);
                self.level().is_after_operand = true;
            }
            // What binds more tightly than `%` stays in the operand.
            '.' | '|' => self.out.push_str(token),
            _ if token == "**" => {
                self.out.push_str(token);
                self.level().is_after_operand = false;
            }
            '+' | '-' if !self.level().is_after_operand => {
                self.operand();
                self.out.push_str(token);
                self.level().is_after_operand = false;
            }
            '*' => self.call(TIMES, token),
            '/' => {
                self.end_call();
                self.out.push_str(token);
                self.level().is_after_operand = false;
            }
            '%' => self.call(FUNCTION, token),
            '\'' | '"' => {
                self.operand();
                self.out.push_str(token);
            }
            c if is_word(c) && !KEYWORDS.contains(&token) => {
                self.operand();
                self.out.push_str(token);
            }
            _ => {
                self.boundary();
                self.out.push_str(token);
            }
        }
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    /// An operand starts or goes on.
    fn operand(&mut self) {
        let start = self.out.len();
        let level = self.level();
        level.product.get_or_insert(start);
        level.is_after_operand = true;
    }

    /// An operator that becomes a call, if there is an operand before it.
    fn call(&mut self, function: &str, token: &str) {
        self.end_call();
        let level = self.level();
        let start = level.product.filter(|_| level.is_after_operand);
        if let Some(start) = start {
            self.out.insert_str(start, &format!("{function}("));
            self.out.push(',');
            self.level().is_open = true;
        } else {
            self.out.push_str(token);
        }
        self.level().is_after_operand = false;
    }

    /// The second operand of a call is over.
    fn end_call(&mut self) {
        if std::mem::take(&mut self.level().is_open) {
            self.close();
        }
    }

    /// Ends the product at this depth.
    fn boundary(&mut self) {
        self.end_call();
        *self.level() = Level::default();
    }

    fn close(&mut self) {
        let kept = self.out.trim_end().len();
        self.out.insert(kept, ')');
    }
}

pub(super) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The length of a literal with its quotes.
pub(super) fn string_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_become_calls_with_the_precedence_of_the_reference() {
        for (source, expected) in [
            ("{% if a %}100%{% endif %}", None),
            ("{{ a % b }}", Some("{{ __percent(a , b) }}")),
            (
                "{{ a % b * c }}",
                Some("{{ __times(__percent(a , b) , c) }}"),
            ),
            (
                "{{ a * b % c }}",
                Some("{{ __percent(__times(a , b) , c) }}"),
            ),
            ("{{ a / b * c }}", Some("{{ __times(a / b , c) }}")),
            ("{{ f(*a, **b) }}", None),
            (
                "{{ a + b % c + d }}",
                Some("{{ a + __percent(b , c) + d }}"),
            ),
            (
                "{{ a % b % c }}",
                Some("{{ __percent(__percent(a , b) , c) }}"),
            ),
            ("{{ -a % -b }}", Some("{{ __percent(-a , -b) }}")),
            ("{{ a % b ** 2 }}", Some("{{ __percent(a , b ** 2) }}")),
            (
                "{{ '%s' % x.y[0] | upper }}",
                Some("{{ __percent('%s' , x.y[0] | upper) }}"),
            ),
            (
                "{{ f('%d' % n, 1) }}",
                Some("{{ f(__percent('%d' , n), 1) }}"),
            ),
            (
                "{{ ('%s' % a) ~ b % c }}",
                Some("{{ (__percent('%s' , a)) ~ __percent(b , c) }}"),
            ),
            (
                "{% if a % 2 == 0 %}5%{% endif %}",
                Some("{% if __percent(a , 2) == 0 %}5%{% endif %}"),
            ),
            (
                "{% set x = a % 2 -%}",
                Some("{% set x = __percent(a , 2) -%}"),
            ),
            (
                "{% raw %}{{ a % b }}{% endraw %}",
                Some("{% raw %}{{ a % b }}{% endraw %}"),
            ),
            ("{# a % b #}", Some("{# a % b #}")),
            (
                "{{ 'it\\'s %' % a }}",
                Some("{{ __percent('it\\'s %' , a) }}"),
            ),
            (
                "{{ {'k': a % b}['k'] }}",
                Some("{{ {'k': __percent(a , b)}['k'] }}"),
            ),
            (
                "{{ a % b if c else d }}",
                Some("{{ __percent(a , b) if c else d }}"),
            ),
            ("{{ % a }}", Some("{{ % a }}")),
            ("{{ a % ", Some("{{ __percent(a ,) ")),
        ] {
            let expected = expected.unwrap_or(source);
            assert_eq!(calls(source), expected, "{source}");
        }
    }
}
