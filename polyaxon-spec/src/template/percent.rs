//! Python's `pattern % values`, with the conversions that print text and numbers.

use minijinja::{Error, ErrorKind, Value as Var};

use super::filters::print;

/// The widest field that a pattern may ask for.
const MAX_WIDTH: usize = 1000;

/// Puts values into a pattern, in order or, where `name` is given, the only one under that name.
pub(super) fn format(pattern: &str, values: &[Var], name: Option<&str>) -> Result<String, Error> {
    let mut left = values.iter();
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (spec, after) = Spec::read(after)?;
        let value = match (spec.name, name) {
            (None, None) => left
                .next()
                .ok_or_else(|| wrong("the pattern wants more values than there are"))?,
            (Some(asked), Some(name)) if asked == name => values
                .first()
                .ok_or_else(|| wrong("the pattern wants a value"))?,
            (Some(asked), _) => return Err(wrong(&format!("the pattern asks for `{asked}`"))),
            (None, Some(name)) => {
                return Err(wrong(&format!("the pattern has to ask for `%({name})s`")));
            }
        };
        out.push_str(&spec.print(value)?);
        rest = after;
    }
    out.push_str(rest);
    if name.is_none() && left.next().is_some() {
        return Err(wrong("there are more values than the pattern wants"));
    }
    Ok(out)
}

fn wrong(text: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, text.to_owned())
}

/// One conversion, such as `(name)-08.3f`.
struct Spec<'a> {
    name: Option<&'a str>,
    flags: &'a str,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

impl<'a> Spec<'a> {
    fn read(text: &'a str) -> Result<(Self, &'a str), Error> {
        let (name, text) = match text.strip_prefix('(').and_then(|text| text.split_once(')')) {
            Some((name, text)) => (Some(name), text),
            None => (None, text),
        };
        let (flags, text) = take(text, |letter| "-+ 0#".contains(letter));
        let (width, text) = take(text, |letter| letter.is_ascii_digit());
        let (precision, text) = match text.strip_prefix('.') {
            Some(text) => {
                let (digits, text) = take(text, |letter| letter.is_ascii_digit());
                (Some(number(digits)?), text)
            }
            None => (None, text),
        };
        let conversion = text
            .chars()
            .next()
            .ok_or_else(|| wrong("the pattern ends with `%`; write `%%` for a percent sign"))?;
        let spec = Self {
            name,
            flags,
            width: number(width)?,
            precision,
            conversion,
        };
        Ok((spec, text.get(conversion.len_utf8()..).unwrap_or_default()))
    }

    fn print(&self, value: &Var) -> Result<String, Error> {
        let float = |name: &str| {
            f64::try_from(value.clone()).map_err(|_| wrong(&format!("`%{name}` needs a number")))
        };
        let (text, is_number) = match self.conversion {
            's' | 'r' => {
                let mut text = String::new();
                print(value, self.conversion == 'r', &mut text);
                let cut = self.precision.unwrap_or(usize::MAX);
                (text.chars().take(cut).collect(), false)
            }
            'd' | 'i' => (format!("{:.0}", float("d")?.trunc()), true),
            'f' | 'F' => {
                let precision = self.precision.unwrap_or(6);
                (format!("{:.precision$}", float("f")?), true)
            }
            other => {
                return Err(wrong(&format!(
                    "`%{other}` is not known; use `%s`, `%r`, `%d` or `%f`"
                )));
            }
        };
        let has = |flag: char| self.flags.contains(flag);
        let text = match (is_number && !text.starts_with('-'), has('+'), has(' ')) {
            (true, true, _) => format!("+{text}"),
            (true, false, true) => format!(" {text}"),
            _ => text,
        };
        let width = self.width;
        Ok(if has('-') {
            format!("{text:<width$}")
        } else if has('0') && is_number {
            let (sign, digits) = match text.strip_prefix(['-', '+', ' ']) {
                Some(digits) => text.split_at(text.len() - digits.len()),
                None => ("", text.as_str()),
            };
            let width = width.saturating_sub(sign.len());
            format!("{sign}{digits:0>width$}")
        } else {
            format!("{text:>width$}")
        })
    }
}

/// The characters at the start that a rule takes, and what follows.
fn take(text: &str, rule: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|letter| !rule(letter)).unwrap_or(text.len());
    text.split_at(end)
}

fn number(digits: &str) -> Result<usize, Error> {
    match digits {
        "" => Ok(0),
        digits => digits
            .parse()
            .ok()
            .filter(|number| *number <= MAX_WIDTH)
            .ok_or_else(|| wrong("a width of the pattern is too large")),
    }
}
