//! Text to a value tree.

use std::collections::HashMap;
use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag, options};

use super::scalar::Scalar;
use super::value::{Entry, Mapping, Node, Value};
use super::versions::difference;
use crate::diagnostic::{Code, Diagnostic, MAX_DIAGNOSTICS, Place, Report};
use crate::source::Source;

/// How deep values may be nested; aliases count with what they stand for.
pub const MAX_DEPTH: usize = 128;

/// How many values a document may have after its aliases are expanded.
pub const MAX_NODES: usize = 250_000;

/// How many bytes the text of a document may have after its aliases are expanded (4 MiB).
pub const MAX_EXPANDED_BYTES: usize = 4 << 20;

/// Reads one document. The second value holds warnings.
///
/// # Errors
///
/// When the text exceeds a limit, is not YAML, or uses what Polyaxonfiles do not have: a second document, tags of
/// an application, keys that are not scalars. An empty document is the null scalar and no error.
///
/// # Differences to PyYAML
///
/// Scalars mean what version 1.1 says; their places follow version 1.2. So a quoted text whose next line stands in the first
/// column is refused, with a word on what to do, and tabs or anchors with signs in places where 1.1 has an error are
/// taken. The differential test lists all classes that are known; it finds about one more text in 250,000.
pub fn read(source: &Source) -> Result<(Node, Vec<Diagnostic>), Report> {
    source.check()?;
    let source = Arc::new(source.clone());
    let text = source
        .text()
        .strip_prefix('\u{feff}')
        .unwrap_or(source.text());
    let skipped = source.text().len() - text.len();
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(text, options).peekable(),
        source: Arc::clone(&source),
        skipped,
        anchors: HashMap::new(),
        size: Size::default(),
        warnings: Vec::new(),
    };
    let node = reader.document()?;
    Ok((node, reader.warnings))
}

type Events<'input> = Peekable<Parser<'input, StrInput<'input>>>;

struct Reader<'input> {
    events: Events<'input>,
    source: Arc<Source>,
    /// Bytes of a byte order mark, which the parser does not see.
    skipped: usize,
    anchors: HashMap<usize, Anchor>,
    size: Size,
    warnings: Vec<Diagnostic>,
}

#[derive(Clone)]
struct Anchor {
    node: Node,
    size: Size,
    height: usize,
}

/// What values take: how many they are, and the bytes of their texts.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    const ONE: Self = Self { nodes: 1, bytes: 0 };

    const fn since(self, before: Self) -> Self {
        Self {
            nodes: self.nodes - before.nodes,
            bytes: self.bytes - before.bytes,
        }
    }
}

impl<'input> Reader<'input> {
    fn document(&mut self) -> Result<Node, Report> {
        let mut root = None;
        loop {
            match self.next()? {
                None | Some((Event::StreamEnd, _)) => break,
                Some((Event::StreamStart | Event::DocumentEnd, _)) => {}
                Some((Event::DocumentStart(..), span)) if root.is_none() => {
                    let (event, node_span) = match self.next()? {
                        Some(next) => next,
                        None => (Event::DocumentEnd, span),
                    };
                    root = Some(match event {
                        Event::DocumentEnd | Event::StreamEnd => {
                            self.node(Value::Scalar(Scalar::Null), &node_span)
                        }
                        event => {
                            self.check_value(&event, &node_span)?;
                            self.value(event, &node_span, 1)?.0
                        }
                    });
                }
                Some((_, span)) => {
                    return Err(self
                        .error(
                            Code::SecondDocument,
                            "a second document starts here, and a file holds one",
                            &span,
                        )
                        .with_help("put each document into its own file")
                        .into());
                }
            }
        }
        Ok(root.unwrap_or(Node {
            value: Value::Scalar(Scalar::Null),
            span: Some((Arc::clone(&self.source), 0..0)),
        }))
    }

