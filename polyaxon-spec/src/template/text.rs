//! Filters that give text. They take any value, as the text that it prints as.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, Rest, ValueKind};
use minijinja::{Environment, Error, State, Value as Var};

use super::arguments::{Arguments, wrong};
use super::filters::printed;
use super::{limits, pretty};

/// The engine's own filter, which has no bound.
const JOIN: &str = "__join";

/// The widest text that a filter pads to, in characters.
const WIDEST: usize = 10_000;

pub(super) fn register(env: &mut Environment<'static>) {
    env.add_filter("string", printed);
    env.add_filter("safe", printed);
    env.add_filter("upper", |value: &Var| printed(value).to_uppercase());
    env.add_filter("lower", |value: &Var| printed(value).to_lowercase());
    env.add_filter("capitalize", |value: &Var| capitalize(&printed(value)));
    env.add_filter("title", |value: &Var| title(&printed(value)));
    env.add_filter("trim", trim);
    env.add_filter("replace", replace);
    env.add_filter(JOIN, minijinja::filters::join);
    env.add_filter("join", join);
    env.add_filter("center", center);
    env.add_filter("indent", indent);
    env.add_filter("truncate", truncate);
    env.add_filter("wordwrap", wordwrap);
    env.add_filter("wordcount", |value: &Var| wordcount(&printed(value)));
    env.add_filter("striptags", |value: &Var| {
        minijinja_contrib::filters::striptags(printed(value))
    });
    for name in ["escape", "e", "forceescape"] {
        env.add_filter(name, |value: &Var| escape(&printed(value)));
    }
    env.add_filter("urlencode", urlencode);
    env.add_filter("xmlattr", xmlattr);
    env.add_filter("tojson", tojson);
    env.add_filter("pprint", pretty::pprint);
}

pub(super) fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().collect::<String>() + &letters.as_str().to_lowercase(),
        None => String::new(),
    }
}

/// Every word with a large first letter; words start after blanks, dashes and opening brackets.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_start = true;
    for letter in text.chars() {
        if is_start {
            out.extend(letter.to_uppercase());
        } else {
            out.extend(letter.to_lowercase());
        }
        is_start = letter.is_whitespace() || "-({[<".contains(letter);
    }
    out
}

fn trim(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["chars"])?;
    let text = printed(value);
    Ok(match arguments.get(0).and_then(Var::as_str) {
        Some(letters) => text.trim_matches(|c| letters.contains(c)).to_owned(),
        None => text.trim().to_owned(),
    })
}

fn replace(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["old", "new", "count"])?;
    let (Some(old), Some(new)) = (arguments.get(0), arguments.get(1)) else {
        return Err(wrong("`replace` needs what to replace, and by what"));
    };
    let (text, old, new) = (printed(value), printed(old), printed(new));
    room_to_replace(&text, &old, &new)?;
    Ok(match arguments.get(2).and_then(Var::as_usize) {
        Some(count) => text.replacen(&old, &new, count),
        None => text.replace(&old, &new),
    })
}

/// Refuses a replacement whose result would be too long.
pub(super) fn room_to_replace(text: &str, old: &str, new: &str) -> Result<(), Error> {
    let count = if old.is_empty() {
        text.chars().count() + 1
    } else {
        text.matches(old).count()
    };
    limits::room(text.len().saturating_add(count.saturating_mul(new.len())))
}

/// Refuses to join what would be too long.
pub(super) fn room_to_join(value: &Var, separator: &str) -> Result<(), Error> {
    let mut bytes = 0_usize;
    if matches!(
        value.kind(),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map | ValueKind::String
    ) {
        for item in value.try_iter()? {
            let length = item.as_str().map_or(1, str::len);
            bytes = bytes.saturating_add(length).saturating_add(separator.len());
            limits::room(bytes)?;
        }
    }
    Ok(())
}

/// `value | join(separator, attribute)`.
fn join(state: &mut State, value: &Var, given: Rest<Var>, named: Kwargs) -> Result<Var, Error> {
    let separator = given.first().cloned().or_else(|| named.peek("d").ok());
    room_to_join(
        value,
        separator.as_ref().and_then(Var::as_str).unwrap_or_default(),
    )?;
    let mut all = vec![value.clone()];
    all.extend(given.0);
    all.push(Var::from(named));
    state.apply_filter(JOIN, &all)
}

