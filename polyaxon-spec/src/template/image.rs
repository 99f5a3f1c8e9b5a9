//! Attributes of image-typed values, which are text: `{{ destination.connection }}`.
//!
//! Components of the first generation knew an image as an object. Its attributes are read from `params` here, so that
//! the value stays text for filters and comparisons.

use std::borrow::Cow;

/// Rewrites `NAME.name`, `NAME.value` and `NAME.connection` in the expressions of a template for all names of images.
pub(super) fn attributes<'a>(source: &'a str, names: &[String]) -> Cow<'a, str> {
    if !names.iter().any(|name| source.contains(name.as_str())) {
        return Cow::Borrowed(source);
    }
    let mut out = String::with_capacity(source.len() + 32);
    let mut rest = source;
    while let Some(start) = ["{{", "{%"].iter().filter_map(|open| rest.find(open)).min() {
        let close = if rest.get(start..start + 2) == Some("{{") {
            "}}"
        } else {
            "%}"
        };
        let (text, inside) = rest.split_at(start);
        let end = inside
            .find(close)
            .map_or(inside.len(), |end| end + close.len());
        let (inside, after) = inside.split_at(end);
        out.push_str(text);
        expression(inside, names, &mut out);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn expression(source: &str, names: &[String], out: &mut String) {
    let mut rest = source;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        if matches!(first, '\'' | '"') {
            let end = rest
                .get(1..)
                .and_then(|text| text.find(first))
                .map_or(rest.len(), |end| end + 2);
            let (text, after) = rest.split_at(end);
            out.push_str(text);
            rest = after;
            before = first;
            continue;
        }
        if !(is_word(first)) {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            // Blanks do not end a chain of attributes.
            if !first.is_whitespace() {
                before = first;
            }
            continue;
        }
        let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let attribute = names
            .iter()
            .any(|name| name == word && before != '.')
            .then(|| attribute_of(after))
            .flatten();
        if let Some((attribute, after)) = attribute {
            out.push_str("(params.");
            out.push_str(word);
            out.push_str(attribute);
            out.push_str(" or '')");
            rest = after;
        } else {
            out.push_str(word);
            rest = after;
        }
        before = 'a';
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The attribute that follows, and what is after it.
fn attribute_of(text: &str) -> Option<(&'static str, &str)> {
    const ATTRIBUTES: [(&str, &str); 3] = [
        ("name", ".value"),
        ("value", ".value"),
        ("connection", ".connection"),
    ];
    ATTRIBUTES.iter().find_map(|(name, field)| {
        let dotted = text
            .strip_prefix('.')
            .and_then(|rest| rest.strip_prefix(name));
        let dotted = dotted.filter(|rest| !rest.starts_with(is_word) && !rest.starts_with('('));
        let quoted = |mark: char| {
            let rest = text
                .strip_prefix('[')?
                .strip_prefix(mark)?
                .strip_prefix(name)?;
            rest.strip_prefix(mark)?.strip_prefix(']')
        };
        let rest = dotted.or_else(|| quoted('\'')).or_else(|| quoted('"'))?;
        Some((*field, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_images_are_read_from_params() {
        let names = ["destination".to_owned()];
        for (source, expected) in [
            ("{{ destination }}", "{{ destination }}"),
            (
                "{{ destination.connection }}",
                "{{ (params.destination.connection or '') }}",
            ),
            (
                "{{destination.name}}:1",
                "{{(params.destination.value or '')}}:1",
            ),
            (
                "{{ destination['name'] }}",
                "{{ (params.destination.value or '') }}",
            ),
            (
                "{% if destination.connection in connections %}a{% endif %}",
                "{% if (params.destination.connection or '') in connections %}a{% endif %}",
            ),
            (
                "{{ connections[destination.connection].url }}",
                "{{ connections[(params.destination.connection or '')].url }}",
            ),
            (
                "{{ params.destination.connection }}",
                "{{ params.destination.connection }}",
            ),
            (
                "{{ params . destination.connection }}",
                "{{ params . destination.connection }}",
            ),
            ("{{ 'destination.name' }}", "{{ 'destination.name' }}"),
            ("{{ destination.names }}", "{{ destination.names }}"),
            ("{{ my_destination.name }}", "{{ my_destination.name }}"),
            (
                "{{ destination.value.split(':') }}",
                "{{ (params.destination.value or '').split(':') }}",
            ),
            ("destination.name {{ a }}", "destination.name {{ a }}"),
            ("{{ destination.name", "{{ (params.destination.value or '')"),
            ("{{ 'é", "{{ 'é"),
        ] {
            assert_eq!(attributes(source, &names), expected, "{source}");
        }
    }
}