    /// The value that starts with `event`, and how deep it is.
    fn value(
        &mut self,
        event: Event<'input>,
        span: &Span,
        depth: usize,
    ) -> Result<(Node, usize), Report> {
        let before = self.size;
        self.count(Size::ONE, depth, span)?;
        let (node, height, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let bytes = Size {
                    nodes: 0,
                    bytes: text.len(),
                };
                self.count(bytes, depth, span)?;
                let text = self.without_missing_break(&text, style, span);
                let scalar = self.scalar(text, style, tag.as_deref(), span)?;
                (self.node(Value::Scalar(scalar), span), 1, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span)?;
                let (node, height) = self.sequence(span, depth)?;
                (node, height, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span)?;
                let (node, height) = self.mapping(span, depth)?;
                (node, height, anchor)
            }
            Event::Alias(id) => {
                let Some(anchor) = self.anchors.get(&id).cloned() else {
                    return Err(self
                        .error(
                            Code::UnsupportedYaml,
                            "an alias refers to a value that contains it",
                            span,
                        )
                        .into());
                };
                self.count(anchor.size, depth + anchor.height, span)?;
                return Ok((anchor.node, anchor.height));
            }
            _ => {
                return Err(self
                    .error(Code::Syntax, "a value is missing here", span)
                    .into());
            }
        };
        if anchor > 0 {
            let size = self.size.since(before);
            // What has a name is kept a second time.
            self.count(size, depth, span)?;
            self.anchors.insert(
                anchor,
                Anchor {
                    node: node.clone(),
                    size,
                    height,
                },
            );
        }
        Ok((node, height))
    }

    /// A block at the end of a text without a last line break ends without one too.
    fn without_missing_break<'a>(&self, text: &'a str, style: ScalarStyle, span: &Span) -> &'a str {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let source = self.source.text();
        if !is_block || self.range(span).end < source.len() {
            return text;
        }
        let last = source.rsplit(['\n', '\r']).next().unwrap_or_default();
        let Some(cut) = text.strip_suffix('\n') else {
            return text;
        };
        if !last.trim().is_empty() {
            let is_cut = cut.ends_with(last.trim_start());
            return if is_cut { cut } else { text };
        }
        // Of blanks only those count that go beyond the indentation.
        let line = cut.rsplit('\n').next().unwrap_or_default();
        let goes_beyond = !line.is_empty() && line.trim().is_empty() && last.ends_with(line);
        let block = source.get(self.range(span).start..).unwrap_or_default();
        let has_lines = block.matches(['\n', '\r']).count() > 1;
        if goes_beyond || (cut.is_empty() && !last.is_empty() && !has_lines) {
            cut
        } else {
            text
        }
    }

    /// A plain `=` or `<<` means something else to version 1.1, and nothing as a value.
    fn check_value(&self, event: &Event<'_>, span: &Span) -> Result<(), Report> {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, _, None)
                if matches!(text.as_ref(), "=" | "<<") =>
            {
                Err(self
                    .error(
                        Code::UnsupportedYaml,
                        format!("a plain `{text}` is no value in YAML 1.1"),
                        span,
                    )
                    .with_help("quote it")
                    .into())
            }
            _ => Ok(()),
        }
    }

    fn sequence(&mut self, start: &Span, depth: usize) -> Result<(Node, usize), Report> {
        let mut items = Vec::new();
        let mut height = 1;
        loop {
            match self.expect(start)? {
                (Event::SequenceEnd, end) => {
                    return Ok((
                        self.node_between(Value::Sequence(items), start, &end),
                        height,
                    ));
                }
                (event, span) => {
                    self.check_value(&event, &span)?;
                    let (item, item_height) = self.value(event, &span, depth + 1)?;
                    height = height.max(item_height + 1);
                    items.push(item);
                }
            }
        }
    }

    fn mapping(&mut self, start: &Span, depth: usize) -> Result<(Node, usize), Report> {
        let mut own = Mapping::new();
        let mut merged = Vec::new();
        let mut height = 1;
        loop {
            let (event, key_span) = match self.expect(start)? {
                (Event::MappingEnd, end) => {
                    for map in merged {
                        for (key, entry) in map {
                            own.entry(key).or_insert(entry);
                        }
                    }
                    return Ok((self.node_between(Value::Mapping(own), start, &end), height));
                }
                other => other,
            };
            let is_merge = is_merge_key(&event);
            let (key, _) = self.value(event, &key_span, depth + 1)?;
            let (event, span) = self.expect(start)?;
            self.check_value(&event, &span)?;
            let (value, value_height) = self.value(event, &span, depth + 1)?;
            height = height.max(value_height + 1);
            if is_merge {
                merged.extend(self.merge_sources(value, &span)?);
                continue;
            }
            let Value::Scalar(scalar) = &key.value else {
                return Err(self
                    .error(
                        Code::UnsupportedYaml,
                        "a key is a list or a mapping, and keys are text",
                        &key_span,
                    )
                    .into());
            };
            let name = scalar.to_key();
            // The later entry takes the place of the first, as in a dictionary.
            if let Some(old) = own.insert(name.clone(), Entry { key, value }) {
                self.warn_of_duplicate(&name, &old, &key_span);
            }
        }
    }

    fn warn_of_duplicate(&mut self, name: &str, old: &Entry, span: &Span) {
        if self.warnings.len() >= MAX_DIAGNOSTICS {
            return;
        }
        let line = old.key.place().map_or(0, |place| place.line);
        let message = format!(
            "the key `{name}` is given twice; this one counts, the one in line {line} does not"
        );
        self.warnings.push(
            Diagnostic::warning(Code::DuplicateKey, message)
                .at(self.place(span))
                .with_help("remove one of them"),
        );
    }

    /// The mappings that a merge key names; the first of them wins.
    fn merge_sources(&mut self, value: Node, span: &Span) -> Result<Vec<Mapping>, Report> {
        let nodes = match value.value {
            Value::Mapping(map) => {
                return self.count(entries(&map), 1, span).map(|()| vec![map]);
            }
            Value::Sequence(items) => items,
            Value::Scalar(_) => Vec::new(),
        };
        let mut maps = Vec::with_capacity(nodes.len());
        for node in &nodes {
            match &node.value {
                Value::Mapping(map) => {
                    self.count(entries(map), 1, span)?;
                    maps.push(map.clone());
                }
                _ => maps.clear(),
            }
        }
        if maps.is_empty() || maps.len() != nodes.len() {
            return Err(self
                .error(
                    Code::UnsupportedYaml,
                    "`<<` takes a mapping or a list of mappings",
                    span,
                )
                .with_help("write `<<: *name`, or quote the key if it is meant as text")
                .into());
        }
        Ok(maps)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Scalar, Report> {
        if style == ScalarStyle::Plain && text.contains('\t') {
            return Err(self
                .error(Code::Syntax, "a tab stands in text without quotes", span)
                .with_help("use spaces, or quote the text")
                .into());
        }
        // PyYAML takes `!` for a sign to look at the text, even in quotes.
        let is_looked_at = match tag {
            None => style == ScalarStyle::Plain,
            Some(tag) => tag.original() == "!",
        };
        match tag {
            _ if is_looked_at => {
                let scalar = Scalar::resolve(text).map_err(|_| {
                    self.error(
                        Code::BadNumber,
                        format!("the number `{text}` cannot be represented"),
                        span,
                    )
                    .with_help("quote it if it is meant as text")
                })?;
                self.warn_of_versions(text, &scalar, span);
                Ok(scalar)
            }
            None => Ok(Scalar::Text(text.to_owned())),
            Some(tag) => tag
                .suffix_in_namespace(CORE)
                .and_then(|suffix| Scalar::resolve_as(text, &suffix))
                .ok_or_else(|| self.bad_tag(tag, span)),
        }
    }

    fn warn_of_versions(&mut self, text: &str, scalar: &Scalar, span: &Span) {
        if self.warnings.len() >= MAX_DIAGNOSTICS {
            return;
        }
        if let Some(found) = difference(text, scalar) {
            self.warnings.push(
                Diagnostic::warning(Code::VersionsDiffer, found.message)
                    .at(self.place(span))
                    .with_help(found.help),
            );
        }
    }

    fn check_tag(&self, tag: Option<&Tag>, expected: &str, span: &Span) -> Result<(), Report> {
        match tag {
            Some(tag)
                if tag.original() != "!"
                    && tag.suffix_in_namespace(CORE).as_deref() != Some(expected) =>
            {
                Err(self.bad_tag(tag, span))
            }
            _ => Ok(()),
        }
    }

    fn bad_tag(&self, tag: &Tag, span: &Span) -> Report {
        self.error(
            Code::UnsupportedYaml,
            format!("the tag `{}` does not fit this value", tag.original()),
            span,
        )
        .with_help("remove the tag; quoted text is always text")
        .into()
    }

    fn count(&mut self, size: Size, depth: usize, span: &Span) -> Result<(), Report> {
        self.size.nodes += size.nodes;
        self.size.bytes += size.bytes;
        if depth > MAX_DEPTH {
            return Err(self.error(Code::Limit, too_deep(), span).into());
        }
        if self.size.nodes > MAX_NODES {
            let message =
                format!("the document has more than {MAX_NODES} values with its aliases expanded");
            return Err(self.error(Code::Limit, message, span).into());
        }
        if self.size.bytes > MAX_EXPANDED_BYTES {
            let message = format!(
                "the document has more than {MAX_EXPANDED_BYTES} bytes of text with its aliases expanded"
            );
            return Err(self.error(Code::Limit, message, span).into());
        }
        Ok(())
    }

    fn expect(&mut self, start: &Span) -> Result<(Event<'input>, Span), Report> {
        match self.next()? {
            Some(next) => Ok(next),
            None => Err(self
                .error(
                    Code::Syntax,
                    "the document ends inside of this value",
                    start,
                )
                .into()),
        }
    }

    fn next(&mut self) -> Result<Option<(Event<'input>, Span)>, Report> {
        self.events
            .next()
            .transpose()
            .map_err(|error| self.syntax(&error))
    }

    fn syntax(&self, error: &ScanError) -> Report {
        let offset = error.marker().byte_offset().unwrap_or_default() + self.skipped;
        let end = self
            .source
            .text()
            .get(offset..)
            .and_then(|rest| rest.chars().next())
            .map_or(0, char::len_utf8);
        let line = self.source.text().get(..offset + end).unwrap_or_default();
        let line = line.rsplit('\n').next().unwrap_or_default();
        let indent = line.len() - line.trim_start().len();
        let tab = line
            .get(..indent)
            .is_some_and(|indent| indent.contains('\t'));
        let (code, message) = if error.info().contains("recursion limit") {
            (Code::Limit, too_deep())
        } else {
            let message = format!("this is not valid YAML: {}", error.info());
            (Code::Syntax, message)
        };
        let diagnostic =
            Diagnostic::error(code, message).at(Place::new(&self.source, offset..offset + end));
        let help = match error.info() {
            _ if tab => "indent with spaces; YAML does not allow tabs",
            info if info.contains("multiline quoted") => {
                "indent every line of a quoted text deeper than its key; the blanks do not count"
            }
            _ => return diagnostic.into(),
        };
        diagnostic.with_help(help).into()
    }

    fn error(&self, code: Code, message: impl Into<String>, span: &Span) -> Diagnostic {
        Diagnostic::error(code, message).at(self.place(span))
    }

    fn place(&self, span: &Span) -> Place {
        Place::new(&self.source, self.range(span))
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or_default();
        range.start + self.skipped..range.end + self.skipped
    }

    fn node(&self, value: Value, span: &Span) -> Node {
        Node {
            value,
            span: Some((Arc::clone(&self.source), self.range(span))),
        }
    }

    fn node_between(&self, value: Value, start: &Span, end: &Span) -> Node {
        let start = self.range(start);
        let mut range = start.start..self.range(end).end.max(start.end);
        let text = self.source.text().get(range.clone()).unwrap_or_default();
        range.end = range.start + text.trim_end().len();
        Node {
            value,
            span: Some((Arc::clone(&self.source), range)),
        }
    }
}

