//! The parts that `make test` has started before the tests.

use std::path::PathBuf;

use anyhow::{Context, Result};

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
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name)
        .with_context(|| format!("`{name}` is not set: run the tests through `make test`"))
}
