//! The executor's words, said plainly.

/// Names under which Docker Hub appears in addresses.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// A registry's host as people call it.
pub(super) fn host(host: &str) -> String {
    if DOCKER_HUB.contains(&host) {
        "Docker Hub".to_owned()
    } else {
        format!("`{host}`")
    }
}

/// The registry of an image.
pub(super) fn registry(image: &str) -> String {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => host(first),
        _ => "Docker Hub".to_owned(),
    }
}

/// The end of a chain of errors: what really happened.
pub(super) fn tail(words: &str) -> &str {
    let words = words.trim_end();
    [
        "x509: ",
        "remote error: ",
        "http: server gave",
        "dial tcp",
        "read tcp",
        "write tcp",
        "unexpected status code ",
        "DENIED: ",
        "UNSUPPORTED: ",
        "NAME_UNKNOWN: ",
        "UNAUTHORIZED: ",
    ]
    .iter()
    .find_map(|mark| words.get(words.rfind(mark)?..))
    .unwrap_or(words)
}

/// Up to the first full stop that ends a sentence.
pub(super) fn first_sentence(words: &str) -> &str {
    words
        .split_once(". ")
        .map_or(words, |(first, _)| first)
        .trim_end_matches('.')
}

/// Image and reason of a message of the kubelet: `Back-off pulling image "X": … : not found`.
pub(super) fn pulled(words: &str) -> Option<(&str, &str)> {
    let (_, rest) = words.split_once("image \"")?;
    let (image, rest) = rest.split_once('"')?;
    let reason = rest.rsplit(": ").next()?.trim();
    (!image.is_empty() && !reason.is_empty()).then_some((image, reason))
}

/// Without the names of the runtime's parts that passed an error on.
pub(super) fn start(words: &str) -> &str {
    words
        .rsplit_once("unable to start container process: ")
        .map_or(words, |(_, rest)| rest)
        .trim_start_matches("error during container init: ")
}

/// The image whose name cannot be read.
pub(super) fn reference(words: &str) -> Option<&str> {
    let named = words
        .split_once("could not parse reference: ")
        .map(|(_, rest)| rest)
        .or_else(|| {
            let (_, rest) = words.split_once("getting tag for destination: ")?;
            Some(rest.rsplit_once(": ")?.1)
        })?
        .trim();
    (!named.is_empty() && !named.contains(char::is_whitespace)).then_some(named)
}

/// Platform and image of `no child with platform P in index I`.
pub(super) fn platform(words: &str) -> Option<(&str, &str)> {
    let (_, rest) = words.split_once("no child with platform ")?;
    let (platform, image) = rest.split_once(" in index ")?;
    Some((platform, image.trim()))
}

/// The path of `open PATH: read-only file system`.
pub(super) fn read_only(words: &str) -> Option<&str> {
    let before = words.split_once(": read-only file system")?.0;
    before
        .rsplit(' ')
        .next()
        .filter(|path| path.starts_with('/'))
}

/// What is wrong with a context or a download.
pub(super) fn context(words: &str) -> String {
    for (from, to) in [
        ("gzip: invalid header", "it is not a gzip archive"),
        ("unexpected EOF", "the archive ends too early"),
        (
            "please specify a path to the build context",
            "its path is empty",
        ),
        (
            "unknown build context prefix",
            "it must begin with `dir://`, `tar://`, `git://`, `https://`, `s3://` or `gs://`, or be a path",
        ),
    ] {
        if words.contains(from) {
            return to.to_owned();
        }
    }
    for mark in ["bad status from server: ", "request failed: "] {
        if let Some((_, status)) = words.split_once(mark) {
            return format!("the server answered {}", status.trim());
        }
    }
    words.to_owned()
}

/// Which line of the Dockerfile is not valid, and why.
pub(super) fn dockerfile(words: &str) -> String {
    if let Some((_, rest)) = words.split_once("parse error on line ")
        && let Some((line, reason)) = rest.split_once(": ")
    {
        return format!("line {line} of the Dockerfile is not valid: {reason}");
    }
    let reason = [
        "parsing dockerfile: ",
        "expanding meta ARGs: ",
        "failed to optimize instructions: ",
    ]
    .iter()
    .find_map(|phase| words.strip_prefix(phase))
    .unwrap_or(words);
    format!("the Dockerfile is not valid: {reason}")
}

/// The stage of `"S" is not a valid target build stage`.
pub(super) fn stage(words: &str) -> Option<&str> {
    let before = words.split_once("\" is not a valid target build stage")?.0;
    before.rsplit('"').next()
}

/// Whether the program that is missing is a shell.
pub(super) fn shell(words: &str) -> bool {
    words
        .split_once("fork/exec ")
        .and_then(|(_, rest)| rest.split(':').next())
        .and_then(|path| path.rsplit('/').next())
        .is_some_and(|name| name.ends_with("sh"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_not_understood_are_left_as_they_are() {
        for words in ["", "strange: things. happen", "image \"", "a: b"] {
            assert_eq!(context(words), words);
            assert_eq!(tail(words), words);
            assert_eq!(start(words), words);
            for read in [
                pulled(words).is_some(),
                reference(words).is_some(),
                platform(words).is_some(),
                read_only(words).is_some(),
                stage(words).is_some(),
                shell(words),
            ] {
                assert!(!read, "{words}");
            }
        }
    }

    #[test]
    fn registries_have_the_names_that_people_use() {
        for (image, name) in [
            ("acme/app:1", "Docker Hub"),
            ("index.docker.io/library/a:1", "Docker Hub"),
            ("r.test:5000/a:1", "`r.test:5000`"),
            ("localhost/a", "`localhost`"),
        ] {
            assert_eq!(registry(image), name);
        }
    }
}
