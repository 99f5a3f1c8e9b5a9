//! The config of an image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::registry::manifest::Platform;

/// Time of history entries.
const HISTORY_TIME: &str = "0001-01-01T00:00:00Z";
/// Author of history entries.
const AUTHOR: &str = "kaniko";
/// `PATH` of images without a base.
const SCRATCH_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An image's config file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ImageConfig {
    /// Processor.
    pub architecture: String,
    /// Who made the base.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// Time of the build.
    #[serde(default)]
    pub created: String,
    /// One entry per instruction that made a layer, and those of the base.
    #[serde(default)]
    pub history: Vec<History>,
    /// Operating system.
    pub os: String,
    /// The layers.
    pub rootfs: RootFs,
    /// What a container of the image does.
    #[serde(default)]
    pub config: Runtime,
    /// Version of the operating system.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "String::is_empty"
    )]
    pub os_version: String,
    /// Variant of the processor.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
}

/// Where a layer comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    /// Who.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// When.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// The instruction.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Remarks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether there is no layer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

impl History {
    /// The entry of an instruction.
    pub(super) fn of(instruction: &str) -> Self {
        Self {
            author: AUTHOR.to_owned(),
            created: HISTORY_TIME.to_owned(),
            created_by: instruction.to_owned(),
            comment: String::new(),
            empty_layer: false,
        }
    }
}

/// The layers of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests before compression, lowest first.
    #[serde(default)]
    pub diff_ids: Vec<String>,
}

/// What a container of an image does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Runtime {
    /// Arguments of the entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Entry point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Environment, `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Instructions for images that are built upon this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// User, with an optional group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Working folder.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Ports, `8080/tcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposed_ports: Option<BTreeMap<String, Map<String, Value>>>,
    /// The shell of shell forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// What no instruction of the double touches.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl ImageConfig {
    /// The config of `FROM scratch`.
    pub(super) fn scratch() -> Self {
        let platform = Platform::own();
        Self {
            architecture: platform.architecture,
            os: platform.os,
            config: Runtime {
                env: Some(vec![SCRATCH_PATH.to_owned()]),
                ..Runtime::default()
            },
            ..Self::empty()
        }
    }

    /// The config of a cache entry.
    pub(super) fn empty() -> Self {
        Self {
            architecture: String::new(),
            author: String::new(),
            created: String::new(),
            history: Vec::new(),
            os: String::new(),
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: Vec::new(),
            },
            config: Runtime::default(),
            os_version: String::new(),
            variant: String::new(),
        }
    }
}

impl Runtime {
    /// Sets an environment variable in its place, or at the end.
    pub(super) fn set_variable(&mut self, name: &str, value: &str) {
        let pair = format!("{name}={value}");
        let env = self.env.get_or_insert_default();
        match env
            .iter_mut()
            .find(|old| old.split_once('=').is_some_and(|(key, _)| key == name))
        {
            Some(old) => *old = pair,
            None => env.push(pair),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_base_that_nobody_knows_stay() {
        let text = r#"{"architecture":"amd64","created":"2020-01-01T00:00:00Z","docker_version":"20","history":[],"os":"linux","rootfs":{"type":"layers","diff_ids":[]},"config":{"Cmd":["sh"],"Healthcheck":{"Test":["NONE"]},"Volumes":{"/data":{}}}}"#;
        let config: ImageConfig = serde_json::from_str(text).unwrap();
        let written = serde_json::to_value(&config).unwrap();
        assert_eq!(written["config"]["Volumes"]["/data"], serde_json::json!({}));
        assert_eq!(written["config"]["Healthcheck"]["Test"][0], "NONE");
        assert!(written.get("docker_version").is_none());
    }

    #[test]
    fn a_variable_keeps_its_place() {
        let mut runtime = Runtime {
            env: Some(vec!["A=1".to_owned(), "B=2".to_owned()]),
            ..Runtime::default()
        };
        runtime.set_variable("A", "3");
        runtime.set_variable("C", "4");
        assert_eq!(runtime.env.unwrap(), ["A=3", "B=2", "C=4"]);
    }
}
