//! What a registry asks for in `WWW-Authenticate`.

/// A way to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// URL of the service.
        realm: String,
        /// Name that the registry has there.
        service: String,
    },
}

/// The challenge of a header; nothing for a scheme that nobody knows.
pub(super) fn parse(header: &str) -> Option<Challenge> {
    let (scheme, parameters) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let parameter = |name: &str| {
        let start = parameters.find(&format!("{name}=\""))? + name.len() + 2;
        let rest = parameters.get(start..)?;
        rest.get(..rest.find('"')?).map(str::to_owned)
    };
    Some(Challenge::Bearer {
        realm: parameter("realm")?,
        service: parameter("service").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        assert_eq!(parse("Basic realm=\"x\""), Some(Challenge::Basic));
        assert_eq!(
            parse("Bearer realm=\"https://a.test/token\",service=\"a.test\",scope=\"x\""),
            Some(Challenge::Bearer {
                realm: "https://a.test/token".to_owned(),
                service: "a.test".to_owned()
            })
        );
        assert_eq!(parse("Negotiate"), None);
    }
}
