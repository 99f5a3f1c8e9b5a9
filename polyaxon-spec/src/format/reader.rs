//! Text to blocks: which lines an entry has.

use std::ops::Range;

use super::Refusal;
use super::comments::{of_first, share, share_with};
use super::lines::{Lines, indent_of, is_blank, open_ends, trim_end};
use super::token::{self, Kind, Token, comment_of};
use super::tree::{Block, Child, File, Gap, Leaf, Line, Value};

/// The blocks of a text whose root is a mapping without brackets.
pub(super) fn read(text: &str) -> Result<File, Refusal> {
    let tokens = token::read(text);
    let lines = Lines::new(text);
    let open = open_ends(&lines, &tokens);
    let mut reader = Reader {
        text,
        lines,
        open,
        tokens,
        next: 0,
        anchors: Vec::new(),
    };
    reader.anchors = reader.named();
    reader
        .tokens
        .retain(|token| !matches!(token.kind, Kind::Anchor(_)));
    reader.file()
}

struct Reader<'text> {
    text: &'text str,
    lines: Lines<'text>,
    open: Vec<bool>,
    tokens: Vec<Token>,
    next: usize,
    /// Anchors and aliases by their place.
    anchors: Vec<(usize, String, bool)>,
}

impl Reader<'_> {
    fn file(&mut self) -> Result<File, Refusal> {
        let start = self.tokens.get(1).map_or(0, |token| token.range.start);
        self.next = 1;
        let first = self.lines.of(start);
        let mut head: Vec<String> = (0..first)
            .map(|line| trim_end(self.lines.text(line)).to_owned())
            .collect();
        let own = of_first(&head);
        let (mut root, end) = self.block(false, self.lines.range(first).start, None)?;
        if let Some(child) = root.children.first_mut() {
            let comments = head.drain(own..);
            child.leading = comments
                .map(|line| Gap::Comment(line.trim_start().to_owned()))
                .collect();
        }
        let count = self.lines.count();
        let mut after = self.line_after(end);
        let mut gap = Vec::new();
        while after < count && !is_marker(self.lines.text(after)) {
            gap.push(self.gap(after)?);
            after += 1;
        }
        let left = share(gap, None, &mut root);
        root.footers.extend(left);
        let ends_open = !self.text.ends_with('\n') && end == self.text.len();
        let is_open = ends_open && ends_in_block_scalar(&self.tokens);
        Ok(File {
            head,
            root,
            tail: (after..count)
                .map(|line| trim_end(self.lines.text(line)).to_owned())
                .collect(),
            is_open,
        })
    }

    /// A block whose start has been read. `from` is after what opens it; a `column` is known where its first child
    /// stands on the line of a dash.
    fn block(
        &mut self,
        is_sequence: bool,
        from: usize,
        column: Option<usize>,
    ) -> Result<(Block, usize), Refusal> {
        let mut block = Block {
            is_sequence,
            column: column.unwrap_or_default(),
            children: Vec::new(),
            footers: Vec::new(),
        };
        let mut end = from;
        while let Some(token) = self.tokens.get(self.next) {
            if token.kind == Kind::End {
                self.next += 1;
                break;
            }
            let start = self.significant(end);
            let is_inline = block.children.is_empty() && column.is_some();
            let leading = if is_inline {
                Vec::new()
            } else {
                let gap = (self.line_after(end)..self.lines.of(start))
                    .map(|line| self.gap(line))
                    .collect::<Result<Vec<_>, _>>()?;
                self.check_alone(start)?;
                if block.children.is_empty() {
                    block.column = self.lines.column(start);
                }
                match block.children.last_mut() {
                    Some(last) => share_with(gap, Some(block.column), last),
                    None => gap.into_iter().map(|(_, gap)| gap).collect(),
                }
            };
            if self.lines.column(start) != block.column {
                return Err(self.refusal(
                    "an entry stands at another column than the one before it",
                    start,
                ));
            }
            let (mut child, child_end) = if is_sequence {
                self.item(start, block.column)?
            } else {
                self.entry(start, block.column)?
            };
            child.leading = leading;
            child.anchors = self.anchors_between(start..child_end);
            block.children.push(child);
            end = child_end;
        }
        Ok((block, end))
    }

    fn item(&mut self, start: usize, column: usize) -> Result<(Child, usize), Refusal> {
        if !self
            .text
            .get(start..)
            .is_some_and(|rest| rest.starts_with('-'))
        {
            return Err(self.refusal("a list item starts in an unusual way", start));
        }
        let (value, end) = self.value(start + 1, column)?;
        Ok((child("-".to_owned(), String::new(), value), end))
    }

    fn entry(&mut self, start: usize, column: usize) -> Result<(Child, usize), Refusal> {
        let Some(token) = self.tokens.get(self.next).cloned() else {
            return Err(self.refusal("an entry has no key", start));
        };
        self.next += 1;
        let key = match token.kind {
            Kind::Scalar {
                text,
                is_block: false,
            } => text,
            Kind::Alias => String::new(),
            _ => return Err(self.refusal("a key is not a scalar", start)),
        };
        let written = self.text.get(start..token.range.end).unwrap_or_default();
        let is_explicit = written
            .strip_prefix('?')
            .is_some_and(|rest| rest.starts_with([' ', '\t', '\n']) || rest.is_empty());
        if is_explicit {
            return Err(self.refusal("a key is written with `?`", start));
        }
        if written.contains('\n') || token.range.end < start {
            return Err(self.refusal("a key has properties on a line of their own", start));
        }
        let rest = self.text.get(token.range.end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let colon = token.range.end + blanks;
        if !rest.get(blanks..).is_some_and(|rest| rest.starts_with(':')) {
            return Err(self.refusal("the colon of a key stands on another line", start));
        }
        // An alias takes a colon that follows it at once as part of its name.
        let blank = if key.is_empty() && written.starts_with('*') {
            " "
        } else {
            ""
        };
        let head = format!("{written}{blank}:");
        let (value, end) = self.value(colon + 1, column)?;
        Ok((child(head, key, value), end))
    }

    /// The value after a colon or dash, and where it ends.
    fn value(&mut self, after: usize, column: usize) -> Result<(Value, usize), Refusal> {
        let Some(token) = self.tokens.get(self.next).cloned() else {
            return Err(self.refusal("a value is missing", after));
        };
        self.next += 1;
        let line_end = self.lines.range(self.lines.of(after)).end;
        let rest = self.text.get(after..line_end).unwrap_or_default();
        let properties = properties_of(rest);
        let has_more = rest
            .get(properties..)
            .is_some_and(|more| !more.is_empty() && comment_of(more, true) != Some(0));
        match token.kind {
            Kind::Start { is_flow: true, .. } => {
                let end = self.end_of_flow(token.range.end);
                Ok((self.leaf(after, end, column, None), end))
            }
            Kind::Start { is_sequence, .. } if has_more => {
                let start = self.significant(after);
                let found = self.lines.column(start);
                let (block, end) = self.block(is_sequence, after, Some(found))?;
                let header = String::new();
                Ok((
                    Value::Block {
                        header,
                        is_inline: true,
                        block,
                    },
                    end,
                ))
            }
            Kind::Start { is_sequence, .. } => {
                let header = rest_of_line(rest);
                let (block, end) = self.block(is_sequence, line_end, None)?;
                Ok((
                    Value::Block {
                        header,
                        is_inline: false,
                        block,
                    },
                    end,
                ))
            }
            Kind::Scalar {
                is_block: true,
                text,
            } => {
                let header = rest.get(properties..).unwrap_or_default();
                if !header.starts_with(['|', '>']) {
                    return Err(self.refusal("a block of text starts in an unusual way", after));
                }
                Ok(self.block_scalar(after, header, column, text))
            }
            Kind::Scalar { text, .. } if token.range.is_empty() => {
                let end = after + properties;
                let end = after + trim_end(self.text.get(after..end).unwrap_or_default()).len();
                Ok((self.leaf(after, end, column, Some(text)), end))
            }
            Kind::Scalar { text, .. } => {
                let end = token.range.end;
                Ok((self.leaf(after, end, column, Some(text)), end))
            }
            Kind::Alias => {
                let end = token.range.end;
                Ok((self.leaf(after, end, column, None), end))
            }
            Kind::End | Kind::Anchor(_) => Err(self.refusal("a value is missing", after)),
        }
    }

    /// The lines from after a colon or dash to the end of the value.
    fn leaf(&self, after: usize, end: usize, column: usize, text: Option<String>) -> Value {
        let first = self.lines.of(after);
        let rest = self
            .text
            .get(after..self.lines.range(first).end)
            .unwrap_or_default();
        let more = (first + 1..=self.lines.of(end))
            .map(|line| {
                let written = self.lines.text(line);
                Line {
                    indent: relative(indent_of(written), column),
                    text: self.end_trimmed(line, written.trim_start_matches(' ')),
                }
            })
            .collect();
        Value::Leaf(Leaf {
            text,
            first: rest_of_line(&self.end_trimmed(first, rest)),
            more,
            is_kept: false,
        })
    }

    /// A literal or folded block, whose lines are indented by two unless the header says otherwise.
    fn block_scalar(
        &self,
        after: usize,
        header: &str,
        column: usize,
        text: String,
    ) -> (Value, usize) {
        let indicators = header.split([' ', '\t']).next().unwrap_or_default();
        let is_kept = indicators.contains('+');
        let digit = indicators
            .chars()
            .find_map(|character| character.to_digit(10));
        let explicit = digit.and_then(|digit| usize::try_from(digit).ok());
        let first = self.lines.of(after);
        let count = self.lines.count();
        let is_content = |line: usize, indent: usize| {
            let written = self.lines.text(line);
            is_empty(written) || indent_of(written) >= indent
        };
        let detected = (first + 1..count)
            .map(|line| self.lines.text(line))
            .find(|line| !is_empty(line))
            .map(indent_of)
            .filter(|indent| *indent > column);
        let indent = explicit.map(|digit| column + digit).or(detected);
        let mut last = first;
        if let Some(indent) = indent {
            while last + 1 < count && is_content(last + 1, indent) {
                last += 1;
            }
        } else {
            while last + 1 < count && is_empty(self.lines.text(last + 1)) {
                last += 1;
            }
        }
        if !is_kept {
            while last > first && is_empty(self.lines.text(last)) {
                last -= 1;
            }
        }
        let old = indent.unwrap_or(usize::MAX);
        let new = relative(explicit.unwrap_or(2), 0);
        let more = (first + 1..=last)
            .map(|line| {
                let content = self.lines.text(line).get(old..).unwrap_or_default();
                Line {
                    indent: if content.is_empty() { 0 } else { new },
                    text: content.to_owned(),
                }
            })
            .collect();
        let rest = self
            .text
            .get(after..self.lines.range(first).end)
            .unwrap_or_default();
        let leaf = Leaf {
            text: Some(text),
            first: rest_of_line(rest),
            more,
            is_kept,
        };
        (Value::Leaf(leaf), self.lines.range(last).end)
    }

    /// Reads up to the bracket that closes the one that was read.
    fn end_of_flow(&mut self, mut end: usize) -> usize {
        let mut depth = 1_usize;
        while depth > 0
            && let Some(token) = self.tokens.get(self.next)
        {
            match token.kind {
                // What stands in brackets may be a pair without braces, which ends nowhere.
                Kind::Start { .. } => depth += 1,
                Kind::End => depth -= 1,
                _ => {}
            }
            end = end.max(token.range.end);
            self.next += 1;
        }
        end
    }

    /// The first byte from an offset on that is neither blank nor in a comment.
    fn significant(&self, from: usize) -> usize {
        let mut at = from;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            at += rest.len() - rest.trim_start_matches([' ', '\t', '\n']).len();
            if !self
                .text
                .get(at..)
                .is_some_and(|rest| rest.starts_with('#'))
            {
                return at;
            }
            at = self.lines.range(self.lines.of(at)).end;
        }
    }

    /// The line after the one that a value ends in.
    fn line_after(&self, end: usize) -> usize {
        self.lines.of(end) + 1
    }

    /// A line between two children, and its column.
    fn gap(&self, line: usize) -> Result<(usize, Gap), Refusal> {
        let written = self.lines.text(line);
        let text = written.trim_matches([' ', '\t']);
        match text {
            "" => Ok((0, Gap::Blank)),
            _ if text.starts_with('#') => Ok((
                written.len() - written.trim_start_matches([' ', '\t']).len(),
                Gap::Comment(text.to_owned()),
            )),
            _ => Err(self.refusal(
                "properties of a value stand on a line of their own",
                self.lines.range(line).start + indent_of(written),
            )),
        }
    }

    /// Refuses a child that has something before it on its line.
    fn check_alone(&self, start: usize) -> Result<(), Refusal> {
        let line = self.lines.range(self.lines.of(start)).start;
        let before = self.text.get(line..start).unwrap_or_default();
        if before.trim_matches(' ').is_empty() {
            Ok(())
        } else {
            Err(self.refusal("an entry starts in the middle of a line", start))
        }
    }

    fn end_trimmed(&self, line: usize, text: &str) -> String {
        let is_open = self.open.get(line).copied().unwrap_or_default();
        if is_open && !is_blank(text) {
            text.to_owned()
        } else {
            trim_end(text).to_owned()
        }
    }

    fn named(&self) -> Vec<(usize, String, bool)> {
        let mut named: Vec<_> = self
            .tokens
            .iter()
            .filter_map(|token| match &token.kind {
                Kind::Anchor(name) => Some((token.range.start, name.clone(), true)),
                Kind::Alias => {
                    let name = self.text.get(token.range.start + 1..token.range.end)?;
                    Some((token.range.start, name.to_owned(), false))
                }
                _ => None,
            })
            .collect();
        named.sort_unstable();
        named
    }

    fn anchors_between(&self, range: Range<usize>) -> Vec<(String, bool)> {
        let from = self.anchors.partition_point(|(at, ..)| *at < range.start);
        let found = self.anchors.iter().skip(from);
        found
            .take_while(|(at, ..)| *at < range.end)
            .map(|(_, name, is_given)| (name.clone(), *is_given))
            .collect()
    }

    fn refusal(&self, reason: &'static str, at: usize) -> Refusal {
        let end = self.lines.range(self.lines.of(at)).end;
        Refusal {
            reason,
            range: at..end.max(at),
        }
    }
}

