//! Secrets and ConfigMaps as folders of the machine: `NAME/KEY`.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::host_folders::HostFolders;
use crate::executor::ExecutorError;

/// What an object is, for messages and to find its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    ConfigMap,
    Claim,
}

impl Kind {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Secret => ("secret", "engine.secretsDir"),
            Self::ConfigMap => ("config map", "engine.configMapsDir"),
            Self::Claim => ("volume claim", "engine.claimsDir"),
        }
    }
}

/// The folders that stand for a cluster's objects.
#[derive(Debug, Clone, Default)]
pub(super) struct Objects {
    pub(super) secrets: Option<PathBuf>,
    pub(super) config_maps: Option<PathBuf>,
    pub(super) claims: Option<PathBuf>,
    /// The folders that runs may mount: no object is inside of one.
    pub(super) host: HostFolders,
}

impl Objects {
    /// Folder of an object; it exists.
    pub(super) fn folder(&self, kind: Kind, name: &str) -> Result<PathBuf, ExecutorError> {
        let folder = self.place(kind, name)?;
        if folder.exists() {
            let (word, _) = kind.words();
            self.host.resolve(&folder, false).map_err(|reason| {
                ExecutorError::Refused(format!(
                    "the {word} `{name}` is `{}` of the agent's machine: {reason}",
                    folder.display()
                ))
            })?;
        }
        if folder.is_dir() {
            return Ok(folder);
        }
        Err(missing(kind, name, &folder, "folder"))
    }

    /// Folder of an object, which may not exist yet.
    pub(super) fn place(&self, kind: Kind, name: &str) -> Result<PathBuf, ExecutorError> {
        let (word, setting) = kind.words();
        let root = match kind {
            Kind::Secret => &self.secrets,
            Kind::ConfigMap => &self.config_maps,
            Kind::Claim => &self.claims,
        };
        let root = root.as_ref().ok_or_else(|| {
            ExecutorError::Refused(format!(
                "the run needs the {word} `{name}`, but `{setting}` is not set in the agent's configuration"
            ))
        })?;
        Ok(root.join(checked(name)?))
    }

    /// File of a key; it exists.
    pub(super) fn file(&self, kind: Kind, name: &str, key: &str) -> Result<PathBuf, ExecutorError> {
        let file = self.folder(kind, name)?.join(checked(key)?);
        if file.is_file() {
            return Ok(file);
        }
        Err(missing(kind, &format!("{name}/{key}"), &file, "file"))
    }

    /// Value of a key; `None` when it is missing and may be.
    pub(super) fn value(
        &self,
        kind: Kind,
        name: &str,
        key: &str,
        optional: bool,
    ) -> Result<Option<String>, ExecutorError> {
        let file = match self.file(kind, name, key) {
            Ok(file) => file,
            Err(_) if optional => return Ok(None),
            Err(error) => return Err(error),
        };
        read(&file).map(Some)
    }

    /// Every key of an object with its value, sorted by key.
    pub(super) fn values(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<IndexMap<String, String>, ExecutorError> {
        let folder = self.folder(kind, name)?;
        let mut values = IndexMap::new();
        for key in keys(&folder)? {
            values.insert(key.clone(), read(&folder.join(key))?);
        }
        Ok(values)
    }
}

fn keys(folder: &Path) -> Result<Vec<String>, ExecutorError> {
    let unreadable = |error: std::io::Error| {
        ExecutorError::Refused(format!("cannot read `{}`: {error}", folder.display()))
    };
    let mut keys = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_file()
            && let Ok(key) = entry.file_name().into_string()
        {
            keys.push(key);
        }
    }
    keys.sort();
    Ok(keys)
}

fn read(file: &Path) -> Result<String, ExecutorError> {
    std::fs::read_to_string(file).map_err(|error| {
        ExecutorError::Refused(format!(
            "cannot read `{}` as a variable: {error}",
            file.display()
        ))
    })
}

fn missing(kind: Kind, name: &str, path: &Path, what: &str) -> ExecutorError {
    let (word, _) = kind.words();
    ExecutorError::Refused(format!(
        "the {word} `{name}` does not exist; create the {what} `{}` on the agent's machine",
        path.display()
    ))
}

/// A name that cannot lead out of its folder.
fn checked(name: &str) -> Result<&str, ExecutorError> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\', '\0']) {
        return Err(ExecutorError::Refused(format!(
            "`{name}` cannot be the name of an object or of a key"
        )));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_files_and_names_stay_inside() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::create_dir(folder.path().join("db")).expect("folder");
        std::fs::write(folder.path().join("db/user"), "me").expect("file");
        let objects = Objects {
            secrets: Some(folder.path().to_owned()),
            ..Objects::default()
        };
        let value = |name: &str, key: &str, optional: bool| {
            objects
                .value(Kind::Secret, name, key, optional)
                .map_err(|error| error.to_string())
        };
        assert_eq!(value("db", "user", false), Ok(Some("me".to_owned())));
        assert_eq!(value("db", "none", true), Ok(None));
        assert!(value("db", "none", false).is_err_and(|error| error.contains("`db/none`")));
        assert!(value("..", "db", false).is_err_and(|error| error.contains("cannot be the name")));
        assert!(
            objects
                .folder(Kind::ConfigMap, "x")
                .is_err_and(|error| error.to_string().contains("engine.configMapsDir"))
        );
        let all = objects.values(Kind::Secret, "db").expect("values");
        assert_eq!(all.get("user").map(String::as_str), Some("me"));

        let replaceable = Objects {
            host: HostFolders::new([folder.path().to_owned()]),
            ..objects
        };
        let refused = replaceable.values(Kind::Secret, "db");
        assert!(refused.is_err_and(|error| error.to_string().contains("inside of")));
    }
}
