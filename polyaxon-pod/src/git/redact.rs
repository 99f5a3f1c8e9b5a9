//! Takes secrets out of text before anybody sees it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::git::access::Credentials;

const MASK: &str = "***";

/// The secrets of a step.
#[derive(Default)]
pub(crate) struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Learns the forms in which these credentials may turn up.
    pub(crate) fn learn(&mut self, credentials: &Credentials) {
        let (user, password) = credentials.pair();
        self.secrets
            .push(STANDARD.encode(format!("{user}:{password}")));
        self.secrets.push(password.to_owned());
        // The longest first, so that no rest of a longer one is left.
        self.secrets.retain(|secret| !secret.is_empty());
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// The text without the secrets, and without the user part of any address.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = self
            .secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
        without_user_info(&text)
    }
}

fn without_user_info(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        clean.push_str(before);
        let is_end = |letter: char| letter.is_whitespace() || "/'\"<>".contains(letter);
        let authority = after
            .find(is_end)
            .map_or(after, |end| after.split_at(end).0);
        let user_info = authority.rfind('@').unwrap_or(0);
        if user_info > 0 {
            clean.push_str(MASK);
        }
        rest = after.split_at(user_info).1;
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("fatal: Authentication failed for 'https://h/o/r'", None)]
    #[case("git@h:o/r.git", None)]
    #[case("using s3cret now", Some("using *** now"))]
    #[case("Basic dXNlcjpzM2NyZXQ=", Some("Basic ***"))]
    #[case(
        "at 'https://other:token@h/r' and ssh://git@h/r",
        Some("at 'https://***@h/r' and ssh://***@h/r")
    )]
    #[case("https://a/b@c", None)]
    fn secrets_do_not_pass(#[case] text: &str, #[case] expected: Option<&str>) {
        let mut redactor = Redactor::default();
        redactor.learn(&Credentials::parse("user:s3cret"));
        assert_eq!(redactor.redact(text), expected.unwrap_or(text));
    }

    #[test]
    fn a_secret_within_a_longer_one_leaves_no_rest() {
        let mut redactor = Redactor::default();
        redactor.learn(&Credentials::parse("a:abc"));
        redactor.learn(&Credentials::parse("b:abcdef"));
        assert_eq!(redactor.redact("x abcdef y"), "x *** y");
    }
}
