//! Patterns of `.dockerignore` and of sources with wildcards.

use std::path::{Path, PathBuf};

use regex::Regex;

use super::root::{absolute, parents};

/// Whether a name holds a wildcard.
pub(crate) fn is_wild(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// A pattern on slash separated paths without a leading slash.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Regex);

impl Pattern {
    /// Reads a pattern: `*` and `?` stay within a name, `**` does not. Nothing when it makes no
    /// sense.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let mut expression = String::from("^");
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.next_if_eq(&'*').is_some() => {
                    if chars.next_if_eq(&'/').is_some() {
                        expression.push_str("(?:.*/)?");
                    } else {
                        expression.push_str(".*");
                    }
                }
                '*' => expression.push_str("[^/]*"),
                '?' => expression.push_str("[^/]"),
                '[' | ']' | '-' => expression.push(c),
                '^' => expression.push('^'),
                '\\' => {
                    if let Some(next) = chars.next() {
                        expression.push_str(&regex::escape(&next.to_string()));
                    }
                }
                c => expression.push_str(&regex::escape(&c.to_string())),
            }
        }
        expression.push('$');
        Regex::new(&expression).ok().map(Self)
    }

    /// Whether a path matches as a whole.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        path.to_str().is_some_and(|path| self.0.is_match(path))
    }
}

/// The rules of a `.dockerignore` file.
#[derive(Debug, Clone, Default)]
pub(crate) struct IgnoreRules(Vec<(Pattern, bool)>);

impl IgnoreRules {
    /// Reads a file; lines that make no sense are left out.
    pub(crate) fn parse(text: &str) -> Self {
        let rules = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter_map(|line| {
                let (line, excluded) = match line.strip_prefix('!') {
                    Some(line) => (line.trim(), false),
                    None => (line, true),
                };
                Some((Pattern::new(&relative(Path::new(line)))?, excluded))
            })
            .collect();
        Self(rules)
    }

    /// Whether a path, relative to the context, is left out: the last rule that matches it or a
    /// folder above it decides.
    pub(crate) fn excludes(&self, path: &Path) -> bool {
        let path = absolute(path);
        let mut candidates: Vec<PathBuf> = parents(&path);
        candidates.push(path);
        let matches = |pattern: &Pattern| {
            candidates
                .iter()
                .any(|path| pattern.matches(Path::new(&relative(path))))
        };
        self.0
            .iter()
            .rev()
            .find(|(pattern, _)| matches(pattern))
            .is_some_and(|(_, excluded)| *excluded)
    }
}

fn relative(path: &Path) -> String {
    let clean = absolute(path);
    clean
        .strip_prefix("/")
        .unwrap_or(&clean)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("data/*.csv", "data/a.csv", true)]
    #[case("data/*.csv", "data/x/a.csv", false)]
    #[case("**/*.csv", "data/x/a.csv", true)]
    #[case("**/*.csv", "a.csv", true)]
    #[case("a?[bc]", "axb", true)]
    #[case("a.b", "axb", false)]
    fn patterns_match_paths(#[case] pattern: &str, #[case] path: &str, #[case] expected: bool) {
        assert_eq!(
            Pattern::new(pattern).unwrap().matches(Path::new(path)),
            expected
        );
    }

    #[rstest]
    #[case("*.log\n", "b.log", true)]
    #[case("*.log\n", "x/b.log", false)]
    #[case("# x\n/node_modules/\n", "node_modules/a/b.js", true)]
    #[case("*\n!keep\n", "keep/a", false)]
    #[case("*\n!keep\nkeep/no\n", "keep/no", true)]
    fn the_last_matching_rule_decides(
        #[case] rules: &str,
        #[case] path: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(
            IgnoreRules::parse(rules).excludes(Path::new(path)),
            expected
        );
    }
}