fn child(head: String, key: String, value: Value) -> Child {
    Child {
        leading: Vec::new(),
        key,
        head,
        value,
        anchors: Vec::new(),
    }
}

fn relative(indent: usize, column: usize) -> isize {
    let signed = |number: usize| isize::try_from(number).unwrap_or(isize::MAX);
    signed(indent).saturating_sub(signed(column))
}

/// The length of the blanks, anchors and tags that a piece of a line starts with.
fn properties_of(rest: &str) -> usize {
    let blanks = |text: &str| text.len() - text.trim_start_matches([' ', '\t']).len();
    let mut at = blanks(rest);
    loop {
        let more = rest.get(at..).unwrap_or_default();
        if !more.starts_with(['&', '!']) {
            return at;
        }
        at += more.find([' ', '\t']).unwrap_or(more.len());
        at += blanks(rest.get(at..).unwrap_or_default());
    }
}

/// What follows a colon or dash on its line: after one space, or where a comment stands.
fn rest_of_line(rest: &str) -> String {
    let rest = if is_blank(rest) { "" } else { rest };
    let text = rest.trim_start_matches([' ', '\t']);
    if text.is_empty() {
        String::new()
    } else if text.starts_with('#') {
        rest.to_owned()
    } else {
        format!(" {text}")
    }
}

/// Whether a line of a block scalar has nothing but spaces.
fn is_empty(line: &str) -> bool {
    line.trim_matches(' ').is_empty()
}

fn is_marker(line: &str) -> bool {
    line.starts_with("...") || line.starts_with("---")
}

fn ends_in_block_scalar(tokens: &[Token]) -> bool {
    let last = tokens.iter().rev().find(|token| token.kind != Kind::End);
    matches!(
        last,
        Some(Token {
            kind: Kind::Scalar { is_block: true, .. },
            ..
        })
    )
}
