//! Multi-letter options with one dash, such as `-uid` and `-ver`, which the argument parser
//! would read as clusters of single letters.

use std::ffi::OsString;

/// Spelling with one dash, and the long option that it stands for.
const SHORT_WORDS: &[(&str, &str)] = &[
    ("-ver", "--version"),
    ("-uid", "--uid"),
    ("-id", "--uid"),
    ("-ns", "--namespace"),
    ("-nf", "--no-follow"),
    ("-pm", "--python-module"),
    ("-u-from", "--upload-from"),
    ("-u-to", "--upload-to"),
];

/// Rewrites the words of [`SHORT_WORDS`], alone or with `=value`, up to a `--`, and a `-v` after the command `check`,
/// which asks for the version there, as it always did. Before a command, and after every other one, `-v` is
/// `--verbose`. The program's name, and words that are not UTF-8, stay as they are.
pub(crate) fn normalise(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut rest_is_verbatim = false;
    let mut command: Option<OsString> = None;
    arguments
        .into_iter()
        .enumerate()
        .map(|(position, argument)| {
            if position == 0 || rest_is_verbatim {
                return argument;
            }
            rest_is_verbatim = argument == "--";
            if command.as_ref().is_some_and(|command| command == "check") && argument == "-v" {
                return "--version".into();
            }
            if command.is_none() && !argument.as_encoded_bytes().starts_with(b"-") {
                command = Some(argument.clone());
            }
            match argument.to_str().and_then(long_form) {
                Some(long) => long.into(),
                None => argument,
            }
        })
        .collect()
}

fn long_form(argument: &str) -> Option<String> {
    let (word, value) = match argument.split_once('=') {
        Some((word, value)) => (word, Some(value)),
        None => (argument, None),
    };
    let (_, long) = SHORT_WORDS.iter().find(|(short, _)| *short == word)?;
    Some(match value {
        Some(value) => format!("{long}={value}"),
        None => (*long).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("polyaxon ops -uid 0a logs", "polyaxon ops --uid 0a logs")]
    #[case(
        "polyaxon ops logs -nf -uid=0a",
        "polyaxon ops logs --no-follow --uid=0a"
    )]
    #[case("polyaxon hub get -ver latest", "polyaxon hub get --version latest")]
    #[case(
        "polyaxon run -ns builds -n name",
        "polyaxon run --namespace builds -n name"
    )]
    #[case(
        "polyaxon run -pm file.py:main",
        "polyaxon run --python-module file.py:main"
    )]
    #[case("polyaxon check -f a -v", "polyaxon check -f a --version")]
    #[case("polyaxon -v check -f a", "polyaxon -v check -f a")]
    #[case("polyaxon ops get -v", "polyaxon ops get -v")]
    #[case("polyaxon run -f check -v", "polyaxon run -f check -v")]
    #[case("polyaxon check -- -v", "polyaxon check -- -v")]
    #[case("polyaxon run -P a=-ver", "polyaxon run -P a=-ver")]
    #[case("polyaxon run -lw", "polyaxon run -lw")]
    #[case("polyaxon x -- -uid", "polyaxon x -- -uid")]
    #[case("-uid ops", "-uid ops")]
    #[case("polyaxon --uid 0a", "polyaxon --uid 0a")]
    fn table(#[case] given: &str, #[case] expected: &str) {
        let words = given.split(' ').map(OsString::from);
        let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
        assert_eq!(normalise(words), expected);
    }
}
