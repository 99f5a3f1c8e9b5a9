//! One connection of a catalog.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value, json};

/// All kinds of connections.
pub const KINDS: [&str; 46] = [
    "host_path",
    "volume_claim",
    "gcs",
    "s3",
    "wasb",
    "registry",
    "git",
    "aws",
    "gcp",
    "azure",
    "mysql",
    "postgres",
    "oracle",
    "vertica",
    "sqlite",
    "mssql",
    "redis",
    "presto",
    "mongo",
    "cassandra",
    "ftp",
    "grpc",
    "hdfs",
    "http",
    "pig_cli",
    "hive_cli",
    "hive_metastore",
    "hive_server2",
    "jdbc",
    "jenkins",
    "samba",
    "snowflake",
    "ssh",
    "cloudant",
    "databricks",
    "segment",
    "slack",
    "teams",
    "email",
    "discord",
    "mattermost",
    "pagerduty",
    "hipchat",
    "webhook",
    "custom",
    "custom_connection",
];

/// A named registry, store, git host, ... that runs can ask for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Connection {
    /// Name, unique in the catalog.
    pub name: String,
    /// What it connects to, one of [`KINDS`].
    pub kind: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Another name for the same thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_alias: Option<bool>,
    /// Where it is: `url`, `bucket`, `volumeClaim` and `mountPath`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Map<String, Value>>,
    /// Its credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Resource>,
    /// Its settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<Resource>,
    /// Variables for the containers that ask for it, as Kubernetes writes them.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "variables"
    )]
    pub env: Vec<Value>,
    /// Annotations for the pods that ask for it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub annotations: IndexMap<String, String>,
}

/// A Secret or ConfigMap that a connection or the agent itself brings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// Name of the object.
    pub name: String,
    /// Folder for its keys; without it they become variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_path: Option<String>,
    /// Kept for files that have it; nothing reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_path: Option<String>,
    /// The keys to use; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// File mode bits, octal text as `0600` or a number.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "file_mode"
    )]
    pub default_mode: Option<i32>,
    /// Whether every run gets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_requested: Option<bool>,
}

impl Connection {
    /// Whether it is a volume: a claim or a path of the node.
    pub fn is_mount(&self) -> bool {
        matches!(self.kind.as_str(), "host_path" | "volume_claim")
    }

    /// Whether it is a bucket.
    pub fn is_bucket(&self) -> bool {
        matches!(self.kind.as_str(), "gcs" | "s3" | "wasb")
    }

    /// Whether artifacts can be kept in it.
    pub fn is_store(&self) -> bool {
        self.is_mount() || self.is_bucket()
    }

    /// A text of the schema.
    pub fn schema_text(&self, field: &str) -> Option<&str> {
        self.schema.as_ref()?.get(field)?.as_str()
    }

    /// The url of a host or repository.
    pub fn url(&self) -> Option<&str> {
        self.schema_text("url").filter(|url| !url.is_empty())
    }

    /// Path of a store, without a slash at its end: a folder or a bucket.
    pub fn store_path(&self) -> Option<String> {
        let path = if self.is_mount() {
            self.schema_text("mountPath")
        } else {
            self.schema_text("bucket")
        }?;
        let path = path.trim_end_matches('/');
        if self.kind != "wasb" {
            return Some(path.to_owned());
        }
        let rest = path.split_once("://").map_or(path, |(_, rest)| rest);
        let (authority, folder) = rest.split_once('/').unwrap_or((rest, ""));
        let container = authority
            .split_once('@')
            .map_or(authority, |(container, _)| container);
        Some(if folder.is_empty() {
            container.to_owned()
        } else {
            format!("{container}/{folder}")
        })
    }

    /// The schema for templates; empty when there is none.
    pub fn schema_value(&self) -> Value {
        Value::Object(self.schema.clone().unwrap_or_default())
    }

    /// The fields of the schema that the kind cannot do without.
    pub fn missing_fields(&self) -> Vec<&'static str> {
        let needed: &[&'static str] = match self.kind.as_str() {
            "volume_claim" => &["volumeClaim", "mountPath"],
            "host_path" => &["hostPath", "mountPath"],
            "gcs" | "s3" | "wasb" => &["bucket"],
            _ => &[],
        };
        needed
            .iter()
            .copied()
            .filter(|field| self.schema_text(field).is_none())
            .collect()
    }
}

/// Variables as Kubernetes writes them; also a mapping of names to values, or a list of pairs.
fn variables<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    let entry = |name: &str, value: &Value| {
        let text = crate::template::python::env_text(value);
        json!({"name": name, "value": text})
    };
    let wrong = || de::Error::custom("variables are a list of `{name, value}`");
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(Vec::new()),
        Value::Object(fields) => Ok(match (fields.get("name"), fields.len()) {
            (Some(Value::String(_)), 2)
                if fields.contains_key("value") || fields.contains_key("valueFrom") =>
            {
                vec![Value::Object(fields)]
            }
            _ => fields
                .iter()
                .map(|(name, value)| entry(name, value))
                .collect(),
        }),
        Value::Array(items) => items
            .into_iter()
            .map(|item| match &item {
                Value::Object(fields) if fields.get("name").is_some_and(Value::is_string) => {
                    Ok(item)
                }
                Value::Array(pair) => match pair.as_slice() {
                    [Value::String(name), value] => Ok(entry(name, value)),
                    _ => Err(wrong()),
                },
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

fn file_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i32>, D::Error> {
    let mode = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_i64(),
        Value::String(text) => i64::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
        _ => None,
    };
    mode.and_then(|mode| i32::try_from(mode).ok())
        .filter(|mode| (0..=0o7777).contains(mode))
        .map(Some)
        .ok_or_else(|| de::Error::custom("a file mode is octal text as `0600`"))
}
