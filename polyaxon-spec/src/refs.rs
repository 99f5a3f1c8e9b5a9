//! References to components: their grammar and what they point from.

use std::fmt;
use std::str::FromStr;

use crate::diagnostic::Place;

/// The owner of the components that come with the hub.
pub const DEFAULT_OWNER: &str = "polyaxon";

/// The version that a reference without one means: a name like any other, not a computation.
pub const DEFAULT_VERSION: &str = "latest";

/// The longest owner, name or version, in characters.
const MAX_PART: usize = 128;

/// A parsed `hubRef`: `[owner/]name[:version][@sha256:digest]`, where a dot may stand for the slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HubRef {
    /// Who owns the component.
    pub owner: String,
    /// The name of the component.
    pub name: String,
    /// The name of the version.
    pub version: String,
    /// The pinned revision: 64 lower-case hexadecimal digits.
    pub digest: Option<String>,
}

/// Why text is no reference to a component of the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a reference to a component: {reason}")]
pub struct BadHubRef {
    text: String,
    reason: &'static str,
}

impl HubRef {
    /// Parses a reference.
    ///
    /// # Errors
    ///
    /// When the text has too many parts, an empty part, a part with other characters than letters, digits, `-`, `_`
    /// (and `.` in versions), or a digest that is not a full sha256.
    pub fn parse(text: &str) -> Result<Self, BadHubRef> {
        let bad = |reason| BadHubRef {
            text: text.to_owned(),
            reason,
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, pin)) => (
                rest,
                Some(
                    parse_digest(pin)
                        .ok_or_else(|| bad("a pin is `@sha256:` and 64 hexadecimal digits"))?,
                ),
            ),
            None => (text, None),
        };
        let (path, version) = match rest.split(':').collect::<Vec<_>>().as_slice() {
            [path] | [path, ""] => (*path, DEFAULT_VERSION),
            [path, version] => (*path, *version),
            _ => return Err(bad("it has more than one version")),
        };
        let (owner, name) = match path.split(['/', '.']).collect::<Vec<_>>().as_slice() {
            [name] => (DEFAULT_OWNER, *name),
            [owner, name] => (*owner, *name),
            _ => return Err(bad("it has more than an owner and a name")),
        };
        if [owner, name].iter().any(|part| part.is_empty()) {
            return Err(bad("the owner or the name is empty"));
        }
        let is_part = |part: &str, dot: bool| {
            part.chars().count() <= MAX_PART
                && part.chars().all(|letter| {
                    letter.is_alphanumeric() || matches!(letter, '-' | '_') || dot && letter == '.'
                })
        };
        if !is_part(owner, false) || !is_part(name, false) || !is_part(version, true) {
            return Err(bad(
                "it may have letters, digits, `-`, `_`, and `.` in the version",
            ));
        }
        Ok(Self {
            owner: owner.into(),
            name: name.into(),
            version: version.into(),
            digest,
        })
    }
}

fn parse_digest(pin: &str) -> Option<String> {
    let digest = pin.strip_prefix("sha256:")?;
    let is_full = digest.len() == 64
        && digest
            .chars()
            .all(|digit| matches!(digit, '0'..='9' | 'a'..='f'));
    is_full.then(|| digest.to_owned())
}

impl FromStr for HubRef {
    type Err = BadHubRef;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for HubRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}:{}", self.owner, self.name, self.version)?;
        match &self.digest {
            Some(digest) => write!(formatter, "@sha256:{digest}"),
            None => Ok(()),
        }
    }
}

/// A parsed `queue`: `queue` or `agent/queue`, where a dot may stand for the slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueueRef {
    /// The agent; the project's where it is none.
    pub agent: Option<String>,
    /// The queue of the agent.
    pub queue: String,
}

/// Why text is no queue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a queue")]
pub struct BadQueueRef(String);

impl QueueRef {
    /// Parses the name of a queue.
    ///
    /// # Errors
    ///
    /// When there are more than two parts, an empty one, or one with other characters than letters, digits, `-` and
    /// `_`.
    pub fn parse(text: &str) -> Result<Self, BadQueueRef> {
        let is_part = |part: &&str| {
            !part.is_empty()
                && part.chars().count() <= MAX_PART
                && part
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
        };
        let parts: Vec<&str> = text.split(['/', '.']).collect();
        match parts.as_slice() {
            parts if !parts.iter().all(is_part) => Err(BadQueueRef(text.to_owned())),
            [queue] => Ok(Self {
                agent: None,
                queue: (*queue).into(),
            }),
            [agent, queue] => Ok(Self {
                agent: Some((*agent).into()),
                queue: (*queue).into(),
            }),
            _ => Err(BadQueueRef(text.to_owned())),
        }
    }
}

