//! What a template may take: how deep its expressions go, and how large its values get.
//!
//! The engine counts instructions. It does not count what one of them can cost: an expression of ten thousand signs is
//! parsed ten thousand calls deep, and a text that is joined to itself forty times has a terabyte. So long expressions
//! are refused before they are parsed, and values are measured where they get a name: without names, nothing can grow
//! more than the expression is long.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, State, Value as Var};

use super::TemplateError;
use super::operator::{is_word, string_length};

/// Longest text that a rendering or a value may have, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Most values that one value may hold.
const MAX_NODES: usize = 50_000;
/// How deep values may hold values.
const MAX_DEPTH: usize = 64;
/// How many operators, accesses and calls an expression may have.
const MAX_OPERATORS: usize = 120;
/// How many branches all conditions of a template may have.
const MAX_BRANCHES: usize = 120;
/// Bytes that a rendering may print, with what is not shown in the end.
const MAX_PRINTED_BYTES: usize = 4 << 20;
/// What all templates of an operation may cost together: bytes that they print, and some for each step.
const MAX_COST: u64 = 32 << 20;
/// The cost of a step, in bytes.
const STEP: u64 = 20;

/// The filter that measures.
const FILTER: &str = "__bounded";

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_filter(FILTER, |value: Var| measured(&value).map(|_| value));
}

/// The error for what is too large.
pub(super) fn too_large() -> Error {
    Error::from(ErrorKind::OutOfFuel)
}

/// Refuses a text that is too long.
pub(super) fn room(bytes: usize) -> Result<(), Error> {
    if bytes > MAX_TEXT_BYTES {
        return Err(too_large());
    }
    Ok(())
}

/// Counts what a rendering prints.
pub(super) fn printed(state: &mut State<'_, '_>, bytes: usize) -> Result<(), Error> {
    struct Printed(usize);
    let printed = state.get_or_insert_extension_with(|| Printed(0));
    printed.0 = printed.0.saturating_add(bytes);
    if printed.0 > MAX_PRINTED_BYTES {
        return Err(too_large());
    }
    Ok(())
}

/// The size of a value in bytes, which is refused where it is too large or too deep.
pub(super) fn measured(value: &Var) -> Result<usize, Error> {
    let mut left = (MAX_NODES, MAX_TEXT_BYTES);
    measure(value, MAX_DEPTH, &mut left).ok_or_else(too_large)?;
    Ok(MAX_TEXT_BYTES - left.1 + MAX_NODES - left.0)
}

fn measure(value: &Var, depth: usize, left: &mut (usize, usize)) -> Option<()> {
    left.0 = left.0.checked_sub(1)?;
    match value.kind() {
        ValueKind::String => {
            let bytes = value.as_str().map_or(0, str::len);
            left.1 = left.1.checked_sub(bytes)?;
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let depth = depth.checked_sub(1)?;
            for item in value.try_iter().ok()? {
                measure(&item, depth, left)?;
            }
        }
        ValueKind::Map => {
            let depth = depth.checked_sub(1)?;
            for key in value.try_iter().ok()? {
                measure(&value.get_item(&key).unwrap_or_default(), depth, left)?;
                measure(&key, depth, left)?;
            }
        }
        _ => {}
    }
    Some(())
}

/// What the templates of one operation may still cost.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicU64>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(MAX_COST)))
    }
}

impl Budget {
    /// Takes the cost of a rendering.
    pub(super) fn take(&self, bytes: usize, steps: u64) -> Result<(), TemplateError> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let cost = steps.saturating_mul(STEP).saturating_add(bytes);
        let left = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_sub(cost))
            });
        match left {
            Ok(left) if left > cost => Ok(()),
            _ => Err(TemplateError::TooLarge),
        }
    }
}

