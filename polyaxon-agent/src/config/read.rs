//! Reading `agent.yaml`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Settings;
use crate::planning::{Catalog, CatalogError, catalog_keys};

/// Root keys that belong to [`Settings`].
pub const OWN_KEYS: [&str; 15] = [
    "executor",
    "engine",
    "executorImage",
    "keepExecutorImage",
    "executorImages",
    "registryMirrors",
    "insecureRegistries",
    "caBundle",
    "proxies",
    "buildResources",
    "policy",
    "queues",
    "requireConfirmation",
    "maxRetries",
    "maxRuns",
];

/// Why `agent.yaml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{path}`: {source}; give the agent's file with `--config`", path = path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not YAML, or not a mapping.
    #[error("{name}: not a valid agent configuration: {reason}")]
    Syntax {
        /// Name of the file.
        name: String,
        /// What the reader said, with line and column.
        reason: String,
    },
    /// A root key that nobody knows.
    #[error("{name}{place}: unknown key `{key}`{hint}", hint = suggestion(.nearest.as_deref()))]
    UnknownKey {
        /// Name of the file.
        name: String,
        /// `:line:column`, or empty.
        place: String,
        /// The key as written.
        key: String,
        /// The known key that is nearest.
        nearest: Option<String>,
    },
    /// A value of the wrong shape.
    #[error("{name}{place}: `{path}`: {reason}")]
    Value {
        /// Name of the file.
        name: String,
        /// `:line:column`, or empty.
        place: String,
        /// Path of the field.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The catalog part is wrong.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

/// Reads the file; relative paths in it are relative to its folder.
pub fn read_file(path: &Path) -> Result<(Settings, Catalog), ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let (mut settings, catalog) = read(&path.display().to_string(), &text)?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    settings.resolve_paths(absolute.parent().unwrap_or(Path::new(".")));
    Ok((settings, catalog))
}

/// Reads the text of an `agent.yaml` called `name`.
pub fn read(name: &str, text: &str) -> Result<(Settings, Catalog), ConfigError> {
    let root: Value = serde_yaml::from_str(text).map_err(|error| ConfigError::Syntax {
        name: name.to_owned(),
        reason: error.to_string(),
    })?;
    let root = match root {
        Value::Object(root) => root,
        Value::Null => Map::new(),
        _ => {
            return Err(ConfigError::Syntax {
                name: name.to_owned(),
                reason: "the file is not a mapping of keys to values".to_owned(),
            });
        }
    };
    let mut own = Map::new();
    for (key, value) in root {
        if OWN_KEYS.contains(&key.as_str()) {
            own.insert(key, value);
        } else if !catalog_keys().contains(&key.as_str()) {
            return Err(ConfigError::UnknownKey {
                name: name.to_owned(),
                place: place(text, &key),
                nearest: nearest(&key),
                key,
            });
        }
    }
    let settings = serde_path_to_error::deserialize(Value::Object(own)).map_err(|error| {
        let path = error.path().to_string();
        ConfigError::Value {
            name: name.to_owned(),
            place: place(text, &path),
            reason: error.into_inner().to_string(),
            path,
        }
    })?;
    Ok((settings, Catalog::read(name, text)?))
}

/// Where the field of a dotted path stands: each name is looked for after the one before it.
fn place(text: &str, path: &str) -> String {
    let mut from = 0;
    let mut found = None;
    for name in path.split('.') {
        let name = name.split('[').next().unwrap_or(name);
        for (number, line) in text.lines().enumerate().skip(from) {
            let key = line.trim_start_matches([' ', '-', '{']);
            if key
                .strip_prefix(name)
                .is_some_and(|rest| rest.trim_start().starts_with(':'))
            {
                from = number;
                found = Some((number + 1, line.len() - key.len() + 1));
                break;
            }
        }
    }
    found.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"))
}

fn nearest(key: &str) -> Option<String> {
    OWN_KEYS
        .iter()
        .chain(catalog_keys())
        .map(|known| (strsim::damerau_levenshtein(key, known), known))
        .filter(|(distance, _)| *distance <= 3)
        .min()
        .map(|(_, known)| (*known).to_owned())
}