/// Where a referenced component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// In the hub.
    Hub,
    /// Behind an url.
    Url,
    /// In a file.
    Path,
}

impl ReferenceKind {
    /// The field that holds such a reference.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Hub => "hubRef",
            Self::Url => "urlRef",
            Self::Path => "pathRef",
        }
    }
}

/// A reference whose component has not been collected yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where the component is.
    pub kind: ReferenceKind,
    /// The reference as it was written.
    pub value: String,
    /// The section that holds it: empty for the operation itself, `component`, `run.operations[0]`.
    pub section: String,
    /// The name of the source that holds it, which a relative path starts from.
    pub base: Option<String>,
    /// Where it was written.
    pub place: Option<Place>,
}

impl Reference {
    /// The path of a reference to a file, seen from where the base is seen from: relative to the folder of the
    /// file that holds the reference, without `.` and `..` where the text alone tells.
    pub fn resolved_path(&self) -> String {
        let folder = match (&self.base, self.value.starts_with('/')) {
            (Some(base), false) => base.rsplit_once('/').map_or("", |(folder, _)| folder),
            _ => "",
        };
        let is_absolute = self.value.starts_with('/')
            || self
                .base
                .as_deref()
                .is_some_and(|base| base.starts_with('/'));
        let mut parts: Vec<&str> = Vec::new();
        for part in folder.split('/').chain(self.value.split('/')) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let root = if is_absolute { "/" } else { "" };
        format!("{root}{}", parts.join("/"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} `{}`", self.kind.field(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_parsed() {
        for (text, expected) in [
            ("kaniko", "polyaxon/kaniko:latest"),
            ("kaniko:v1", "polyaxon/kaniko:v1"),
            ("acme/kaniko", "acme/kaniko:latest"),
            ("acme.kaniko:1.0", "acme/kaniko:1.0"),
            ("kaniko:", "polyaxon/kaniko:latest"),
            ("KANIKO:Latest", "polyaxon/KANIKO:Latest"),
        ] {
            let parsed = HubRef::parse(text).map(|hub_ref| hub_ref.to_string());
            assert_eq!(parsed.as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "kaniko:a:b",
            "a/b/c",
            "my.comp.x:1",
            ":v1",
            "/kaniko",
            "acme/",
            " kaniko",
            "host:5000/a/b:1",
            "k@sha256:abcd",
        ] {
            assert!(HubRef::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn queues_are_parsed() {
        let parse = |text| QueueRef::parse(text).map(|queue| (queue.agent, queue.queue));
        assert_eq!(parse("builds"), Ok((None, "builds".into())));
        for text in ["gpu/builds", "gpu.builds"] {
            assert_eq!(parse(text), Ok((Some("gpu".into()), "builds".into())));
        }
        for text in ["", "a/b/c", "/a", "a/", "a b"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_start_at_the_file_that_names_them() {
        for (base, value, expected) in [
            (Some("ops/build.yaml"), "../kaniko.yaml", "kaniko.yaml"),
            (Some("ops/build.yaml"), "./kaniko.yaml", "ops/kaniko.yaml"),
            (Some("build.yaml"), "../kaniko.yaml", "../kaniko.yaml"),
            (Some("/ops/build.yaml"), "kaniko.yaml", "/ops/kaniko.yaml"),
            (Some("ops/build.yaml"), "/kaniko.yaml", "/kaniko.yaml"),
            (None, "kaniko.yaml", "kaniko.yaml"),
        ] {
            let reference = Reference {
                kind: ReferenceKind::Path,
                value: value.into(),
                section: String::new(),
                base: base.map(str::to_owned),
                place: None,
            };
            assert_eq!(reference.resolved_path(), expected, "{base:?} {value}");
        }
    }

    #[test]
    fn pins_are_kept() {
        let digest = "0f".repeat(32);
        let text = format!("kaniko:1@sha256:{digest}");
        let parsed = HubRef::parse(&text).unwrap();
        assert_eq!(
            (parsed.version.as_str(), parsed.digest.as_deref()),
            ("1", Some(digest.as_str()))
        );
        assert_eq!(HubRef::parse(&parsed.to_string()), Ok(parsed));
    }
}