/// The template with a measure behind each tag that gives names to values.
pub(super) fn guarded(source: &str) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(source.len() + 64);
    let mut rest = source;
    let mut branches = 0;
    while let Some(start) = next_tag(rest) {
        let (text, tag) = rest.split_at(start);
        out.push_str(text);
        let (open, inside) = tag.split_at(2);
        out.push_str(open);
        if open == "{#" {
            let end = inside.find("#}").map_or(inside.len(), |end| end + 2);
            let (comment, after) = inside.split_at(end);
            out.push_str(comment);
            rest = after;
            continue;
        }
        let close = if open == "{{" { "}}" } else { "%}" };
        let (end, operators) = expression(inside, close);
        let (expression, after) = inside.split_at(end);
        out.push_str(expression);
        rest = after;
        let word = first_word(expression);
        branches += usize::from(open == "{%" && word == "elif");
        if operators > MAX_OPERATORS || branches > MAX_BRANCHES {
            let message = format!(
                "an expression has more than {MAX_OPERATORS} operators, or conditions have more than {MAX_BRANCHES} branches; split it"
            );
            return Err(TemplateError::Syntax(message));
        }
        let Some(after) = rest.strip_prefix(close) else {
            continue;
        };
        out.push_str(close);
        rest = after;
        if open == "{%" && word == "raw" {
            let end = rest.find("endraw").unwrap_or(rest.len());
            let (verbatim, after) = rest.split_at(end);
            out.push_str(verbatim);
            // The tag that ends it opens before the word.
            let end = after.find("%}").map_or(after.len(), |end| end + 2);
            let (tag, after) = after.split_at(end);
            out.push_str(tag);
            rest = after;
        } else if open == "{%" {
            let trim = match expression.chars().next_back() {
                Some(sign @ ('-' | '+')) => sign.to_string(),
                _ => String::new(),
            };
            for name in names(word, expression) {
                // Writing into a `String` cannot fail.
                let _ = write!(out, "{{% set {name} = {name}|{FILTER} {trim}%}}");
            }
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the next tag or comment starts.
pub(super) fn next_tag(text: &str) -> Option<usize> {
    text.match_indices('{').map(|(at, _)| at).find(|at| {
        let next = text.as_bytes().get(at + 1);
        matches!(next, Some(b'{' | b'%' | b'#'))
    })
}

/// The length of an expression up to what closes it, and how many operators it has.
fn expression(source: &str, close: &str) -> (usize, usize) {
    const WORDS: [&str; 7] = ["not", "and", "or", "if", "else", "is", "in"];
    let mut rest = source;
    let mut depth = 0_usize;
    let mut operators = 0;
    while let Some(first) = rest.chars().next() {
        if depth == 0 && rest.starts_with(close) {
            break;
        }
        let length = match first {
            '\'' | '"' => string_length(rest, first),
            c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            _ if ["**", "//", "==", "!=", "<=", ">="]
                .iter()
                .any(|two| rest.starts_with(two)) =>
            {
                2
            }
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        match first {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_operator = "([{.|+-*/%~<>=!".contains(first) || WORDS.contains(&token);
        operators += usize::from(is_operator);
        rest = after;
    }
    (source.len() - rest.len(), operators)
}

fn first_word(expression: &str) -> &str {
    let text = expression.trim_start_matches(['-', '+']).trim_start();
    text.split(|letter| !is_word(letter))
        .next()
        .unwrap_or_default()
}

/// The names that a tag gives to values.
fn names<'a>(word: &str, expression: &'a str) -> Vec<&'a str> {
    let text = expression.trim_matches(['-', '+']).trim();
    let text = text.strip_prefix(word).unwrap_or_default();
    let given = match word {
        "set" => before_equals(text).into_iter().collect(),
        "with" => split(text, ',')
            .into_iter()
            .filter_map(before_equals)
            .collect(),
        "for" => before_in(text).into_iter().collect(),
        "macro" | "call" => text
            .split_once('(')
            .map_or_else(Vec::new, |(_, rest)| parameters(rest)),
        _ => Vec::new(),
    };
    given
        .into_iter()
        .flat_map(|names| names.split(|letter| !is_word(letter) && letter != '.'))
        .filter(|name| is_name(name))
        .collect()
}

/// What stands before an assignment.
fn before_equals(text: &str) -> Option<&str> {
    let at = text.find('=')?;
    let before = text.get(..at)?;
    let is_comparison = before.ends_with(['!', '<', '>'])
        || text.get(at + 1..).is_some_and(|rest| rest.starts_with('='));
    (!is_comparison).then_some(before)
}

/// What stands before the word `in`.
fn before_in(text: &str) -> Option<&str> {
    text.match_indices("in").find_map(|(at, _)| {
        let before = text.get(..at)?;
        let is_alone = !before.ends_with(is_word)
            && !text
                .get(at + 2..)
                .is_some_and(|rest| rest.starts_with(is_word));
        is_alone.then_some(before)
    })
}

/// The names of parameters up to the bracket that closes them.
fn parameters(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let end = text.char_indices().find(|(_, letter)| match letter {
        '(' | '[' | '{' => {
            depth += 1;
            false
        }
        ')' | ']' | '}' if depth == 0 => true,
        ')' | ']' | '}' => {
            depth -= 1;
            false
        }
        _ => false,
    });
    let inside = end.and_then(|(end, _)| text.get(..end)).unwrap_or(text);
    split(inside, ',')
        .into_iter()
        .map(|part| part.split('=').next().unwrap_or_default())
        .collect()
}

/// The parts of a text between separators that are in no brackets and no quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    let mut skip = 0;
    for (at, letter) in text.char_indices() {
        if at < skip {
            continue;
        }
        match letter {
            '\'' | '"' => skip = at + string_length(text.get(at..).unwrap_or_default(), letter),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if letter == separator && depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

fn is_name(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
        && name.chars().all(|letter| is_word(letter) || letter == '.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Context;
    use super::*;

    fn rendered(template: &str) -> Result<String, TemplateError> {
        Context::of(&json!({"x": [1, 2], "text": "a,b"})).text(template)
    }

    #[test]
    fn names_are_found_where_tags_give_them() {
        for (tag, expected) in [
            (" set a = b == c ", vec!["a"]),
            (" set a, b = c ", vec!["a", "b"]),
            ("- set ns.a=b -", vec!["ns.a"]),
            (" set a ", vec![]),
            (" with a = f(b, c=1), d='x, y=2' ", vec!["a", "d"]),
            (" for (a, b)in c.items() if d ", vec!["a", "b"]),
            (" macro m(a, b=f(1, 2), c={'d': 1}) ", vec!["a", "b", "c"]),
            (" call(user) m(1) ", vec!["user"]),
            (" if a == b ", vec![]),
            (" endset ", vec![]),
        ] {
            assert_eq!(names(first_word(tag), tag), expected, "{tag}");
        }
    }

    #[test]
    fn templates_that_grow_end() {
        let long = |part: &str| part.repeat(40);
        let ten = "{% set s = 'aaaaaaaaaa' %}";
        for template in [
            format!("{ten}{}{{{{ s|length }}}}", long("{% set s = s ~ s %}")),
            format!("{ten}{}{{{{ s|length }}}}", long("{% set s = s + s %}")),
            format!("{ten}{}{{{{ s|length }}}}", long("{% set s = [s, s] %}")),
            format!("{ten}{}{{{{ s }}}}", long("{% set s %}{{ s }}{{ s }}{% endset %}")),
            format!("{ten}{}{{{{ s|length }}}}{}", long("{% with s = s ~ s %}"), long("{% endwith %}")),
            format!("{ten}{}{{{{ s|length }}}}{}", long("{% for s in [s ~ s] %}"), long("{% endfor %}")),
            "{% set ns = namespace(s='aa') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}".into(),
            "{% set ns = namespace(s=[]) %}{% for i in range(9000) %}{% set ns.s = [ns.s] %}{% endfor %}".into(),
            "{% set ns = namespace() %}{% set ns.s = ns %}{{ ns }}".into(),
            "{% macro m(s, n) %}{% if n %}{{ m(s ~ s, n - 1) }}{% endif %}{% endmacro %}{{ m('a' * 1000, 14) }}".into(),
            "{% macro m(n) %}{% if n %}{{ m(n - 1) * 2 }}{% else %}{{ 'a' * 1000 }}{% endif %}{% endmacro %}{{ m(14) }}".into(),
            "{% set s = 'a' * 1000000 %}{{ s|replace('a', s) }}".into(),
            "{% set s = 'a' * 1000000 %}{{ s.replace('a', s) }}".into(),
            "{% set s = 'a' * 10000 %}{{ s|list|join(s)|length }}".into(),
            "{% set s = 'a' * 10000 %}{{ s.join(s|list)|length }}".into(),
            "{% set s = 'a ' * 100000 %}{{ s|wordwrap(1, true, s)|length }}".into(),
            "{% set s = 'a\n' * 100000 %}{{ s|indent(1000)|length }}".into(),
            "{% set s = '\t' * 900000 %}{{ s.expandtabs(100)|length }}".into(),
            "{% set s = '%s' * 9000 %}{{ s % (('a' * 10000,) * 9000) }}".into(),
            "{{ ([0] * 99999999)|list|length }}".into(),
            "{{ 'a' * 99999999 }}".into(),
            "{{ range(40000)|list|tojson(indent=1000) }}".into(),
            "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}".into(),
        ] {
            assert_eq!(rendered(&template), Err(TemplateError::TooLarge), "{template}");
        }
    }

    #[test]
    fn long_expressions_are_refused_before_they_are_parsed() {
        let many = |part: &str| part.repeat(100_000);
        for template in [
            format!("{{{{ {}1 }}}}", many("-")),
            format!("{{{{ {}1 }}}}", many("not ")),
            format!("{{{{ 1{} }}}}", many("+1")),
            format!("{{{{ 1{} }}}}", many("%1")),
            format!("{{{{ x{} }}}}", many("[0]")),
            format!("{{{{ x{} }}}}", many(".a")),
            format!("{{{{ x{} }}}}", many("|string")),
            format!("{{{{ x is defined{} }}}}", many(" and x")),
            format!("{{{{ {}1 }}}}", many("1 if x else ")),
            format!("{{{{ {{'}}}}': 1}}{} }}}}", many(" ~ x")),
            format!("{{% if x %}}{}{{% endif %}}", many("{% elif x %}")),
            format!("{{% set a = {}1 %}}", many("-")),
        ] {
            let start: String = template.chars().take(30).collect();
            let error = rendered(&template).unwrap_err().to_string();
            assert!(
                error.contains("an expression has more than"),
                "{start}: {error}"
            );
        }
    }

    #[test]
    fn expressions_at_the_limit_fit_the_stack_of_a_thread() {
        for part in [
            "-",
            "not ",
            "+1",
            "[0]",
            ".a",
            "|string",
            " and x",
            " if x else 1",
            " is defined",
            "(1)",
        ] {
            let count = MAX_OPERATORS / 2;
            let before = ["-", "not "].contains(&part);
            let repeated = part.repeat(count);
            let template = if before {
                format!("{{{{ {repeated}1 }}}}")
            } else {
                format!("{{{{ x{repeated} }}}}")
            };
            // What it gives does not matter.
            let _ = rendered(&template);
        }
        let branches = "{% elif x %}".repeat(MAX_BRANCHES);
        assert_eq!(
            rendered(&format!("{{% if 0 %}}{branches}{{% endif %}}")).as_deref(),
            Ok("")
        );
    }

    #[test]
    fn measures_change_nothing() {
        for (template, expected) in [
            ("{% set a = 1 -%}  b{{ a }}", "b1"),
            ("{% set a, b = 1, 2 %} {{ a + b }}", " 3"),
            (
                "{% for k, v in {'a': 1}.items() -%} {{ k }}{{ v }} {%- endfor %}",
                "a1",
            ),
            (
                "{% macro m(a, b=2) %}{{ a * b }}{{ c is defined }}{% endmacro %}{{ m(3) }}",
                "6False",
            ),
            (
                "{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}",
                "False",
            ),
            (
                "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
                "12",
            ),
            (
                "{% set ns = namespace(a=1) %}{% for i in x %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}",
                "4",
            ),
            ("{% set a %}b{% endset %}{{ a }}", "b"),
            ("{% raw %}{% set a = 1 %}{% endraw %}", "{% set a = 1 %}"),
            (
                "{{ 2 * 3 * 1.5 }}|{{ [1] * 2 }}|{{ 2 * 'ab' }}|{{ 7 % 4 * 2 }}|{{ 2 ** 3 * 2 }}",
                "9.0|[1, 1]|abab|6|16",
            ),
        ] {
            assert_eq!(rendered(template).as_deref(), Ok(expected), "{template}");
        }
    }
}