#[cfg(test)]
mod tests {
    use polyaxon_spec::kaniko::DEFAULT_EXECUTOR_IMAGE;

    use super::super::{ClusterCaBundle, Kubernetes, Network, UserNamespaces};
    use super::*;

    fn refusal(text: &str) -> String {
        read("agent.yaml", text).expect_err("refused").to_string()
    }

    #[test]
    fn settings_are_read() {
        let (settings, _) = read(
            "agent.yaml",
            "namespace: builds\nengine: {socket: /run/x.sock, network: bridge, secretsDir: secrets}\n\
             executorImage: localhost/kaniko:1\nregistryMirrors: ['127.0.0.1:5000']\nqueues:\n- name: gpu\n  priority: 3\n",
        )
        .expect("read");
        assert_eq!(settings.engine.network, Network::Bridge);
        assert_eq!(settings.executor_image(), "localhost/kaniko:1");
        assert_eq!(settings.queues[0].concurrency, -1);
        assert!(
            settings
                .executor_repositories()
                .contains(&"localhost/kaniko:1".to_owned())
        );
    }

    #[test]
    fn a_cluster_takes_the_place_of_the_engine() {
        let text = "namespace: builds\nexecutor:\n  kubernetes:\n    kubeconfig: k\n    caBundle: {configMap: ca}\n    userNamespaces: never\n";
        let (settings, _) = read("agent.yaml", text).expect("read");
        let cluster = settings.executor.kubernetes.expect("a cluster");
        assert_eq!(cluster.name, "polyaxon-agent");
        assert_eq!(cluster.unschedulable_timeout, 600);
        assert_eq!(cluster.log_streams, 500);
        assert_eq!(cluster.user_namespaces, UserNamespaces::Never);
        assert_eq!(
            cluster.ca_bundle.as_ref().map(ClusterCaBundle::key),
            Some("ca.crt")
        );
        let (settings, _) =
            read("agent.yaml", "namespace: a\nexecutor: {kubernetes: {}}\n").expect("read");
        assert_eq!(settings.executor.kubernetes, Some(Kubernetes::default()));
        assert!(refusal("executor: {nomad: {}}\n").contains("`kubernetes`"));
    }

    #[test]
    fn defaults_need_no_file_content() {
        let (settings, _) = read("agent.yaml", "").expect("read");
        assert_eq!(settings.executor_image(), DEFAULT_EXECUTOR_IMAGE);
        assert_eq!(settings.max_runs(), 10);
        assert_eq!(settings.engine.network, Network::Host);
    }

    #[test]
    fn refusals_say_where_and_what() {
        for (text, expected) in [
            (
                "namespace: x\nconection: []\n",
                "agent.yaml:2:1: unknown key `conection`; did you mean `connections`?",
            ),
            ("zzzzzzzz: 1\n", "agent.yaml:1:1: unknown key `zzzzzzzz`"),
            (
                "engine:\n  sockett: x\n",
                "agent.yaml:2:3: `engine.sockett`: unknown field `sockett`, expected one of \
                 `socket`, `network`, `secretsDir`, `configMapsDir`, `claimsDir`, `podImage`",
            ),
            (
                "engine:\n  network: overlay\n",
                "agent.yaml:2:3: `engine.network`: unknown variant `overlay`, expected `host` or `bridge`",
            ),
            (
                "maxRetries: -1\n",
                "agent.yaml:1:1: `maxRetries`: invalid value: integer `-1`, expected u32",
            ),
        ] {
            assert_eq!(refusal(text), expected);
        }
        assert!(refusal("- a\n").contains("not a mapping"));
        assert!(refusal("a: [\n").contains("line"));
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("agent.yaml");
        std::fs::write(
            &path,
            "engine: {secretsDir: secrets}\ncaBundle: /etc/ca.pem\n",
        )
        .expect("write");
        let (settings, _) = read_file(&path).expect("read");
        assert_eq!(
            settings.engine.secrets_dir,
            Some(folder.path().join("secrets"))
        );
        assert_eq!(settings.ca_bundle, Some(PathBuf::from("/etc/ca.pem")));
    }
}
