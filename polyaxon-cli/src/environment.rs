//! The process environment, read in one place and replaceable in tests.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

const OWNER: &str = "POLYAXON_OWNER";
const PROJECT: &str = "POLYAXON_PROJECT";

/// Environment variables that this program reads.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    values: BTreeMap<String, String>,
    of_folder: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Environment {
    /// Names only: values may be secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

impl Environment {
    /// The variables of this process; values that are not UTF-8 are left out.
    pub(crate) fn of_process() -> Self {
        let values = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            values,
            ..Self::default()
        }
    }

    /// Variables given by a test.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(pairs: [(&str, &str); N]) -> Self {
        let values = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            values,
            ..Self::default()
        }
    }

    /// Adds what the folder is bound to, for variables that are not set. The owner belongs to the project.
    pub(crate) fn with_folder(mut self, owner: Option<String>, project: String) -> Self {
        if self.get(PROJECT).is_none() {
            if let Some(owner) = owner
                && self.get(OWNER).is_none()
            {
                self.of_folder.insert(OWNER, owner);
            }
            self.of_folder.insert(PROJECT, project);
        }
        self
    }

    /// Whether the value of a variable is not a variable's, but the folder's.
    pub(crate) fn is_of_folder(&self, name: &str) -> bool {
        self.of_folder.contains_key(name)
    }

    /// The value of a variable; empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .filter(|value| !value.is_empty())
            .or_else(|| self.of_folder.get(name))
            .map(String::as_str)
    }

    /// Where this program keeps its files: `POLYAXON_HOME`, else `~/.polyaxon`.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        if let Some(home) = self.get("POLYAXON_HOME") {
            return Some(PathBuf::from(home));
        }
        self.user_home()
    }

    /// `~/.polyaxon`.
    pub(crate) fn user_home(&self) -> Option<PathBuf> {
        let user_home = self
            .get("HOME")
            .map(PathBuf::from)
            .or_else(|| etcetera::home_dir().ok())?;
        Some(user_home.join(".polyaxon"))
    }
}