fn center(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["width"])?;
    centered(&printed(value), arguments.size(0, 80)?)
}

/// Blanks on both sides, as Python shares them out.
pub(super) fn centered(text: &str, width: usize) -> Result<String, Error> {
    let width = bounded(width)?;
    let pad = width.saturating_sub(text.chars().count());
    let left = pad / 2 + (pad & width & 1);
    Ok(format!(
        "{}{text}{}",
        " ".repeat(left),
        " ".repeat(pad - left)
    ))
}

/// A width that is not absurd.
pub(super) fn bounded(width: usize) -> Result<usize, Error> {
    if width > WIDEST {
        return Err(wrong(format!("a width may be {WIDEST} at most")));
    }
    Ok(width)
}

fn indent(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["width", "first", "blank"])?;
    let Some(text) = value.as_str() else {
        return Err(wrong("`indent` needs text"));
    };
    let by = match arguments.get(0) {
        Some(width) if width.kind() == ValueKind::String => printed(width),
        _ => " ".repeat(bounded(arguments.size(0, 4)?)?),
    };
    let mut out = String::with_capacity(text.len());
    // One line break at the end is lost.
    for (index, line) in lines(text).into_iter().enumerate() {
        let is_first = index == 0;
        if !is_first {
            out.push('\n');
        }
        let is_indented = if is_first {
            arguments.is_true(1)
        } else {
            !line.is_empty() || arguments.is_true(2)
        };
        if is_indented {
            out.push_str(&by);
        }
        out.push_str(line);
        limits::room(out.len())?;
    }
    Ok(out)
}

/// The lines of a text; an empty text is one empty line.
fn lines(text: &str) -> Vec<&str> {
    if text.is_empty() {
        return vec![""];
    }
    text.split_inclusive('\n')
        .map(|line| line.strip_suffix('\n').unwrap_or(line))
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .chain(text.ends_with('\n').then_some(""))
        .collect()
}

fn truncate(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["length", "killwords", "end", "leeway"])?;
    let text = printed(value);
    let length = arguments.size(0, 255)?;
    let end = arguments.get(2).map_or_else(|| "...".to_owned(), printed);
    let leeway = arguments.size(3, 5)?;
    let Some(kept) = length.checked_sub(end.chars().count()) else {
        return Err(wrong(format!(
            "`truncate` cannot end a text of {length} with `{end}`"
        )));
    };
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text);
    }
    let cut: String = text.chars().take(kept).collect();
    let whole = if arguments.is_true(1) {
        cut.as_str()
    } else {
        cut.rsplit_once(' ')
            .map_or(cut.as_str(), |(before, _)| before)
    };
    Ok(format!("{whole}{end}"))
}

fn wordwrap(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let known = [
        "width",
        "break_long_words",
        "wrapstring",
        "break_on_hyphens",
    ];
    let arguments = Arguments::read(given, named, &known)?;
    let width = arguments.size(0, 79)?.max(1);
    let breaks_words = arguments.get(1).is_none_or(Var::is_true);
    let breaks_hyphens = arguments.get(3).is_none_or(Var::is_true);
    let separator = arguments.get(2).map_or_else(|| "\n".to_owned(), printed);
    let text = printed(value);
    let wrapped: Vec<String> = text
        .lines()
        .map(|line| wrap(line, width, breaks_words, breaks_hyphens))
        .map(|lines| {
            let bytes: usize = lines.iter().map(|line| line.len() + separator.len()).sum();
            limits::room(bytes).map(|()| lines.join(&separator))
        })
        .collect::<Result<_, _>>()?;
    let bytes: usize = wrapped
        .iter()
        .map(|line| line.len() + separator.len())
        .sum();
    limits::room(bytes)?;
    Ok(wrapped.join(&separator))
}

