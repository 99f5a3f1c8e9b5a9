//! The entries of `init`, and the types that they share with inputs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::checker::{Checker, is_template, written};
use super::kubernetes::CONTAINER;
use super::path::Path;
use super::table::{CustomKind, Kind, Model, custom, field};
use crate::diagnostic::Code;
use crate::yaml::{Mapping, Node, Scalar, Value};

/// An initializer: something that is prepared before the main container starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Init {
    /// Files from an artifacts store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<Json>,
    /// Paths of an artifacts store: text, or a list of text and pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths: Option<Json>,
    /// A repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// A generated Dockerfile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile: Option<Json>,
    /// A file with given content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Json>,
    /// Logs for Tensorboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensorboard: Option<Json>,
    /// An artifact by its lineage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage_ref: Option<String>,
    /// A version of a model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_ref: Option<String>,
    /// A version of an artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_ref: Option<String>,
    /// The connection to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Where to put it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Fields of the container, or the whole container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<Json>,
}

/// What to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Git {
    /// The repository; the connection's own where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A commit, branch or tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Flags of `git clone`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<String>>,
}

/// The sources of an initializer, at most one of which may be set.
const SOURCES: &[&str] = &[
    "artifacts",
    "paths",
    "git",
    "dockerfile",
    "file",
    "tensorboard",
    "lineageRef",
    "modelRef",
    "artifactRef",
];

/// An entry of `init`.
pub(crate) static INIT: Model = Model::new(
    "an initializer",
    &[
        field("artifacts", Kind::Model(&ARTIFACTS)),
        custom("paths", check_paths),
        field("git", Kind::Model(&GIT)).literal(),
        field("dockerfile", Kind::Model(&DOCKERFILE)),
        field("file", Kind::Model(&FILE)),
        field("tensorboard", Kind::Model(&TENSORBOARD)),
        field("lineageRef", Kind::Text),
        field("modelRef", Kind::Text),
        field("artifactRef", Kind::Text),
        field("connection", Kind::Text),
        field("path", Kind::Text),
        field("container", Kind::Kubernetes(&CONTAINER)).literal(),
    ],
)
.with_rules(init_rules);

/// What to take from an artifacts store.
pub(crate) static ARTIFACTS: Model = Model::new(
    "artifacts",
    &[
        custom("files", check_pairs),
        custom("dirs", check_pairs),
        field("workers", Kind::Integer),
    ],
);

/// What to clone.
pub(crate) static GIT: Model = Model::new(
    "git",
    &[
        field("url", Kind::Text),
        field("revision", Kind::Text),
        field("flags", Kind::List(&Kind::Text)),
    ],
);

/// A generated Dockerfile.
pub(crate) static DOCKERFILE: Model = Model::new(
    "a Dockerfile",
    &[
        custom("image", check_image).required(),
        custom("env", check_variables),
        field("path", Kind::List(&Kind::Text)),
        custom("copy", check_pairs),
        custom("postRunCopy", check_pairs),
        field("run", Kind::List(&Kind::Text)),
        field("langEnv", Kind::Text),
        custom("uid", Checker::lax_integer),
        custom("gid", Checker::lax_integer),
        field("username", Kind::Text),
        field("filename", Kind::Text),
        field("workdir", Kind::Text),
        field("workdirPath", Kind::Text),
        field("shell", Kind::Text),
    ],
);

/// What an artifact of a run may be.
const ARTIFACT_KINDS: &[&str] = &[
    "model",
    "audio",
    "video",
    "histogram",
    "image",
    "tensor",
    "dataframe",
    "chart",
    "csv",
    "tsv",
    "psv",
    "ssv",
    "metric",
    "env",
    "html",
    "text",
    "file",
    "dir",
    "dockerfile",
    "docker_image",
    "data",
    "coderef",
    "table",
    "tensorboard",
    "curve",
    "confusion",
    "analysis",
    "iteration",
    "markdown",
    "system",
    "artifact",
    "span",
];

/// A file with given content.
pub(crate) static FILE: Model = Model::new(
    "a file",
    &[
        field("content", Kind::Text).required(),
        field("filename", Kind::Text),
        field("kind", Kind::OneOf(ARTIFACT_KINDS)),
        field("chmod", Kind::Text),
    ],
);

/// Logs for Tensorboard.
pub(crate) static TENSORBOARD: Model = Model::new(
    "tensorboard",
    &[
        field("port", Kind::Integer),
        custom("uuids", check_uuids),
        field("useNames", Kind::Bool),
        field("pathPrefix", Kind::Text),
        field("plugins", Kind::Tags),
    ],
);

