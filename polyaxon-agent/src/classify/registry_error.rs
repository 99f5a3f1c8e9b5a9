//! What a registry or the way to it answered.

use super::class::Class;

/// What the executor wanted of the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The check before the build, or the push itself.
    Push,
    /// Manifest or layers of a base image.
    Base,
}

const NETWORK: [&str; 17] = [
    "dial tcp",
    "dial udp",
    "no such host",
    "no route to host",
    "network is unreachable",
    "server misbehaving",
    "i/o timeout",
    "TLS handshake timeout",
    "Client.Timeout",
    "context deadline exceeded",
    "connection timed out",
    "connection refused",
    "connection reset by peer",
    "use of closed network connection",
    "broken pipe",
    "unexpected EOF",
    ": EOF",
];

/// Whether the way to a server broke, or the server itself is in trouble.
pub(super) fn is_network(error: &str) -> bool {
    NETWORK.iter().any(|word| error.contains(word)) || matches!(status(error), Some(500..=599))
}

/// Status of an answer that was not expected: `unexpected status code 502 Bad Gateway`,
/// `bad status from server: 503 Service Unavailable`, `invalid response status 404`.
pub(super) fn status(error: &str) -> Option<u16> {
    [
        "status code ",
        "status from server: ",
        "response status ",
        "request failed: ",
    ]
    .iter()
    .filter_map(|word| error.split_once(word))
    .find_map(|(_, rest)| rest.get(..3)?.parse().ok())
    .or_else(|| {
        REASON_PHRASES
            .iter()
            .find(|phrase| error.contains(*phrase))
            .and_then(|phrase| phrase.get(..3)?.parse().ok())
    })
}

/// Answers as proxies and clients write them where no other mark stands before the number.
const REASON_PHRASES: [&str; 10] = [
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "413 Request Entity Too Large",
    "413 Payload Too Large",
    "429 Too Many Requests",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
];

/// The registry's error code: `PUT https://host/v2/…: TAG_INVALID: The image tag …`.
fn code(error: &str) -> Option<&str> {
    error.split(": ").skip(1).find(|word| {
        word.len() > 3
            && word
                .chars()
                .all(|character| character.is_ascii_uppercase() || character == '_')
    })
}

fn has_any(error: &str, words: &[&str]) -> bool {
    words.iter().any(|word| error.contains(word))
}

/// `project ml not found`, `repository "x" does not exist`: some registries say so under the code
/// of another error.
fn is_missing_repository(lower: &str) -> bool {
    ["project ", "repository "].iter().any(|word| {
        lower.split_once(word).is_some_and(|(_, rest)| {
            let sentence = rest.split([';', ',', '\n']).next().unwrap_or(rest);
            sentence.contains(" not found") || sentence.contains(" does not exist")
        })
    })
}

/// Class of an error of a registry; `None` if its words are not known.
pub(super) fn classify(error: &str, phase: Phase) -> Option<Class> {
    let code = code(error);
    let status = status(error);
    let lower = error.to_ascii_lowercase();
    if code == Some("TOOMANYREQUESTS")
        || status == Some(429)
        || has_any(
            &lower,
            &["toomanyrequests", "pull rate limit", "too many requests"],
        )
    {
        return Some(Class::RegistryRateLimit);
    }
    if phase == Phase::Push {
        if lower.contains("immutab") {
            return Some(Class::PushImmutable);
        }
        if is_missing_repository(&lower) {
            return Some(Class::PushRepoMissing);
        }
        if status == Some(413)
            || code == Some("SIZE_INVALID")
            || has_any(&lower, &["request entity too large", "payload too large"])
        {
            return Some(Class::PushTooLarge);
        }
    }
    let (auth, denied, missing) = match phase {
        Phase::Push => (Class::PushAuth, Class::PushDenied, Class::PushRepoMissing),
        Phase::Base => (
            Class::BaseImageAuth,
            Class::BaseImageAuth,
            Class::BaseImageMissing,
        ),
    };
    match code {
        Some("UNAUTHORIZED") => return Some(auth),
        Some("DENIED" | "UNSUPPORTED") => return Some(denied),
        Some("NAME_UNKNOWN" | "MANIFEST_UNKNOWN" | "NOT_FOUND") => return Some(missing),
        Some("BLOB_UNKNOWN") if phase == Phase::Base => return Some(missing),
        Some("UNKNOWN" | "UNAVAILABLE" | "INTERNAL_ERROR") => return Some(Class::RegistryNetwork),
        _ => {}
    }
    match status {
        Some(401) => return Some(auth),
        Some(403 | 405) => return Some(denied),
        Some(404) => return Some(missing),
        Some(408 | 500..=599) => return Some(Class::RegistryNetwork),
        _ => {}
    }
    // After a try over TLS, one without it says only that the server speaks TLS.
    let first = match error.split_once("; GET http://") {
        Some((first, _)) if is_network(first) => first,
        _ => error,
    };
    if has_any(
        first,
        &[
            "x509:",
            "tls: ",
            "server gave HTTP response to HTTPS client",
            "does not look like a TLS handshake",
            "HTTP request to an HTTPS server",
            "malformed HTTP response",
        ],
    ) {
        return Some(Class::RegistryTls);
    }
    if has_any(
        &lower,
        &[
            "authentication required",
            "resolving authorization for",
            "error getting credentials",
            "incorrect username or password",
        ],
    ) {
        return Some(auth);
    }
    if has_any(
        &lower,
        &["insufficient_scope", "access to the resource is denied"],
    ) {
        return Some(denied);
    }
    is_network(error).then_some(Class::RegistryNetwork)
}

