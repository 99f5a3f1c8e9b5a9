//! The end of a text, for a report.

/// The last lines, without line ends and without those that are empty.
pub(super) fn last_lines(text: &str, count: usize) -> Vec<String> {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let from = lines.len().saturating_sub(count);
    let last = lines.get(from..).unwrap_or_default();
    last.iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_do_not_count() {
        for (text, count, wanted) in [
            ("a\n\nb\r\nc  \n\n", 2, &["b", "c"][..]),
            ("a", 2, &["a"]),
            ("\n \n", 2, &[]),
            ("a\nb", 0, &[]),
        ] {
            assert_eq!(last_lines(text, count), wanted, "{text:?}");
        }
    }
}
