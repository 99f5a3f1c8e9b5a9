//! A file as blocks of lines.

/// A file whose root is a mapping without brackets.
pub(super) struct File {
    /// The lines before the first entry: comments, directives, the start of the document.
    pub(super) head: Vec<String>,
    pub(super) root: Block,
    /// The lines after the root: the end of the document, and what follows it.
    pub(super) tail: Vec<String>,
    /// Whether the text ends inside of a block scalar, where a line break would be one more of its characters.
    pub(super) is_open: bool,
}

/// A mapping or list without brackets.
pub(super) struct Block {
    pub(super) is_sequence: bool,
    pub(super) column: usize,
    pub(super) children: Vec<Child>,
    /// What stands after the last child at the column of the children.
    pub(super) footers: Vec<Gap>,
}

/// An entry of a mapping or an item of a list.
pub(super) struct Child {
    /// What stands before it.
    pub(super) leading: Vec<Gap>,
    /// The key as text; of an item nothing.
    pub(super) key: String,
    /// The key as written and its colon; of an item the dash.
    pub(super) head: String,
    pub(super) value: Value,
    /// Names of anchors that are given (`true`) or used in it.
    pub(super) anchors: Vec<(String, bool)>,
}

/// A line between two children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gap {
    Blank,
    Comment(String),
}

/// What a child holds.
pub(super) enum Value {
    /// Something whose lines stay as they are.
    Leaf(Leaf),
    /// A block on the following lines, or on the line of a dash.
    Block {
        /// Properties and comment on the line of the child.
        header: String,
        is_inline: bool,
        block: Block,
    },
}

/// A scalar, an alias, something in brackets, or nothing.
pub(super) struct Leaf {
    /// The text, if it is a scalar.
    pub(super) text: Option<String>,
    /// The rest of the line after the colon or dash, with blanks before a comment.
    pub(super) first: String,
    /// The further lines with their indentation relative to the child's block, and whether they are content of a
    /// block scalar.
    pub(super) more: Vec<Line>,
    /// Whether blank lines after it would be part of it.
    pub(super) is_kept: bool,
}

/// A line of a value.
pub(super) struct Line {
    /// Spaces beyond those of the block; none of an empty line.
    pub(super) indent: isize,
    pub(super) text: String,
}