/// Runs by their UUIDs: a list, or text with commas.
fn check_uuids(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let json = checker.kind(node, &Kind::Tags, path);
    for (index, item) in json.as_array().into_iter().flatten().enumerate() {
        if let Some(text) = item
            .as_str()
            .filter(|text| uuid::Uuid::try_parse(text).is_err())
        {
            let (at, path) = match &node.value {
                Value::Sequence(items) => (items.get(index).unwrap_or(node), path.index(index)),
                _ => (node, *path),
            };
            let message = format!("`{text}` is no UUID of a run");
            checker.error(Code::BadValue, at, &path, message);
        }
    }
    json
}

static TEXT_OR_PAIR: Kind = Kind::Custom(CustomKind(check_text_or_pair));

fn init_rules(
    checker: &mut Checker,
    node: &Node,
    map: &Mapping,
    out: &mut Map<String, Json>,
    path: &Path<'_>,
) {
    let is_set = |name: &str| !out.get(name).is_none_or(Json::is_null);
    let set: Vec<&str> = SOURCES
        .iter()
        .copied()
        .filter(|name| is_set(name))
        .collect();
    if let [first, second, ..] = set.as_slice() {
        let at = written(map, second).map_or(node, |entry| &entry.key);
        let message =
            format!("an initializer has one source, and this one has `{first}` and `{second}`");
        checker.error(Code::Conflict, at, path, message).help =
            Some("make two entries of it".into());
    }
    let has_url = out.get("git").is_some_and(|git| {
        git.is_string()
            || git
                .get("url")
                .and_then(Json::as_str)
                .is_some_and(|url| !url.is_empty())
    });
    if is_set("git") && !has_url && !is_set("connection") {
        let at = written(map, "git").map_or(node, |entry| &entry.value);
        checker
            .error(
                Code::MissingField,
                at,
                &path.field("git"),
                "`git` needs an `url`, or a `connection` beside it",
            )
            .help = Some("add `url:`".into());
    }
}

/// Checks the name of an image and gives it back as it is.
fn check_image(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let json = checker.text(node, path);
    if let Some(reason) = json.as_str().and_then(bad_image) {
        let message = format!(
            "`{}` is not an image: {reason}",
            json.as_str().unwrap_or_default()
        );
        checker.error(Code::BadValue, node, path, message).help =
            Some("write `repository:tag`".into());
    }
    json
}

/// Why text is no image reference, by the reference's rule, which is lax: it looks at spaces and colons only.
pub fn bad_image(image: &str) -> Option<&'static str> {
    if image.is_empty() {
        return Some("it is empty");
    }
    if is_template(image) {
        return None;
    }
    if image.contains(' ') {
        return Some("it contains a space");
    }
    let strip = |text: &str, set: &str| {
        text.trim_matches(|character| set.contains(character))
            .to_owned()
    };
    let bare = strip(&strip(image, "https://"), "http://");
    match bare.split(':').collect::<Vec<_>>().as_slice() {
        [] | [_] | [_, _] => None,
        [_, middle, _] if middle.contains('/') && !middle.starts_with('/') => None,
        _ => Some("it has too many colons"),
    }
}

fn check_paths(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match &node.value {
        Value::Scalar(Scalar::Text(text)) => text.as_str().into(),
        _ => check_pairs(checker, node, path),
    }
}

/// A list of text and of pairs of text.
fn check_pairs(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    checker.list(node, &TEXT_OR_PAIR, path)
}

fn check_text_or_pair(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match &node.value {
        Value::Sequence(items) if items.len() == 2 => checker.list(node, &Kind::Text, path),
        Value::Scalar(Scalar::Text(text)) => text.as_str().into(),
        _ => checker.wrong_type(node, path, "text or a pair `[from, to]`"),
    }
}

/// Variables as a mapping, or as a list of pairs.
fn check_variables(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match &node.value {
        Value::Mapping(_) => node.to_json(),
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = path.index(index);
                match &item.value {
                    Value::Sequence(pair) if pair.len() == 2 => {
                        checker.list(item, &Kind::Text, &path);
                    }
                    _ => {
                        checker.wrong_type(item, &path, "a pair `[name, value]`");
                    }
                }
            }
            node.to_json()
        }
        Value::Scalar(_) => checker.wrong_type(node, path, "a mapping, or a list of pairs"),
    }
}

#[cfg(test)]
mod tests {
    use super::bad_image;

    #[test]
    fn images_are_checked_like_the_reference_does() {
        for image in [
            "python:3.11",
            "a",
            "h:5000/x:1",
            "h:5000/x",
            "r/x@sha256:0123",
            "https://reg/a:1",
            "{{ x }} y",
        ] {
            assert_eq!(bad_image(image), None, "{image}");
        }
        for image in ["", "a b", "a:b:c", "a:b:c:d"] {
            assert!(bad_image(image).is_some(), "{image}");
        }
    }
}
