//! Components and their versions.

use polyaxon_proto::hub::v1::{Component, Version};
use polyaxon_spec::refs::HubRef;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ui::time;

/// A component without its versions.
#[derive(Serialize)]
pub(crate) struct ComponentView {
    owner: String,
    name: String,
    description: String,
    tags: Vec<String>,
    versions: i64,
    updated_at: Option<String>,
}

impl From<&Component> for ComponentView {
    fn from(component: &Component) -> Self {
        Self {
            owner: component.owner.clone(),
            name: component.name.clone(),
            description: component.description.clone(),
            tags: component.tags.clone(),
            versions: component.versions,
            updated_at: time::exact(component.updated_at.as_ref()),
        }
    }
}

/// A version without its content.
#[derive(Serialize)]
pub(crate) struct VersionView {
    owner: String,
    name: String,
    version: String,
    digest: String,
    description: String,
    tags: Vec<String>,
    stage: String,
    mutable: bool,
    created_by: String,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl From<&Version> for VersionView {
    fn from(version: &Version) -> Self {
        Self {
            owner: version.owner.clone(),
            name: version.name.clone(),
            version: version.version.clone(),
            digest: version.digest.clone(),
            description: version.description.clone(),
            tags: version.tags.clone(),
            stage: version.stage.clone(),
            mutable: version.mutable,
            created_by: version.created_by.clone(),
            created_at: time::exact(version.created_at.as_ref()),
            updated_at: time::exact(version.updated_at.as_ref()),
        }
    }
}

/// `owner/name:version`.
pub(crate) fn full_name(version: &Version) -> String {
    format!("{}/{}:{}", version.owner, version.name, version.version)
}

/// A reference as typed, and whether its owner was typed too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedRef {
    pub(crate) hub_ref: HubRef,
    pub(crate) names_owner: bool,
    pub(crate) names_version: bool,
}

/// Reads `[OWNER/]NAME[:VERSION][@sha256:…]`.
pub(crate) fn parse_ref(text: &str) -> Result<TypedRef, String> {
    let hub_ref = HubRef::parse(text).map_err(|error| error.to_string())?;
    let unpinned = text.split('@').next().unwrap_or_default();
    let (path, version) = unpinned.split_once(':').unwrap_or((unpinned, ""));
    Ok(TypedRef {
        hub_ref,
        names_owner: path.contains(['/', '.']),
        names_version: !version.is_empty(),
    })
}

/// Keys that people look for first, in the order in which they are written by hand.
const FIRST: [&str; 14] = [
    "version",
    "kind",
    "name",
    "type",
    "description",
    "tags",
    "value",
    "isOptional",
    "container",
    "image",
    "command",
    "args",
    "inputs",
    "outputs",
];

/// A document whose keys were sorted, in an order for people.
pub(crate) fn readable(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by_key(|(name, _)| {
                FIRST
                    .iter()
                    .position(|first| first == name)
                    .unwrap_or(FIRST.len())
            });
            let fields: Map<String, Value> = fields
                .into_iter()
                .map(|(name, value)| (name, readable(value)))
                .collect();
            Value::Object(fields)
        }
        Value::Array(items) => items.into_iter().map(readable).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("kaniko", "polyaxon/kaniko:latest", false, false)]
    #[case("acme/kaniko:0.1", "acme/kaniko:0.1", true, true)]
    #[case("acme.kaniko", "acme/kaniko:latest", true, false)]
    #[case("kaniko:1.0", "polyaxon/kaniko:1.0", false, true)]
    fn references(
        #[case] text: &str,
        #[case] expected: &str,
        #[case] names_owner: bool,
        #[case] names_version: bool,
    ) {
        let typed = parse_ref(text).unwrap();
        let HubRef {
            owner,
            name,
            version,
            ..
        } = &typed.hub_ref;
        assert_eq!(format!("{owner}/{name}:{version}"), expected);
        assert_eq!(
            (typed.names_owner, typed.names_version),
            (names_owner, names_version)
        );
    }

    #[test]
    fn the_order_for_people_keeps_every_value() {
        let sorted: Value = serde_json::from_str(
            r#"{"inputs":[{"isOptional":true,"name":"a"}],"kind":"component","run":{"kind":"job"},"version":1.1}"#,
        )
        .unwrap();
        let shown = readable(sorted.clone());
        assert_eq!(shown, sorted);
        assert_eq!(
            shown.to_string(),
            r#"{"version":1.1,"kind":"component","inputs":[{"name":"a","isOptional":true}],"run":{"kind":"job"}}"#
        );
    }
}
