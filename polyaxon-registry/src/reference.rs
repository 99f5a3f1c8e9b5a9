//! Image references.

/// Name under which Docker Hub is known in references.
const DOCKER_HUB: &str = "docker.io";

/// Text that is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of an image")]
pub struct InvalidReference(String);

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `host` or `host:port`; `docker.io` when the text names none.
    pub registry: String,
    /// Path in the registry, with `library/` for the official images of Docker Hub.
    pub repository: String,
}

impl Reference {
    /// Reads a reference; tag and digest are left away.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let invalid = || InvalidReference(text.to_owned());
        let name = text.split_once('@').map_or(text, |(name, _)| name);
        let (registry, path) = match name.split_once('/') {
            Some((host, path))
                if host.contains(['.', ':']) || host == "localhost" || has_upper_case(host) =>
            {
                (host, path)
            }
            _ => (DOCKER_HUB, name),
        };
        let repository = path.split_once(':').map_or(path, |(path, _)| path);
        let is_plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
                })
        };
        let host_is_plain = registry
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
        if registry.is_empty() || !host_is_plain || !repository.split('/').all(is_plain) {
            return Err(invalid());
        }
        let registry = match registry {
            "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
            other => other,
        };
        let repository = if registry == DOCKER_HUB && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
        })
    }

    /// Tag that a reference without digest names, `latest` if it names none.
    pub fn tag(text: &str) -> &str {
        let name = text.split_once('@').map_or(text, |(name, _)| name);
        let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
        last.split_once(':').map_or("latest", |(_, tag)| tag)
    }

    /// Host that is asked.
    pub(crate) fn host(&self) -> &str {
        if self.registry == DOCKER_HUB {
            "registry-1.docker.io"
        } else {
            &self.registry
        }
    }
}

fn has_upper_case(host: &str) -> bool {
    host.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_no_port() {
        for (text, tag) in [
            ("busybox", "latest"),
            ("r.test:5000/a/b", "latest"),
            ("r.test:5000/a/b:1.2", "1.2"),
            ("a:x@sha256:00", "x"),
        ] {
            assert_eq!(Reference::tag(text), tag);
        }
    }

    #[test]
    fn references_are_read() {
        for (text, registry, repository) in [
            ("127.0.0.1:5000/team/app:1", "127.0.0.1:5000", "team/app"),
            ("busybox", "docker.io", "library/busybox"),
            ("me/app@sha256:00", "docker.io", "me/app"),
            ("index.docker.io/me/app:x", "docker.io", "me/app"),
            ("localhost/app", "localhost", "app"),
            (
                "gcr.io/a/b-c_d.e/f:latest@sha256:00",
                "gcr.io",
                "a/b-c_d.e/f",
            ),
        ] {
            let read = Reference::parse(text).expect(text);
            assert_eq!(
                (read.registry.as_str(), read.repository.as_str()),
                (registry, repository)
            );
        }
        for text in [
            "",
            "a b",
            "host.x/",
            "host.x/UPPER",
            "a//b",
            "ex ample.com/a",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