/// The host that an error names: of its first address, else of the dialled name.
pub(super) fn host(error: &str) -> Option<&str> {
    let after = error
        .split_once("https://")
        .or_else(|| error.split_once("http://"))?
        .1;
    let end = after.find(['/', '"', '?', ' ']).unwrap_or(after.len());
    after.get(..end).filter(|host| !host.is_empty())
}

/// `host/name:tag` that an error of a registry speaks of.
pub(super) fn image(error: &str) -> Option<String> {
    if let Some((_, rest)) = error.split_once("checking push permission for \"") {
        return rest.split_once('"').map(|(image, _)| image.to_owned());
    }
    if let Some((_, rest)) = error.split_once("failed to push to destination ") {
        return rest.split_once(": ").map(|(image, _)| image.to_owned());
    }
    let host = host(error)?;
    let (_, path) = error.split_once("/v2/")?;
    let path = path.split([' ', '"', '?']).next()?.trim_end_matches(':');
    let (name, reference) = path
        .split_once("/manifests/")
        .or_else(|| path.split_once("/blobs/"))?;
    let mark = if reference.starts_with("sha256:") {
        '@'
    } else {
        ':'
    };
    Some(format!("{host}/{name}{mark}{reference}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::code(
        "POST https://r/v2/a/blobs/uploads/: DENIED: quota",
        Phase::Push,
        Some(Class::PushDenied)
    )]
    #[case::status(
        "GET https://r/v2/a/manifests/1: unexpected status code 404 Not Found: x",
        Phase::Base,
        Some(Class::BaseImageMissing)
    )]
    #[case::code_before_words(
        "GET https://r/v2/a/manifests/1: DENIED: no (or it may not exist)",
        Phase::Base,
        Some(Class::BaseImageAuth)
    )]
    #[case::both_schemes(
        "Get \"https://10.0.0.1/v2/\": http: server gave HTTP response to HTTPS client",
        Phase::Push,
        Some(Class::RegistryTls)
    )]
    #[case::handshake(
        "Get \"https://r/v2/\": net/http: TLS handshake timeout",
        Phase::Push,
        Some(Class::RegistryNetwork)
    )]
    #[case::handshake_of_an_unknown_authority(
        "Get \"https://10.0.0.1/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority; \
         GET http://10.0.0.1/v2/: unexpected status code 400 Bad Request: Client sent an HTTP request to an HTTPS server.",
        Phase::Push,
        Some(Class::RegistryTls)
    )]
    #[case::away_at_the_first_scheme(
        "Get \"https://10.0.0.1/v2/\": dial tcp 10.0.0.1:443: i/o timeout; \
         GET http://10.0.0.1/v2/: unexpected status code 400 Bad Request: Client sent an HTTP request to an HTTPS server.",
        Phase::Push,
        Some(Class::RegistryNetwork)
    )]
    #[case::reset(
        "Patch \"https://r/v2/a\": write: connection reset by peer",
        Phase::Push,
        Some(Class::RegistryNetwork)
    )]
    #[case::size(
        "PUT https://r/v2/a/manifests/1: SIZE_INVALID: too large",
        Phase::Push,
        Some(Class::PushTooLarge)
    )]
    #[case::new_words(
        "PUT https://r/v2/a/manifests/1: MANIFEST_INVALID: schema",
        Phase::Push,
        None
    )]
    fn errors(#[case] error: &str, #[case] phase: Phase, #[case] class: Option<Class>) {
        assert_eq!(classify(error, phase), class);
    }

    #[test]
    fn the_named_image_and_host() {
        assert_eq!(
            image("GET https://r.test:5000/v2/a/b/manifests/9.9: MANIFEST_UNKNOWN: x").as_deref(),
            Some("r.test:5000/a/b:9.9")
        );
        assert_eq!(
            image("checking push permission for \"t/a:1\": POST https://r/v2/").as_deref(),
            Some("t/a:1")
        );
        assert_eq!(host("Get \"https://r.test/v2/\": dial tcp"), Some("r.test"));
        assert_eq!(host("dial tcp"), None);
    }
}
