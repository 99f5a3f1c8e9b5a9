//! The part of `agent.yaml` that runs are compiled with.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::catalog::{Catalog, Connection, KINDS};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::source::Source;
use crate::yaml::{self, Node, camel};

/// Root keys of `agent.yaml` that belong to the catalog; all others are the agent's own.
const CATALOG_KEYS: [&str; 11] = [
    "namespace",
    "additionalNamespaces",
    "artifactsStore",
    "connections",
    "secrets",
    "configMaps",
    "runsSa",
    "agentSecretName",
    "appSecretName",
    "init",
    "sidecar",
];

/// The configuration of an agent, as far as compiling needs it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AgentConfig {
    catalog: Catalog,
}

impl AgentConfig {
    /// Root keys that this type reads.
    pub const fn catalog_keys() -> &'static [&'static str] {
        &CATALOG_KEYS
    }

    /// Reads the catalog from an `agent.yaml`; root keys of others are left alone.
    pub fn read(source: &Source) -> Result<Self, Report> {
        let (node, _) = yaml::read(source)?;
        Self::from_node(&node)
    }

    /// Reads the catalog from a file that is parsed already.
    pub fn from_node(node: &Node) -> Result<Self, Report> {
        let Value::Object(root) = node.to_json() else {
            return Err(Report::error(
                Code::NotAMapping,
                "the agent's configuration is not a mapping; write `namespace: ...`",
            ));
        };
        let mut errors = Vec::new();
        let mut known = serde_json::Map::new();
        for (key, value) in root {
            let key = camel(&key);
            if CATALOG_KEYS.contains(&key.as_str()) && !value.is_null() {
                known.insert(key, camel_keys(value));
            }
        }
        let mut list = |key: &str| -> Vec<Connection> {
            let Some(value) = known.remove(key) else {
                return Vec::new();
            };
            let (items, is_list) = match value {
                Value::Array(items) => (items, true),
                other => (vec![other], false),
            };
            items
                .into_iter()
                .enumerate()
                .filter_map(|(index, item)| {
                    let path = if is_list {
                        format!("{key}[{index}]")
                    } else {
                        key.to_owned()
                    };
                    let read = typed(item).and_then(|connection: Connection| {
                        check_connection(&connection).map(|()| connection)
                    });
                    read.map_err(|wrong| errors.push(wrong.diagnostic(node, &path)))
                        .ok()
                })
                .collect()
        };
        let connections = list("connections");
        let artifacts_store = list("artifactsStore").into_iter().next();
        let rest: Result<Catalog, Wrong> = typed(Value::Object(known));
        let mut catalog = rest.unwrap_or_else(|wrong| {
            errors.push(wrong.diagnostic(node, ""));
            Catalog::default()
        });
        catalog.connections = connections;
        catalog.artifacts_store = artifacts_store;
        check_names(node, &catalog, &mut errors);
        match Report::from_diagnostics(errors) {
            Some(report) => Err(report),
            None => Ok(Self { catalog }),
        }
    }

    /// What runs are compiled with, and what is published to the hub.
    pub fn catalog(&self) -> Catalog {
        self.catalog.clone()
    }
}

/// What is wrong with a part of the file.
struct Wrong {
    /// The field, from the part on; empty for all of it.
    field: String,
    /// Whether the name of the field is what is wrong.
    is_name: bool,
    reason: String,
}

impl Wrong {
    fn value(field: &str, reason: String) -> Self {
        Self {
            field: field.to_owned(),
            is_name: false,
            reason,
        }
    }

    /// The finding about a part, at its place.
    fn diagnostic(&self, node: &Node, part: &str) -> Diagnostic {
        let path = match (part, self.field.as_str()) {
            (part, "") => part.to_owned(),
            ("", field) => field.to_owned(),
            (part, field) => format!("{part}.{field}"),
        };
        let message = if path.is_empty() {
            self.reason.clone()
        } else {
            format!("`{path}`: {}", self.reason)
        };
        let name = node.find_key(&path).filter(|_| self.is_name);
        let diagnostic = Diagnostic::error(Code::BadAgentConfig, message).in_field(path.as_str());
        match name.unwrap_or_else(|| node.nearest(&path)).place() {
            Some(place) => diagnostic.at(place),
            None => diagnostic,
        }
    }
}

fn error(node: &Node, path: &str, reason: &str) -> Diagnostic {
    Wrong::value(path, reason.to_owned()).diagnostic(node, "")
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Wrong> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut field = match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        };
        let reason = error.into_inner().to_string();
        let unknown = reason
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split('`').next());
        if let Some(name) = unknown {
            let parent = field.strip_suffix(name).unwrap_or(&field);
            field = match parent.trim_end_matches('.') {
                "" => name.to_owned(),
                parent => format!("{parent}.{name}"),
            };
        }
        Wrong {
            is_name: unknown.is_some(),
            field,
            reason,
        }
    })
}

fn check_connection(connection: &Connection) -> Result<(), Wrong> {
    if !KINDS.contains(&connection.kind.as_str()) {
        let kinds = KINDS.iter().copied();
        let help = match crate::model::nearest(&connection.kind, kinds) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("write one of {}", KINDS.join(", ")),
        };
        let reason = format!("`{}` is not a kind of connection; {help}", connection.kind);
        return Err(Wrong::value("kind", reason));
    }
    let missing = connection.missing_fields();
    if missing.is_empty() {
        Ok(())
    } else {
        let reason = format!(
            "a connection of kind `{}` needs `schema: {{{}: ...}}`",
            connection.kind,
            missing.join(": ..., ")
        );
        let field = if connection.schema.is_some() {
            "schema"
        } else {
            "kind"
        };
        Err(Wrong::value(field, reason))
    }
}

