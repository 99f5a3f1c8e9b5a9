//! The project that a folder is bound to, in `.polyaxon/project.yaml` of the folder.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::environment::Environment;
use crate::yaml_file;

/// What commands in a folder mean without `-p`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Binding {
    /// None: the configured owner, else the hub's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
    pub(crate) project: String,
    /// Where the files of the folder come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) git: Option<GitBinding>,
}

/// The repository that `--git-preset` brings into a run; one of both is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GitBinding {
    /// Address of the repository; none: that of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// Name of a git connection of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<String>,
}

impl GitBinding {
    /// A preset that clones the repository before everything else of a run.
    pub(crate) fn preset(&self, revision: Option<&str>) -> String {
        let mut git = serde_json::Map::new();
        for (name, value) in [("url", self.url.as_deref()), ("revision", revision)] {
            if let Some(value) = value {
                git.insert(name.to_owned(), value.into());
            }
        }
        let mut init = serde_json::Map::new();
        if let Some(connection) = &self.connection {
            init.insert("connection".to_owned(), connection.as_str().into());
        }
        init.insert("git".to_owned(), git.into());
        serde_json::json!({
            "isPreset": true,
            "patchStrategy": "pre_merge",
            "runPatch": { "init": [init] },
        })
        .to_string()
    }
}

impl Binding {
    /// The file of a folder that holds its binding.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join(".polyaxon").join("project.yaml")
    }

    /// The binding of a folder, if it has one.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, ConfigError> {
        yaml_file::read(&Self::path(folder))
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<PathBuf, ConfigError> {
        let path = Self::path(folder);
        yaml_file::write(&path, self)?;
        Ok(path)
    }

    /// `OWNER/NAME`, or the name.
    pub(crate) fn full_name(&self) -> String {
        match &self.owner {
            Some(owner) => format!("{owner}/{}", self.project),
            None => self.project.clone(),
        }
    }
}

/// The environment with the binding of a folder, which variables of the process overrule.
pub(crate) fn bound(environment: Environment, folder: &Path) -> Result<Environment, ConfigError> {
    Ok(match Binding::read(folder)? {
        Some(binding) => environment.with_folder(binding.owner, binding.project),
        None => environment,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn images() -> Binding {
        Binding {
            owner: Some("acme".to_owned()),
            project: "images".to_owned(),
            git: Some(GitBinding {
                url: None,
                connection: Some("code".to_owned()),
            }),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Binding::read(folder.path()).unwrap(), None);
        images().write(folder.path()).unwrap();
        assert_eq!(Binding::read(folder.path()).unwrap(), Some(images()));
        std::fs::write(Binding::path(folder.path()), "projet: x\n").unwrap();
        let error = Binding::read(folder.path()).unwrap_err();
        assert!(matches!(error, ConfigError::Invalid { .. }), "{error}");
    }

    #[test]
    fn variables_overrule_the_folder_and_the_folder_overrules_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join("config.yaml"), "owner: me\nproject: mine\n").unwrap();
        images().write(folder.path()).unwrap();
        let home = home.to_str().unwrap();
        for (environment, expected) in [
            (
                Environment::of([("POLYAXON_HOME", home)]),
                ("acme", "images"),
            ),
            (
                Environment::of([("POLYAXON_HOME", home), ("POLYAXON_PROJECT", "other")]),
                ("me", "other"),
            ),
            (
                Environment::of([("POLYAXON_HOME", home), ("POLYAXON_OWNER", "ana")]),
                ("ana", "images"),
            ),
        ] {
            let config = Config::load(bound(environment, folder.path()).unwrap()).unwrap();
            assert_eq!((&config.owner()[..], &config.project()[..]), expected);
        }
    }
}