/// One line as lines that are not wider.
fn wrap(line: &str, width: usize, breaks_words: bool, breaks_hyphens: bool) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut used = 0;
    for chunk in chunks(line, breaks_hyphens) {
        let is_blank = chunk.trim().is_empty();
        let mut rest: Vec<char> = chunk.chars().collect();
        if used + rest.len() > width && !current.is_empty() {
            if rest.len() > width && breaks_words && !is_blank && used < width {
                let tail = rest.split_off(width - used);
                current.extend(rest);
                rest = tail;
            }
            out.push(std::mem::take(&mut current).trim_end().to_owned());
            used = 0;
        }
        if is_blank && used == 0 && !out.is_empty() {
            continue;
        }
        while breaks_words && rest.len() > width {
            let tail = rest.split_off(width);
            out.push(rest.into_iter().collect());
            rest = tail;
        }
        used += rest.len();
        current.extend(rest);
    }
    let last = current.trim_end();
    if !last.is_empty() {
        out.push(last.to_owned());
    }
    out
}

/// Words and the blanks between them; a word may end after a hyphen between letters.
fn chunks(line: &str, breaks_hyphens: bool) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    let mut out: Vec<String> = Vec::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before));
        let is_new = before.is_none_or(|before| {
            let after_hyphen = breaks_hyphens
                && *before == '-'
                && letter.is_alphabetic()
                && index
                    .checked_sub(2)
                    .and_then(|at| letters.get(at))
                    .is_some_and(|c| c.is_alphanumeric());
            before.is_whitespace() != letter.is_whitespace() || after_hyphen
        });
        match out.last_mut() {
            Some(last) if !is_new => last.push(*letter),
            _ => out.push(letter.to_string()),
        }
    }
    out
}

fn wordcount(text: &str) -> usize {
    text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .count()
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            other => out.push(other),
        }
    }
    out
}

fn urlencode(value: &Var) -> Result<String, Error> {
    let pairs = match value.kind() {
        ValueKind::Map => value
            .try_iter()?
            .map(|key| Ok((key.clone(), value.get_item(&key)?)))
            .collect::<Result<Vec<_>, Error>>()?,
        ValueKind::Seq | ValueKind::Iterable => value
            .try_iter()?
            .map(|pair| match pair.len() {
                Some(2) => Ok((pair.get_item_by_index(0)?, pair.get_item_by_index(1)?)),
                _ => Err(wrong("`urlencode` needs pairs")),
            })
            .collect::<Result<Vec<_>, Error>>()?,
        _ => return Ok(quoted(&printed(value), false)),
    };
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| {
            let (key, value) = (printed(key), printed(value));
            format!("{}={}", quoted(&key, true), quoted(&value, true))
        })
        .collect();
    Ok(pairs.join("&"))
}

/// Percent signs for what an address cannot hold; in a query, slashes too, and `+` for blanks.
fn quoted(text: &str, is_query: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(char::from(byte));
            }
            b'/' if !is_query => out.push('/'),
            b' ' if is_query => out.push('+'),
            // Writing into a `String` cannot fail.
            other => drop(write!(out, "%{other:02X}")),
        }
    }
    out
}

fn xmlattr(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["autospace"])?;
    if value.kind() != ValueKind::Map {
        return Err(wrong("`xmlattr` needs a mapping"));
    }
    let mut out = String::new();
    for key in value.try_iter()? {
        let item = value.get_item(&key)?;
        if item.is_none() || item.is_undefined() {
            continue;
        }
        let key = printed(&key);
        if key.contains(|c: char| c.is_whitespace() || "/>=".contains(c)) {
            return Err(wrong(format!("`{key}` is no name of an attribute")));
        }
        if !out.is_empty() || arguments.get(0).is_none_or(Var::is_true) {
            out.push(' ');
        }
        let (key, item) = (escape(&key), escape(&printed(&item)));
        // Writing into a `String` cannot fail.
        let _ = write!(out, "{key}=\"{item}\"");
    }
    Ok(out)
}

fn tojson(value: &Var, given: Rest<Var>, named: Kwargs) -> Result<String, Error> {
    let arguments = Arguments::read(given, named, &["indent"])?;
    let indent = match arguments.get(0).filter(|indent| !indent.is_none()) {
        Some(_) => Some(bounded(arguments.size(0, 0)?)?),
        None => None,
    };
    let json = pretty::json(value, indent)?;
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '<' | '>' | '&' | '\'' => drop(write!(out, "\\u{:04x}", u32::from(letter))),
            other => out.push(other),
        }
    }
    Ok(out)
}
