//! The tokens of a text that the layout depends on.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, options};

use crate::yaml::MAX_DEPTH;

/// A token and its bytes. Of a collection they are one bracket, or nothing where it has none.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A scalar: its text, and whether it is a literal or folded block.
    Scalar { text: String, is_block: bool },
    /// An alias.
    Alias,
    /// The name of an anchor, after the node that it names.
    Anchor(String),
    /// The start of a mapping or list.
    Start { is_sequence: bool, is_flow: bool },
    /// The end of a mapping or list.
    End,
}

/// The tokens of a text that the reader accepts.
pub(super) fn read(text: &str) -> Vec<Token> {
    let options = options! {
        emit_comments: false,
        emit_anchor_events: true,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let events = Parser::new_from_str_with_options(text, options);
    events
        .map_while(Result::ok)
        .filter_map(|(event, span)| {
            let start = |style, is_sequence| Kind::Start {
                is_sequence,
                is_flow: style == StructureStyle::Flow,
            };
            let kind = match event {
                Event::Scalar(text, style, ..) => Kind::Scalar {
                    text: text.into_owned(),
                    is_block: matches!(style, ScalarStyle::Literal | ScalarStyle::Folded),
                },
                Event::Alias(_) => Kind::Alias,
                Event::Anchor(_, name) => Kind::Anchor(name.into_owned()),
                Event::SequenceStart(style, ..) => start(style, true),
                Event::MappingStart(style, ..) => start(style, false),
                Event::SequenceEnd | Event::MappingEnd => Kind::End,
                _ => return None,
            };
            let range = span.byte_range().unwrap_or_default();
            Some(Token { kind, range })
        })
        .collect()
}

/// Whether the first value of a text is in brackets.
pub(super) fn starts_with_flow(text: &str) -> bool {
    matches!(
        read(text).first(),
        Some(Token {
            kind: Kind::Start { is_flow: true, .. },
            ..
        })
    )
}

/// The comments of a text from their `#` on, sorted.
pub(super) fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    for token in read(text) {
        if matches!(token.kind, Kind::Scalar { .. }) && token.range.start >= at {
            let between = text.get(at..token.range.start).unwrap_or_default();
            comments_between(between, text.get(..at).unwrap_or_default(), &mut found);
            at = token.range.end;
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    comments_between(rest, text.get(..at).unwrap_or_default(), &mut found);
    found.sort_unstable();
    found
}

/// Adds the comments of a text that no scalar is in; `before` is the text before it.
fn comments_between(text: &str, before: &str, found: &mut Vec<String>) {
    for (index, line) in text.split('\n').enumerate() {
        let is_start = if index == 0 {
            before.is_empty() || before.ends_with([' ', '\t', '\n'])
        } else {
            true
        };
        if let Some(start) = comment_of(line, is_start) {
            found.push(line.get(start..).unwrap_or_default().trim_end().to_owned());
        }
    }
}

/// Where the comment of a piece of a line starts, if it has one and no scalar; `is_start` says that a blank or
/// nothing is before the piece.
pub(super) fn comment_of(piece: &str, is_start: bool) -> Option<usize> {
    piece
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| match piece.get(..*at) {
            Some("") => is_start,
            Some(before) => before.ends_with([' ', '\t']),
            None => false,
        })
}
