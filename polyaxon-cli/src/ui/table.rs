//! Rows and columns.

use comfy_table::presets::NOTHING;

/// A table of text; the drawing depends on who reads it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        Self {
            headings: headings.to_vec(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// With headings and aligned columns.
    pub(crate) fn drawn(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(NOTHING).set_header(self.headings.clone());
        for row in &self.rows {
            table.add_row(row.clone());
        }
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    }

    /// One line per row, columns separated by tabs; tabs and line ends inside a cell become spaces.
    pub(crate) fn plain(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| cell.replace(['\t', '\n', '\r'], " "))
                .collect();
            text.push_str(&cells.join("\t"));
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_cannot_break_the_lines_of_a_pipe() {
        let mut table = Table::new(&["A", "B"]);
        table.push(["x\ty".to_owned(), "1\n2".to_owned()]);
        assert_eq!(table.plain(), "x y\t1 2\n");
        assert!(table.drawn().starts_with(" A"), "{}", table.drawn());
    }
}
