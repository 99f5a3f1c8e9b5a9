//! Blocks as text.

use super::tree::{Block, Child, File, Gap, Leaf, Line, Value};

/// The text of a file.
pub(super) fn print(file: &File) -> String {
    let mut rows: Vec<Row> = file.head.iter().map(|line| Row::verbatim(line)).collect();
    let has_head = rows.iter().any(|row| row.kind != RowKind::Blank);
    let body = block(&file.root, 0);
    let skipped = if has_head { 0 } else { blanks_before(&body) };
    rows.extend(body.into_iter().skip(skipped));
    rows.extend(file.tail.iter().map(|line| Row::verbatim(line)));
    text(&rows, file.is_open)
}

/// A line of the output.
struct Row {
    indent: usize,
    text: String,
    kind: RowKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RowKind {
    /// An empty line that means nothing.
    Blank,
    Comment,
    Content,
    /// A line of a block scalar that takes blank lines after it as its own.
    Kept,
}

impl Row {
    fn new(indent: usize, text: String, kind: RowKind) -> Self {
        Self { indent, text, kind }
    }

    fn verbatim(line: &str) -> Self {
        let kind = if line.is_empty() {
            RowKind::Blank
        } else {
            RowKind::Content
        };
        Self::new(0, line.to_owned(), kind)
    }

    fn gap(gap: &Gap, indent: usize) -> Self {
        match gap {
            Gap::Blank => Self::new(0, String::new(), RowKind::Blank),
            Gap::Comment(text) => Self::new(indent, text.clone(), RowKind::Comment),
        }
    }
}

/// The lines of a block whose children stand at `indent`.
fn block(block: &Block, indent: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for child in &block.children {
        rows.extend(child.leading.iter().map(|gap| Row::gap(gap, indent)));
        rows.extend(self::child(child, block, indent));
    }
    rows.extend(block.footers.iter().map(|gap| Row::gap(gap, indent)));
    rows
}

fn child(child: &Child, parent: &Block, indent: usize) -> Vec<Row> {
    match &child.value {
        Value::Leaf(leaf) => self::leaf(&child.head, leaf, indent),
        Value::Block {
            header,
            is_inline,
            block: inner,
        } => {
            let deeper = if inner.is_sequence && !parent.is_sequence {
                indent
            } else {
                indent + 2
            };
            let mut rows = block(inner, deeper);
            rows.drain(..blanks_before(&rows));
            if parent.is_sequence && header.is_empty() {
                let comments = rows
                    .iter()
                    .take_while(|row| row.kind != RowKind::Content)
                    .count();
                if *is_inline || comments == 0 {
                    return beside_dash(rows, comments, indent);
                }
            }
            let head = Row::new(indent, format!("{}{header}", child.head), RowKind::Content);
            rows.insert(0, head);
            rows
        }
    }
}

/// Puts the first line of a block on the line of its dash, and the comments above it above the dash.
fn beside_dash(mut rows: Vec<Row>, comments: usize, indent: usize) -> Vec<Row> {
    for row in rows
        .iter_mut()
        .take(comments)
        .filter(|row| row.kind == RowKind::Comment)
    {
        row.indent = indent;
    }
    if let Some(first) = rows.get_mut(comments) {
        first.text.insert_str(0, "- ");
        first.indent = indent;
    }
    rows
}

fn leaf(head: &str, leaf: &Leaf, indent: usize) -> Vec<Row> {
    let first = Row::new(indent, format!("{head}{}", leaf.first), RowKind::Content);
    let kind = if leaf.is_kept {
        RowKind::Kept
    } else {
        RowKind::Content
    };
    let further = leaf.more.iter().map(
        |Line {
             indent: relative,
             text,
         }| { Row::new(indent.saturating_add_signed(*relative), text.clone(), kind) },
    );
    std::iter::once(first).chain(further).collect()
}

fn blanks_before(rows: &[Row]) -> usize {
    rows.iter()
        .take_while(|row| row.kind == RowKind::Blank)
        .count()
}

/// The lines, with at most one blank line at a time and none at either end.
fn text(rows: &[Row], is_open: bool) -> String {
    let mut out = String::new();
    let mut blank = false;
    let mut last = RowKind::Blank;
    for row in rows {
        if row.kind == RowKind::Blank {
            blank = true;
            continue;
        }
        if blank && !out.is_empty() && last != RowKind::Kept {
            out.push('\n');
        }
        blank = false;
        last = row.kind;
        if !row.text.is_empty() {
            out.extend(std::iter::repeat_n(' ', row.indent));
            out.push_str(&row.text);
        }
        out.push('\n');
    }
    if is_open {
        out.pop();
    }
    out
}
