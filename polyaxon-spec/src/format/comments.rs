//! Which child a comment belongs to.

use super::tree::{Block, Child, Gap, Value};

/// Where the comments of the first entry start among the lines before it: after a blank line. Without one, what stands
/// at the top is about the file.
pub(super) fn of_first(head: &[String]) -> usize {
    let is_comment = |line: &&String| line.trim_start().starts_with('#');
    let start = head.len() - head.iter().rev().take_while(is_comment).count();
    let is_apart = start > 0 && head.get(start - 1).is_some_and(String::is_empty);
    if is_apart { start } else { head.len() }
}

/// Gives the comments after a block to the blocks inside of it that they are indented like; answers what is left for
/// the sibling that follows at a column.
pub(super) fn share(gap: Vec<(usize, Gap)>, next: Option<usize>, block: &mut Block) -> Vec<Gap> {
    let mut columns = Vec::new();
    let mut inner = Some(&*block);
    while let Some(block) = inner {
        columns.push((block.column, block.is_sequence));
        inner = block.children.last().and_then(|child| match &child.value {
            Value::Block { block, .. } => Some(block),
            Value::Leaf(_) => None,
        });
    }
    let mut given: Vec<Vec<Gap>> = vec![Vec::new(); columns.len()];
    let mut level = columns.len();
    let mut blanks = Vec::new();
    let mut is_item = false;
    let mut gap = gap.into_iter();
    let mut left = Vec::new();
    for (column, line) in gap.by_ref() {
        let Gap::Comment(text) = &line else {
            is_item = false;
            blanks.push(line);
            continue;
        };
        let open = columns.get(..level).unwrap_or_default();
        let mut owner = open.iter().rposition(|(start, _)| *start <= column);
        if next.is_some_and(|next| column <= next) {
            // Items that were commented out belong to the list that stands at the column of its key.
            let list = open
                .iter()
                .rposition(|(start, is_sequence)| *start == column && *is_sequence);
            is_item =
                text.starts_with("# - ") || text == "# -" || is_item && text.starts_with("#   ");
            owner = list.filter(|_| is_item);
            if owner.is_none() {
                left.append(&mut blanks);
                left.push(line);
                break;
            }
        }
        let owner = owner.unwrap_or_default();
        level = owner + 1;
        if let Some(given) = given.get_mut(owner) {
            given.append(&mut blanks);
            given.push(line);
        }
    }
    left.append(&mut blanks);
    left.extend(gap.map(|(_, line)| line));
    let mut inner = Some(block);
    for footers in given {
        let Some(block) = inner else { break };
        block.footers.extend(footers);
        inner = block
            .children
            .last_mut()
            .and_then(|child| match &mut child.value {
                Value::Block { block, .. } => Some(block),
                Value::Leaf(_) => None,
            });
    }
    left
}

/// As [`share`], for what stands after a child.
pub(super) fn share_with(
    gap: Vec<(usize, Gap)>,
    next: Option<usize>,
    child: &mut Child,
) -> Vec<Gap> {
    match &mut child.value {
        Value::Block { block, .. } => share(gap, next, block),
        Value::Leaf(_) => gap.into_iter().map(|(_, gap)| gap).collect(),
    }
}