fn check_names(node: &Node, catalog: &Catalog, errors: &mut Vec<Diagnostic>) {
    for (index, connection) in catalog.connections.iter().enumerate() {
        let earlier = catalog.connections.iter().take(index);
        let taken = earlier
            .chain(&catalog.artifacts_store)
            .any(|other| other.name == connection.name && other != connection);
        let repeated = catalog
            .connections
            .iter()
            .take(index)
            .any(|other| other.name == connection.name);
        if taken || repeated {
            errors.push(error(
                node,
                &format!("connections[{index}].name"),
                &format!(
                    "a connection with the name `{}` exists already; names have to be unique",
                    connection.name
                ),
            ));
        }
    }
    if let Some(store) = &catalog.artifacts_store
        && !store.is_store()
    {
        errors.push(error(
            node,
            "artifactsStore.kind",
            &format!(
                "artifacts cannot be kept in a `{}`; use host_path, volume_claim, gcs, s3 or wasb",
                store.kind
            ),
        ));
    }
}

/// Both spellings of nested fields are read; maps of the user's own keys stay as they are.
fn camel_keys(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| {
                    let key = camel(&key);
                    let own_keys = matches!(key.as_str(), "annotations" | "env" | "resources");
                    let value = if own_keys { value } else { camel_keys(value) };
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(camel_keys).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Catalog, Report> {
        AgentConfig::read(&Source::new("agent.yaml", text)).map(|config| config.catalog())
    }

    #[test]
    fn reads_both_spellings_and_leaves_other_keys_alone() {
        let catalog = read(
            "namespace: builds\nadditional_namespaces: [other]\nengine: {socket: x}\n\
             artifactsStore: {name: store, kind: host_path, schema: {hostPath: /a, mount_path: /b/}}\n\
             connections:\n- name: reg\n  kind: registry\n  schema: {url: r.example}\n  \
             secret: {name: s, mountPath: /kaniko/.docker, defaultMode: '0600'}\n  \
             env: [{name: A, value: '1'}]\n- {name: map, kind: http, env: {A: 1}}\n\
             - {name: pairs, kind: http, env: [[A, true]]}\n",
        )
        .expect("valid");
        assert!(catalog.manages("other") && !catalog.manages("third"));
        let registry = catalog.connection("reg").expect("declared");
        assert_eq!(registry.url(), Some("r.example"));
        assert_eq!(
            registry.secret.as_ref().and_then(|s| s.default_mode),
            Some(0o600)
        );
        assert_eq!(catalog.connections[1].env[0]["value"], "1");
        assert_eq!(catalog.connections[2].env[0]["value"], "true");
        assert_eq!(
            catalog
                .artifacts_store
                .as_ref()
                .and_then(Connection::store_path),
            Some("/b".to_owned())
        );
        let published = serde_json::to_value(&catalog).expect("JSON");
        assert_eq!(
            serde_json::from_value::<Catalog>(published).expect("catalog"),
            catalog
        );
    }

    #[test]
    fn errors_name_the_field() {
        for (text, expected) in [
            ("- a\n", "not a mapping"),
            (
                "connections: [{name: a, kind: registri}]\n",
                "`registri` is not a kind",
            ),
            (
                "connections: [{name: a, kind: s3}]\n",
                "needs `schema: {bucket: ...}`",
            ),
            (
                "connections: [{name: a, kind: git, ur: x}]\n",
                "unknown field `ur`",
            ),
            (
                "connections: [{name: a, kind: git}, {name: a, kind: http}]\n",
                "`connections[1].name`: a connection with the name `a` exists already",
            ),
            (
                "artifactsStore: {name: a, kind: git}\n",
                "artifacts cannot be kept",
            ),
        ] {
            let report = read(text).expect_err("refused");
            assert!(report.to_string().contains(expected), "{text}: {report}");
        }
    }

    #[test]
    fn just_what_is_wrong_is_underlined() {
        for (text, expected) in [
            ("connections: [{name: a, kind: registri}]\n", "registri"),
            ("connections: [{name: a, kind: s3}]\n", "s3"),
            (
                "connections: [{name: a, kind: s3, schema: {buckt: b}}]\n",
                "{buckt: b}",
            ),
            ("connections: [{name: a, kind: git, ur: x}]\n", "ur"),
            (
                "connections: [{name: a, kind: git, secret: {name: s, mountPth: /a}}]\n",
                "mountPth",
            ),
            (
                "connections: [{name: a, kind: git, secret: {name: s, mount_path: 7}}]\n",
                "7",
            ),
            (
                "connections: [{name: a, kind: git, secret: {name: s, items: [k, [l]]}}]\n",
                "[l]",
            ),
            (
                "connections: [{name: a, kind: git, secret: {name: s, defaultMode: rw}}]\n",
                "rw",
            ),
            ("connections: [{name: a}]\n", "{name: a}"),
            ("artifactsStore: {name: a, kind: git}\n", "git"),
            ("additionalNamespaces: [a, {b: c}]\n", "{b: c}"),
            ("init: {imagePullPolcy: Always}\n", "imagePullPolcy"),
        ] {
            let report = read(text).expect_err("refused");
            let place = report.diagnostics()[0].place.as_ref().expect("a place");
            assert_eq!(&text[place.range.clone()], expected, "{text}: {report}");
        }
    }
}
