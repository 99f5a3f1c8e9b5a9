//! The root of a file: a component, an operation, or a file without `kind`.

use serde_json::{Map, Value as Json, json};

use super::checker::{Checker, is_template, written};
use super::init::INIT;
use super::io::{IO, params_field};
use super::kubernetes::{CONTAINER, VOLUME};
use super::matrix::MATRIX;
use super::orchestration::{EVENT, JOIN, SCHEDULE};
use super::path::Path;
use super::run::ENVIRONMENT;
use super::sections::{BUILD, CACHE, HOOK, MOUNTS, PLUGINS, TEMPLATE, TERMINATION};
use super::shortcuts::{PORT, check_command, check_resources, check_variables};
use super::suggest;
use super::table::{Kind, Model, custom, field};
use crate::diagnostic::Code;
use crate::refs::HubRef;
use crate::yaml::{Mapping, Node};

/// The names of the patch strategies.
pub(crate) const PATCH_STRATEGIES: &[&str] = &["replace", "isnull", "post_merge", "pre_merge"];

/// The kinds of files.
const KINDS: &[&str] = &["component", "operation", "compiled_operation"];

/// The fields that name a component.
pub(crate) const REFERENCES: &[&str] = &["hubRef", "dagRef", "urlRef", "pathRef"];

/// The fields that stand for fields of the run, in the order in which they are applied.
pub(crate) const SHORTCUTS: &[&str] = &[
    "ports",
    "container",
    "cmd",
    "env",
    "resources",
    "environment",
    "init",
    "connections",
    "sidecars",
    "volumes",
];

/// The root of a file. Components and operations have the same fields.
pub(crate) static ROOT: Model = Model::new(
    "a Polyaxonfile",
    &[
        custom("version", check_version).literal(),
        custom("kind", check_kind).literal(),
        custom("name", check_name),
        field("description", Kind::Text),
        field("tags", Kind::Tags),
        field("presets", Kind::Tags),
        field("strictParams", Kind::Bool).literal(),
        field("queue", Kind::Text),
        field("namespace", Kind::Text),
        field("cache", Kind::Model(&CACHE)),
        field("termination", Kind::Model(&TERMINATION)),
        field("plugins", Kind::Model(&PLUGINS)),
        field("build", Kind::Model(&BUILD)),
        field("hooks", Kind::List(&Kind::Model(&HOOK))),
        field("isApproved", Kind::Bool),
        field("cost", Kind::Number),
        field("mount", MOUNTS).literal(),
        field("inputs", Kind::List(&Kind::Model(&IO))).literal(),
        field("outputs", Kind::List(&Kind::Model(&IO))).literal(),
        field("run", Kind::Run).literal(),
        field("template", Kind::Model(&TEMPLATE)).literal(),
        custom("hubRef", check_hub_ref).literal(),
        field("dagRef", Kind::Text).literal(),
        field("urlRef", Kind::Text).literal(),
        field("pathRef", Kind::Text).literal(),
        params_field(),
        field("component", Kind::Component).literal(),
        field("runPatch", Kind::RunPatch).literal(),
        field("patchStrategy", Kind::OneOf(PATCH_STRATEGIES)).literal(),
        field("isPreset", Kind::Bool).literal(),
        field("matrix", MATRIX).literal(),
        field("schedule", SCHEDULE).literal(),
        field("joins", Kind::List(&Kind::Model(&JOIN))).literal(),
        field("events", Kind::List(&Kind::Model(&EVENT))),
        field("dependencies", Kind::List(&Kind::Text)),
        field(
            "trigger",
            Kind::OneOf(&[
                "all_succeeded",
                "all_failed",
                "all_done",
                "one_succeeded",
                "one_failed",
                "one_done",
            ]),
        ),
        field("conditions", Kind::Text),
        field("skipOnUpstreamSkip", Kind::Bool).literal(),
        field("container", Kind::Kubernetes(&CONTAINER)).literal(),
        custom("cmd", check_command),
        custom("env", check_variables).literal(),
        custom("resources", check_resources).literal(),
        field("ports", Kind::List(&PORT)),
        field("environment", Kind::Model(&ENVIRONMENT)),
        field("init", Kind::List(&Kind::Model(&INIT))),
        field("connections", Kind::List(&Kind::Text)),
        field("sidecars", Kind::List(&Kind::Kubernetes(&CONTAINER))),
        field("volumes", Kind::List(&Kind::Kubernetes(&VOLUME))),
    ],
)
.with_rules(root_rules);

