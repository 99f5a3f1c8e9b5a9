//! Names of images.

use std::fmt;
use std::net::Ipv4Addr;

/// Registry of names that carry none.
pub(crate) const DEFAULT_REGISTRY: &str = "index.docker.io";
const DEFAULT_TAG: &str = "latest";
const REPOSITORY_CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-./";
const TAG_CHARACTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A reference to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// As written; what the log says.
    pub written: String,
    /// Host with an optional port.
    pub registry: String,
    /// Repository inside the registry.
    pub repository: String,
    /// Tag, or digest with its algorithm.
    pub identifier: String,
}

/// Why a name is no reference; the words are those of the executor's library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// A character or a length that is not allowed.
    #[error("{element} {rule}: {name}")]
    Rule {
        /// Part of the reference.
        element: &'static str,
        /// What it must be.
        rule: String,
        /// The part as written.
        name: String,
    },
    /// A digest that is none.
    #[error("unsupported digest algorithm or length: {0}")]
    Digest(String),
}

impl Reference {
    /// Reads a reference; `latest` when it has neither tag nor digest.
    pub(crate) fn parse(written: &str) -> Result<Self, Error> {
        let (rest, digest) = match written.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (written, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path),
            _ => ("", name),
        };
        check("repository", path, REPOSITORY_CHARACTERS, 2, 255)?;
        let registry = match registry {
            "" | "docker.io" => DEFAULT_REGISTRY,
            other => other,
        };
        let repository = if registry == DEFAULT_REGISTRY && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        let identifier = match (digest, tag) {
            (Some(digest), _) => {
                let hex = digest.strip_prefix("sha256:").unwrap_or_default();
                if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(Error::Digest(digest.to_owned()));
                }
                digest
            }
            (None, Some(tag)) => {
                check("tag", tag, TAG_CHARACTERS, 1, 128)?;
                tag
            }
            (None, None) => DEFAULT_TAG,
        };
        Ok(Self {
            written: written.to_owned(),
            registry: registry.to_owned(),
            repository,
            identifier: identifier.to_owned(),
        })
    }

    /// The same image in another registry; a path after the host is put before the repository.
    pub(crate) fn on(&self, registry: &str) -> Self {
        let (host, prefix) = registry.split_once('/').unwrap_or((registry, ""));
        let prefix = prefix.trim_end_matches('/');
        let repository = if prefix.is_empty() {
            self.repository.clone()
        } else {
            format!("{prefix}/{}", self.repository)
        };
        Self {
            registry: host.to_owned(),
            repository,
            ..self.clone()
        }
    }

    /// Registry and repository.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn is_host(text: &str) -> bool {
    text.contains('.') || text.contains(':') || text == "localhost"
}

fn check(
    element: &'static str,
    name: &str,
    characters: &str,
    shortest: usize,
    longest: usize,
) -> Result<(), Error> {
    let rule = if (shortest..=longest).contains(&name.len()) {
        if name.chars().all(|c| characters.contains(c)) {
            return Ok(());
        }
        format!("can only contain the characters `{characters}`")
    } else {
        format!("must be between {shortest} and {longest} characters in length")
    };
    Err(Error::Rule {
        element,
        rule,
        name: name.to_owned(),
    })
}

/// Whether plain HTTP is tried by itself: loopback and private addresses, not names.
pub(super) fn is_private(registry: &str) -> bool {
    let host = registry.split(':').next().unwrap_or_default();
    if host == "localhost" || registry.starts_with("[::1]") {
        return true;
    }
    host.parse::<Ipv4Addr>()
        .is_ok_and(|address| address.is_loopback() || address.is_private())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("busybox", "index.docker.io", "library/busybox", "latest")]
    #[case("me/app:1", "index.docker.io", "me/app", "1")]
    #[case(
        "docker.io/library/alpine:3.20",
        "index.docker.io",
        "library/alpine",
        "3.20"
    )]
    #[case("127.0.0.1:5000/a/b/c:v", "127.0.0.1:5000", "a/b/c", "v")]
    #[case("localhost/app", "localhost", "app", "latest")]
    #[case("ghcr.io/acme/tool", "ghcr.io", "acme/tool", "latest")]
    #[case(
        "h.test:5443/x/y:t@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        "h.test:5443",
        "x/y",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000"
    )]
    fn references_are_read(
        #[case] text: &str,
        #[case] registry: &str,
        #[case] repository: &str,
        #[case] identifier: &str,
    ) {
        let reference = Reference::parse(text).unwrap();
        assert_eq!(
            (
                reference.registry.as_str(),
                reference.repository.as_str(),
                reference.identifier.as_str()
            ),
            (registry, repository, identifier)
        );
    }

    #[rstest]
    #[case(
        "127.0.0.1:5000/Acme/App:1",
        "repository can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`: Acme/App"
    )]
    #[case("a.test/xy:", "tag must be between 1 and 128 characters in length: ")]
    #[case(
        "a.test/app@sha256:12",
        "unsupported digest algorithm or length: sha256:12"
    )]
    fn what_is_no_reference_is_named(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(Reference::parse(text).unwrap_err().to_string(), expected);
    }

    #[rstest]
    #[case("127.0.0.1:5000", true)]
    #[case("127.1.2.3", true)]
    #[case("10.244.0.1:5000", true)]
    #[case("172.20.0.1", true)]
    #[case("192.168.1.1:80", true)]
    #[case("localhost:5000", true)]
    #[case("198.51.100.7:5000", false)]
    #[case("mirror.local:5000", false)]
    fn plain_http_is_for_near_addresses(#[case] registry: &str, #[case] expected: bool) {
        assert_eq!(is_private(registry), expected);
    }

    #[test]
    fn a_mirror_may_have_a_path() {
        let reference = Reference::parse("busybox:1").unwrap().on("m.test:5000/hub");
        assert_eq!(reference.name(), "m.test:5000/hub/library/busybox");
    }

    proptest::proptest! {
        #[test]
        fn name_and_tag_survive(host in "[a-z]{1,9}\\.test(:[1-9][0-9]{1,3})?", path in "[a-z0-9]{2,9}(/[a-z0-9]{1,9}){0,3}", tag in "[A-Za-z0-9_.-]{1,20}") {
            let reference = Reference::parse(&format!("{host}/{path}:{tag}")).unwrap();
            proptest::prop_assert_eq!(reference.name(), format!("{}/{}", host, path));
            proptest::prop_assert_eq!(reference.identifier, tag);
        }
    }
}
