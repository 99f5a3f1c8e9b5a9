//! The flags of a git initializer.

use thiserror::Error;

const EXPERIMENTAL_FETCH: &str = "--experimental-fetch";
const SUBMODULES: &str = "--recurse-submodules";

/// Flags that cannot be read.
#[derive(Debug, Error)]
#[error(
    "`--flags` has to be a JSON list of text, for example `[\"--depth=1\"]`: {0}; check `git.flags` of `init`"
)]
pub(crate) struct FlagsError(#[from] serde_json::Error);

/// The flags for `git clone` or `git fetch`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// One word each.
    pub(crate) words: Vec<String>,
    /// Fetch the one revision instead of cloning.
    pub(crate) experimental_fetch: bool,
}

impl Flags {
    /// Reads the JSON list; an item may be a flag with its value (`--depth 1`).
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, FlagsError> {
        let items: Vec<String> = match text.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => serde_json::from_str::<Option<Vec<String>>>(text)?.unwrap_or_default(),
            None => Vec::new(),
        };
        let mut flags = Self::default();
        for word in items.iter().flat_map(|item| words(item)) {
            if word == EXPERIMENTAL_FETCH {
                flags.experimental_fetch = true;
            } else {
                flags.words.push(word);
            }
        }
        Ok(flags)
    }

    /// Whether submodules are wanted.
    pub(crate) fn submodules(&self) -> bool {
        self.words.iter().any(|word| {
            word.strip_prefix(SUBMODULES)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }
}

/// Splits at white space, except within quotes.
fn words(item: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for letter in item.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(None, &[], false)]
    #[case(Some(""), &[], false)]
    #[case(Some("null"), &[], false)]
    #[case(Some(r#"["--depth 1","--recurse-submodules"]"#), &["--depth", "1", "--recurse-submodules"], true)]
    #[case(Some(r#"["--recurse-submodules=lib"]"#), &["--recurse-submodules=lib"], true)]
    #[case(Some(r#"["-c 'user.name=A B'"]"#), &["-c", "user.name=A B"], false)]
    #[case(Some(r#"["--branch \"\""]"#), &["--branch", ""], false)]
    fn words_are_split(#[case] text: Option<&str>, #[case] words: &[&str], #[case] modules: bool) {
        let flags = Flags::parse(text).unwrap();
        assert_eq!(flags.words, words);
        assert_eq!(flags.submodules(), modules);
        assert!(!flags.experimental_fetch);
    }

    #[test]
    fn the_pseudo_flag_is_taken_out() {
        let flags = Flags::parse(Some(r#"["--experimental-fetch --depth=1"]"#)).unwrap();
        assert_eq!(flags.words, ["--depth=1"]);
        assert!(flags.experimental_fetch);
    }

    #[test]
    fn other_json_is_refused() {
        let error = Flags::parse(Some(r#"{"a":1}"#)).unwrap_err();
        assert!(error.to_string().contains("JSON list of text"), "{error}");
    }
}
