//! A namespace of a real cluster in which an agent that runs outside of it launches Jobs.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::command::{Output, eventually, run};
use crate::services::Services;
use crate::testbed::Testbed;

/// Longest time that a command on the cluster may take.
const LIMIT: Duration = Duration::from_mins(2);

/// Certificate authorities of this machine, which programs in `RUN` need as well.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Hub and agent as processes, and a namespace with the secret of the registry; all of it goes when dropped.
#[derive(Debug)]
pub struct ClusterServices {
    services: Services,
    namespace: String,
}

impl ClusterServices {
    /// Makes the namespace, starts hub and agent, and waits until the agent is ready.
    ///
    /// # Errors
    /// The cluster of the testbed is not there, or one of both does not come up.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// The same with further lines for `executor.kubernetes` in `agent.yaml`.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_with(settings: &str) -> Result<Self> {
        let registry = variable("POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY")?;
        let testbed = Testbed {
            binaries: variable("POLYAXON_E2E_BINARIES")?.into(),
            registry: registry.clone(),
            engine_socket: PathBuf::from("/nonexistent"),
            executor_image: variable("POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE")?,
            pod_image: PathBuf::from("/nonexistent"),
        };
        let services = Services::prepare(testbed)?;
        let unique = services
            .folder()
            .file_name()
            .map(|name| name.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        let unique: String = unique.chars().filter(char::is_ascii_alphanumeric).collect();
        let mut cluster = Self {
            services,
            namespace: format!("plx-e2e-{unique}"),
        };
        let namespace = cluster.namespace.clone();
        kubectl(&["create", "namespace", &namespace])?;
        cluster.put_secrets(&registry)?;
        let agent = cluster.agent_config(settings)?;
        std::fs::write(cluster.path("agent.yaml"), agent)?;
        cluster.services.start_both()?;
        Ok(cluster)
    }

    fn put_secrets(&self, registry: &str) -> Result<()> {
        use std::fmt::Write as _;
        let credentials = std::fs::read_to_string(variable("POLYAXON_E2E_CLUSTER_CREDENTIALS")?)?;
        let (user, password) = credentials.trim().split_once(':').context("no password")?;
        let config = json!({"auths": {registry: {"username": user, "password": password}}});
        std::fs::write(self.path("config.json"), config.to_string())?;
        let mut authorities = std::fs::read_to_string(SYSTEM_AUTHORITIES)?;
        let own = std::fs::read_to_string(variable("POLYAXON_E2E_CLUSTER_CA")?)?;
        write!(authorities, "\n{own}")?;
        std::fs::write(self.path("ca.crt"), authorities)?;
        let file = |name: &str| format!("--from-file={}", self.path(name).display());
        self.kubectl(&[
            "create",
            "secret",
            "generic",
            "registry",
            &file("config.json"),
        ])?;
        self.kubectl(&["create", "configmap", "authorities", &file("ca.crt")])?;
        Ok(())
    }

    fn agent_config(&self, settings: &str) -> Result<String> {
        let mirror = variable("POLYAXON_E2E_CLUSTER_REGISTRY")?;
        let pod_image = variable("POLYAXON_E2E_CLUSTER_POD_IMAGE")?;
        let Testbed {
            registry,
            executor_image,
            ..
        } = self.testbed();
        Ok(format!(
            "namespace: {namespace}
artifactsStore:
  name: artifacts-store
  kind: host_path
  schema: {{hostPath: {store}, mountPath: /plx-artifacts}}
connections:
- name: docker-connection
  kind: registry
  schema: {{url: {registry}}}
  secret: {{name: registry, mountPath: /kaniko/.docker}}
executorImage: {executor_image}
registryMirrors: [{mirror}]
insecureRegistries: [{mirror}]
executor:
  kubernetes:
    name: e2e
    podImage: {pod_image}
    caBundle: {{configMap: authorities}}
{settings}",
            namespace = self.namespace,
            // The node of the testbed is this machine.
            store = self.path("store").display(),
        ))
    }

    /// Namespace of the runs.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `kubectl` in the namespace.
    ///
    /// # Errors
    /// It fails.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        let mut all = vec!["--namespace", self.namespace.as_str()];
        all.extend(arguments);
        kubectl(&all)
    }

    /// The objects of a kind that belong to a run.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn objects(&self, kind: &str, uuid: &str) -> Result<Vec<Value>> {
        let selector = format!("operation.polyaxon.com/uuid={uuid}");
        let output = self.kubectl(&["get", kind, "-l", &selector, "-o", "json"])?;
        let mut list: Value = serde_json::from_str(&output.stdout)?;
        let items = list["items"].take();
        Ok(items.as_array().cloned().unwrap_or_default())
    }

    /// Waits until a run has left nothing in the cluster.
    ///
    /// # Errors
    /// Something stays.
    pub fn wait_until_gone(&self, uuid: &str) -> Result<()> {
        eventually(LIMIT, || {
            let selector = format!("operation.polyaxon.com/uuid={uuid}");
            let left = self.kubectl(&["get", "jobs,pods", "-l", &selector, "-o", "name"])?;
            ensure!(left.stdout.trim().is_empty(), "left: {}", left.stdout);
            Ok(())
        })
    }

    /// The digest that the registry has for a tag; `None` when it has none.
    ///
    /// # Errors
    /// The registry does not answer.
    pub fn pushed_digest(&self, repository: &str, tag: &str) -> Result<Option<String>> {
        let credentials = std::fs::read_to_string(variable("POLYAXON_E2E_CLUSTER_CREDENTIALS")?)?;
        let authority = variable("POLYAXON_E2E_CLUSTER_CA")?;
        let url = format!(
            "https://{}/v2/{repository}/manifests/{tag}",
            self.testbed().registry
        );
        let accept = "Accept: application/vnd.docker.distribution.manifest.v2+json, \
                      application/vnd.oci.image.manifest.v1+json";
        let answer = run(
            Command::new("curl")
                .args([
                    "--silent",
                    "--head",
                    "--noproxy",
                    "*",
                    "--cacert",
                    &authority,
                ])
                .args(["--user", credentials.trim(), "--header", accept, &url]),
            LIMIT,
        )?
        .expect_status(0)?;
        Ok(answer.stdout.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("docker-content-digest")
                .then(|| value.trim().to_owned())
        }))
    }
}

impl Deref for ClusterServices {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.services
    }
}

impl DerefMut for ClusterServices {
    fn deref_mut(&mut self) -> &mut Services {
        &mut self.services
    }
}

impl Drop for ClusterServices {
    fn drop(&mut self) {
        // Without an agent nobody takes its finalizers off.
        let _ = self.services.kill_agent();
        if std::thread::panicking() {
            let seen = self.kubectl(&["get", "jobs,pods,events", "-o", "wide"]);
            let text = seen.map_or_else(|error| error.to_string(), |output| output.stdout);
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        }
        for kind in ["jobs", "pods"] {
            let names = self.kubectl(&["get", kind, "-o", "name"]);
            for name in names.iter().flat_map(|output| output.stdout.lines()) {
                let free = r#"{"metadata":{"finalizers":null}}"#;
                let _ = self.kubectl(&["patch", name, "--type=merge", "-p", free]);
            }
        }
        let _ = kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

fn kubectl(arguments: &[&str]) -> Result<Output> {
    let program = variable("POLYAXON_KUBECTL")?;
    run(Command::new(program).args(arguments), LIMIT)?.expect_status(0)
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name)
        .with_context(|| format!("`{name}` is not set: run the tests through `make e2e-cluster`"))
}
