//! Names of owners, projects, components, versions and queues.

use thiserror::Error;

/// Longest name in characters.
pub const MAX_LENGTH: usize = 128;

/// The owner of everything that names none.
pub const DEFAULT_OWNER: &str = "default";
/// The project of every run that names none.
pub const DEFAULT_PROJECT: &str = "default";

/// A name that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` is not a valid {what}: use 1 to 128 {allowed}")]
pub struct BadName {
    what: &'static str,
    name: String,
    allowed: &'static str,
}

/// Checks the name of a new owner, project, component, agent or queue.
///
/// # Errors
/// When it is empty, longer than [`MAX_LENGTH`] or has other characters than lower-case letters, digits, `-` and `_`.
pub fn slug(what: &'static str, name: &str) -> Result<(), BadName> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    check(what, name, good, "lower-case letters, digits, `-` and `_`")
}

/// Checks the name of a new version.
///
/// # Errors
/// As [`slug`], but capital letters and dots are allowed.
pub fn version(name: &str) -> Result<(), BadName> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    check("version", name, good, "letters, digits, `.`, `-` and `_`")
}

fn check(
    what: &'static str,
    name: &str,
    good: impl Fn(char) -> bool,
    allowed: &'static str,
) -> Result<(), BadName> {
    if !name.is_empty() && name.len() <= MAX_LENGTH && name.chars().all(good) {
        Ok(())
    } else {
        Err(BadName {
            what,
            name: name.chars().take(MAX_LENGTH).collect(),
            allowed,
        })
    }
}

/// `given`, or `default` if it is empty.
#[must_use]
pub fn or_default<'a>(given: &'a str, default: &'a str) -> &'a str {
    if given.is_empty() { default } else { given }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for (name, as_slug, as_version) in [
            ("kaniko", true, true),
            ("a_b-1", true, true),
            ("1.0", false, true),
            ("Latest", false, true),
            ("", false, false),
            ("a b", false, false),
            ("a/b", false, false),
            ("ä", false, false),
        ] {
            assert_eq!(slug("project", name).is_ok(), as_slug, "{name}");
            assert_eq!(version(name).is_ok(), as_version, "{name}");
        }
        assert!(version(&"x".repeat(128)).is_ok());
        assert!(version(&"x".repeat(129)).is_err());
    }
}