/// A component inside of a dag.
pub(crate) const COMPONENT_KIND: Kind = Kind::Component;

/// An operation inside of a dag.
pub(crate) const OPERATION_KIND: Kind = Kind::Model(&ROOT);

/// A file: the root of a document.
pub(crate) fn check_file(checker: &mut Checker, node: &Node) -> Json {
    checker.run_kind = find_run_kind(node).map(str::to_owned);
    checker.model(node, &ROOT, &Path::ROOT)
}

/// A component inside of an operation; its `kind` may be left out.
pub(crate) fn check_component(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let kind = node.value.as_mapping().and_then(|map| map.get("kind"));
    if let Some(kind) = kind.filter(|entry| entry.value.value.as_text() == Some("operation")) {
        checker
            .error(
                Code::UnknownKind,
                &kind.value,
                &path.field("kind"),
                "a component is needed here, and this is an operation",
            )
            .help = Some("write `kind: component`, or name its component instead".into());
    }
    checker.model(node, &ROOT, path)
}

/// The kind of the run of a document or of the component that it contains.
pub(crate) fn find_run_kind(node: &Node) -> Option<&str> {
    let map = node.value.as_mapping()?;
    let own = map
        .get("run")
        .and_then(|entry| entry.value.value.as_mapping()?.get("kind"))
        .and_then(|entry| entry.value.value.as_text());
    own.or_else(|| find_run_kind(&map.get("component")?.value))
}

fn root_rules(
    checker: &mut Checker,
    node: &Node,
    map: &Mapping,
    out: &mut Map<String, Json>,
    path: &Path<'_>,
) {
    let is_set = |name: &str| !out.get(name).is_none_or(Json::is_null);
    if out.get("isPreset") == Some(&json!(true)) {
        return;
    }
    let set: Vec<&str> = REFERENCES
        .iter()
        .copied()
        .filter(|name| is_set(name))
        .collect();
    if let [first, second, ..] = set.as_slice() {
        let at = written(map, second).map_or(node, |entry| &entry.key);
        let message = format!(
            "at most one reference names the component, and these are two: `{first}`, `{second}`"
        );
        checker
            .error(Code::TooManyReferences, at, path, message)
            .help = Some("keep one of them".into());
    }
}

fn check_version(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    checker.kind(node, &Kind::Number, path)
}

fn check_kind(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    match node.value.as_text() {
        Some(kind) if KINDS.contains(&kind) => kind.into(),
        Some(kind) => {
            let message = format!("there is no file of kind `{kind}`");
            let help = suggest::value(kind, &["operation", "component"]);
            checker.error(Code::UnknownKind, node, path, message).help = Some(help);
            node.to_json()
        }
        None => checker.wrong_type(node, path, "text"),
    }
}

fn check_name(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let json = checker.text(node, path);
    let is_valid = json.as_str().is_none_or(|name| {
        is_template(name)
            || !name.is_empty()
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
    });
    if !is_valid {
        let name = json.as_str().unwrap_or_default();
        let message =
            format!("`{name}` cannot be a name: names consist of letters, digits, `-` and `_`");
        let proposal: String = name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() || letter == '_' {
                    letter
                } else {
                    '-'
                }
            })
            .collect();
        let diagnostic = checker.error(Code::BadValue, node, path, message);
        diagnostic.help =
            (!proposal.trim_matches('-').is_empty()).then(|| format!("for example `{proposal}`"));
    }
    json
}

/// A reference to a component of the hub.
pub(crate) fn check_hub_ref(checker: &mut Checker, node: &Node, path: &Path<'_>) -> Json {
    let json = checker.text(node, path);
    match json.as_str().map(HubRef::parse) {
        Some(Err(error)) => {
            checker
                .error(Code::BadReference, node, path, error.to_string())
                .help =
                Some("it is `name`, `name:version`, `owner/name` or `owner/name:version`".into());
        }
        Some(Ok(_)) if node.value.as_text().is_some_and(|text| text.ends_with(':')) => {
            let message = "the version is empty and counts as `latest`";
            checker
                .warning(Code::BadReference, node, path, message)
                .help = Some("remove the colon".into());
        }
        _ => {}
    }
    json
}
