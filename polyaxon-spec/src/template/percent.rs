//! Python's `pattern % values`, with the conversions that print text and numbers.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value as Var};

use super::filters::print;
use super::limits;
use super::numbers::{as_float, as_integer};

/// The widest field that a pattern may ask for.
const MAX_WIDTH: usize = 1000;

/// What a pattern is filled with.
pub(super) enum Values<'a> {
    /// The items of a tuple, in order.
    Several(Vec<Var>),
    /// One value; a mapping also gives its items by name.
    One(&'a Var),
    /// One value under a name.
    Named(&'a str, &'a Var),
}

impl Values<'_> {
    /// The value that a conversion takes, the `index`th of those without a name.
    fn get(&self, asked: Option<&str>, index: usize) -> Result<Var, Error> {
        match (self, asked) {
            (Self::Several(values), None) => values.get(index).cloned(),
            (Self::One(value), None) if index == 0 => Some((*value).clone()),
            (Self::One(_), None) => None,
            (Self::Named(name, _), None) => {
                return Err(wrong(&format!("the pattern has to ask for `%({name})s`")));
            }
            (Self::Named(name, value), Some(asked)) if *name == asked => Some((*value).clone()),
            (Self::One(value), Some(asked)) if value.kind() == ValueKind::Map => {
                let item = value.get_item(&Var::from(asked))?;
                (!item.is_undefined()).then_some(item)
            }
            (_, Some(asked)) => return Err(wrong(&format!("the pattern asks for `{asked}`"))),
        }
        .ok_or_else(|| wrong("the pattern wants more values than there are"))
    }

    /// Whether values are left that have to be used.
    fn has_left(&self, used: usize) -> bool {
        match self {
            Self::Several(values) => used < values.len(),
            Self::One(value) => {
                used == 0 && !matches!(value.kind(), ValueKind::Map | ValueKind::Seq)
            }
            Self::Named(..) => false,
        }
    }
}

/// Puts values into a pattern.
pub(super) fn format(pattern: &str, values: &Values<'_>) -> Result<String, Error> {
    let mut used = 0;
    let mut has_names = false;
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
        let value = values.get(spec.name, used)?;
        match spec.name {
            Some(_) => has_names = true,
            None => used += 1,
        }
        out.push_str(&spec.print(&value)?);
        limits::room(out.len())?;
        rest = after;
    }
    out.push_str(rest);
    if !has_names && values.has_left(used) {
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

    fn float(&self, value: &Var) -> Result<f64, Error> {
        as_float(value).ok_or_else(|| wrong(&format!("`%{}` needs a number", self.conversion)))
    }

    /// A letter, given as text or by its number.
    fn letter(value: &Var) -> Result<String, Error> {
        let letter = match (value.as_str(), as_integer(value)) {
            (Some(text), _) if text.chars().count() == 1 => text.chars().next(),
            (_, Some(number)) => u32::try_from(number).ok().and_then(char::from_u32),
            _ => None,
        };
        letter
            .map(String::from)
            .ok_or_else(|| wrong("`%c` needs one letter or its number"))
    }

    fn in_base(&self, value: &Var) -> Result<String, Error> {
        let number = as_integer(value)
            .ok_or_else(|| wrong(&format!("`%{}` needs a whole number", self.conversion)))?;
        let digits = number.unsigned_abs();
        let (digits, prefix) = match self.conversion {
            'o' => (format!("{digits:o}"), "0o"),
            'x' => (format!("{digits:x}"), "0x"),
            _ => (format!("{digits:X}"), "0X"),
        };
        let prefix = if self.flags.contains('#') { prefix } else { "" };
        let sign = if number < 0 { "-" } else { "" };
        Ok(format!("{sign}{prefix}{digits}"))
    }

    fn cased(&self, text: String) -> String {
        if self.conversion.is_ascii_uppercase() {
            text.to_uppercase()
        } else {
            text
        }
    }

    fn print(&self, value: &Var) -> Result<String, Error> {
        let (text, is_number) = match self.conversion {
            's' | 'r' | 'a' => {
                let mut text = String::new();
                print(value, self.conversion != 's', &mut text);
                let cut = self.precision.unwrap_or(usize::MAX);
                (text.chars().take(cut).collect(), false)
            }
            'c' => (Self::letter(value)?, false),
            'd' | 'i' | 'u' => {
                let text = match as_integer(value) {
                    Some(number) => number.to_string(),
                    None => format!("{:.0}", self.float(value)?.trunc()),
                };
                (text, true)
            }
            'x' | 'X' | 'o' => (self.in_base(value)?, true),
            'f' | 'F' => {
                let precision = self.precision.unwrap_or(6);
                (format!("{:.precision$}", self.float(value)?), true)
            }
            'e' | 'E' => (
                self.cased(exponent(self.float(value)?, self.precision.unwrap_or(6))),
                true,
            ),
            'g' | 'G' => (
                self.cased(general(self.float(value)?, self.precision.unwrap_or(6))),
                true,
            ),
            other => {
                return Err(wrong(&format!("`%{other}` is no conversion of a pattern")));
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

/// `1.5e+07`: always a sign and two digits in the exponent.
fn exponent(float: f64, precision: usize) -> String {
    let text = format!("{float:.precision$e}");
    match text.split_once('e') {
        Some((digits, power)) => {
            let (sign, power) = match power.strip_prefix('-') {
                Some(power) => ('-', power),
                None => ('+', power),
            };
            format!("{digits}e{sign}{power:0>2}")
        }
        None => text,
    }
}

/// The shorter of both forms, without zeros at the end.
fn general(float: f64, precision: usize) -> String {
    let digits = precision.max(1);
    let scientific = exponent(float, digits - 1);
    let power: i64 = scientific
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0);
    let without_zeros = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let digits = i64::try_from(digits).unwrap_or(i64::MAX);
    if power < -4 || power >= digits {
        return match scientific.split_once('e') {
            Some((number, power)) => format!("{}e{power}", without_zeros(number)),
            None => scientific,
        };
    }
    let places = usize::try_from(digits - 1 - power).unwrap_or(0);
    without_zeros(&format!("{float:.places$}"))
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