/// What merging a mapping costs beside its values, which are counted already.
fn entries(map: &Mapping) -> Size {
    Size {
        nodes: map.len(),
        bytes: 0,
    }
}

fn too_deep() -> String {
    format!("values are nested deeper than {MAX_DEPTH} levels")
}

const CORE: &str = "tag:yaml.org,2002:";

fn is_merge_key(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
        Event::Scalar(_, _, _, Some(tag)) => {
            tag.suffix_in_namespace(CORE).as_deref() == Some("merge")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json_of(text: &str) -> serde_json::Value {
        read(&Source::new("f.yaml", text))
            .map(|(node, _)| node.to_json())
            .unwrap()
    }

    fn code_of(text: &str) -> Code {
        read(&Source::new("f.yaml", text))
            .unwrap_err()
            .diagnostics()[0]
            .code
    }

    #[test]
    fn values_are_resolved() {
        assert_eq!(json_of(""), json!(null));
        assert_eq!(json_of("# only a comment\n"), json!(null));
        assert_eq!(
            json_of("---\na: 'on'\nb: on\n...\n"),
            json!({"a": "on", "b": true})
        );
        assert_eq!(
            json_of("{\"a\": [1, 2.0, \"x\"]}"),
            json!({"a": [1, 2.0, "x"]})
        );
        assert_eq!(json_of("on: 1\n2: 3\n"), json!({"true": 1, "2": 3}));
        assert_eq!(
            json_of("a: !!str 1\nb: !!int '3'\nc: ! 5\n"),
            json!({"a": "1", "b": 3, "c": 5})
        );
        assert_eq!(json_of("\u{feff}a: 1"), json!({"a": 1}));
    }

    #[test]
    fn merge_keys_give_way_to_own_keys_and_to_earlier_sources() {
        assert_eq!(
            json_of("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], a: 0}\n")["z"],
            json!({"a": 0, "b": 1, "c": 2})
        );
        assert_eq!(json_of("'<<': 1"), json!({"<<": 1}));
        assert_eq!(code_of("a: {<<: 1}"), Code::UnsupportedYaml);
        assert_eq!(code_of("a: {<<: [{b: 1}, 2]}"), Code::UnsupportedYaml);
    }

    #[test]
    fn the_last_of_two_keys_counts_with_a_warning() {
        let (node, warnings) = read(&Source::new("f.yaml", "a: 1\nb: 2\na: 3\n")).unwrap();
        assert_eq!(node.to_json(), json!({"a": 3, "b": 2}));
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].place.as_ref().map(|place| place.line), Some(3));
    }

    #[test]
    fn bad_documents_have_a_code() {
        assert_eq!(code_of("a: 1\n---\nb: 2\n"), Code::SecondDocument);
        assert_eq!(code_of("a: [1, 2\nb: c\n"), Code::Syntax);
        assert_eq!(code_of("a:\n\tb: x\n"), Code::Syntax);
        assert_eq!(code_of("a: *b\n"), Code::Syntax);
        assert_eq!(code_of("a: &a [*a]\n"), Code::UnsupportedYaml);
        assert_eq!(code_of("a: !python/object:x 1\n"), Code::UnsupportedYaml);
        assert_eq!(code_of("? [a]\n: 1\n"), Code::UnsupportedYaml);
        assert_eq!(code_of("a: 99999999999999999999\n"), Code::BadNumber);
    }

    #[test]
    fn limits_hold() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&Source::new("f", nested(MAX_DEPTH))).is_ok());
        assert!(read(&Source::new("f", nested(MAX_DEPTH + 1))).is_err());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let alias = format!("*a{}, ", level - 1).repeat(10);
            bomb.extend(format!("a{level}: &a{level} [{alias}]\n").chars());
        }
        assert_eq!(code_of(&bomb), Code::Limit);
        let text = format!(
            "a: &a {}\nb: [{}]\n",
            "x".repeat(300_000),
            "*a, ".repeat(100)
        );
        assert_eq!(code_of(&text), Code::Limit);
        let names = (0..100).map(|level| format!("&a{level} ["));
        let names = format!(
            "{}{}{}",
            names.collect::<Vec<_>>().concat(),
            "x, ".repeat(20_000),
            "]".repeat(100)
        );
        assert_eq!(code_of(&names), Code::Limit);
    }

    #[test]
    fn spans_cover_the_value() {
        let source = Source::new("f.yaml", "a:\n  b: {c: 1}\n\nd: 2\n");
        let (node, _) = read(&source).unwrap();
        let text = |path: &str| {
            let (_, range) = node.nearest(path).span.clone().unwrap();
            source.text()[range].to_owned()
        };
        assert_eq!(text("a.b"), "{c: 1}");
        assert_eq!(text("a"), "b: {c: 1}");
        assert_eq!(text("a.b.c"), "1");
        assert_eq!(text("a.x"), "b: {c: 1}");
    }
}
