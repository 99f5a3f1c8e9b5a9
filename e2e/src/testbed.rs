//! The parts that `make test` has started before the tests.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::run;

/// Where the parts are.
#[derive(Debug, Clone)]
pub struct Testbed {
    /// Folder of the built binaries.
    pub binaries: PathBuf,
    /// Plain registry on the loopback interface, `host:port`.
    pub registry: String,
    /// Socket of a Docker or Podman engine.
    pub engine_socket: PathBuf,
    /// Image that builds: the real Kaniko or its double.
    pub executor_image: String,
    /// Image archive of `polyaxon-pod`.
    pub pod_image: PathBuf,
}

impl Testbed {
    /// Reads the variables that `deploy/testbed/test.sh` sets.
    ///
    /// # Errors
    /// Names the variable that is missing.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            binaries: variable("POLYAXON_E2E_BINARIES")?.into(),
            registry: variable("POLYAXON_E2E_REGISTRY")?,
            engine_socket: variable("POLYAXON_ENGINE_SOCKET")?.into(),
            executor_image: variable("POLYAXON_E2E_EXECUTOR_IMAGE")?,
            pod_image: variable("POLYAXON_POD_IMAGE_TAR")?.into(),
        })
    }

    /// Ids of a run's containers in the engine, with those that have ended.
    ///
    /// # Errors
    /// The engine does not answer.
    pub fn containers(&self, uuid: &str) -> Result<Vec<String>> {
        let socket = self.engine_socket.display().to_string();
        let url = format!(
            "http://engine/v1.41/containers/json?all=true&filters=%7B%22name%22%3A%5B%22{uuid}%22%5D%7D"
        );
        let listed = run(
            Command::new("curl").args(["--silent", "--fail", "--unix-socket", &socket, &url]),
            Duration::from_secs(20),
        )?
        .expect_status(0)?;
        let containers: Vec<Value> = serde_json::from_str(&listed.stdout)?;
        let mut ids: Vec<String> = containers
            .iter()
            .filter_map(|container| container["Id"].as_str().map(str::to_owned))
            .collect();
        ids.sort();
        Ok(ids)
    }
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name)
        .with_context(|| format!("`{name}` is not set: run the tests through `make test`"))
}
