//! The variables that the pod plan gives to a container, and the folders that they name.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the volume with the artifacts of the run is mounted.
pub(crate) const ARTIFACTS_ROOT: &str = "/plx-context/artifacts";
/// Where the volume with the credentials of the run is mounted.
pub(crate) const CONFIGS_ROOT: &str = "/plx-context/.configs";

/// What a step knows about its pod.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    artifacts_root: PathBuf,
}

impl Environment {
    /// The variables of this process. A variable that is no UTF-8 is left out.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            variables,
            artifacts_root: PathBuf::from(ARTIFACTS_ROOT),
        }
    }

    /// An environment for tests.
    #[cfg(test)]
    pub(crate) fn new(variables: &[(&str, &str)], artifacts_root: &std::path::Path) -> Self {
        Self {
            variables: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            artifacts_root: artifacts_root.to_owned(),
        }
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The uuid of the run: the last part of `POLYAXON_RUN_INSTANCE`
    /// (`owner.project.runs.uuid`), if it is a plain name.
    pub(crate) fn run_uuid(&self) -> Option<&str> {
        let uuid = self.get("POLYAXON_RUN_INSTANCE")?.rsplit('.').next()?;
        let plain = !uuid.is_empty()
            && uuid
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        plain.then_some(uuid)
    }

    /// The folder of the run in the artifacts volume.
    pub(crate) fn run_folder(&self) -> Option<PathBuf> {
        Some(self.artifacts_root.join(self.run_uuid()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::path::Path;

    #[rstest]
    #[case(Some("acme.vision.runs.8aac02e3"), Some("8aac02e3"))]
    #[case(Some("8aac02e3"), Some("8aac02e3"))]
    #[case(Some("acme.vision.runs."), None)]
    #[case(Some("acme.vision.runs.a/b"), None)]
    #[case(Some(""), None)]
    #[case(None, None)]
    fn the_uuid_is_the_last_part(#[case] instance: Option<&str>, #[case] uuid: Option<&str>) {
        let variables: Vec<_> = instance
            .map(|value| ("POLYAXON_RUN_INSTANCE", value))
            .into_iter()
            .collect();
        let environment = Environment::new(&variables, Path::new("/a"));
        assert_eq!(environment.run_uuid(), uuid);
        assert_eq!(
            environment.run_folder(),
            uuid.map(|uuid| Path::new("/a").join(uuid))
        );
    }
}
