//! A namespace of the cluster in which runs become Jobs, with what an agent and its builds need there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Deserializer, Value, json};

use crate::command::{Output, run};

/// Longest time that a command on the cluster may take.
const LIMIT: Duration = Duration::from_mins(2);

/// What is shipped, the Role of the agent among it.
const MANIFESTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/kustomize/agent/agent.yaml"
);

/// Name of the agent's service account, Role and binding.
const AGENT: &str = "agent";

/// A namespace that goes away when dropped, whatever an agent has left there.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes it.
    ///
    /// # Errors
    /// The cluster does not want it.
    pub fn create(name: &str) -> Result<Self> {
        kubectl(&["create", "namespace", name])?;
        Ok(Self {
            name: name.to_owned(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `kubectl` in the namespace.
    ///
    /// # Errors
    /// It fails.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        let mut all = vec!["--namespace", self.name.as_str()];
        all.extend(arguments);
        kubectl(&all)
    }

    /// The Secret of the registry, and the authorities that builds trust; files are kept in `folder`.
    pub(super) fn put_secrets(&self, registry: &str, folder: &Path) -> Result<()> {
        let login = json!({"auths": {registry: login()?}});
        let config = folder.join("config.json");
        std::fs::write(&config, login.to_string())?;
        let authorities = folder.join("ca.crt");
        std::fs::write(&authorities, all_authorities()?)?;
        let file = |path: PathBuf| format!("--from-file={}", path.display());
        let secret = ["create", "secret", "generic", "registry", &file(config)];
        self.kubectl(&secret)?;
        self.kubectl(&["create", "configmap", "authorities", &file(authorities)])?;
        Ok(())
    }

    /// Lets the agent's account of the namespace `home` do here what the shipped Role says, and
    /// nothing else. The Lease is at home only.
    pub(super) fn put_role(&self, home: &str) -> Result<()> {
        let mut rules = shipped_rules()?;
        if self.name == home {
            self.kubectl(&["create", "serviceaccount", AGENT])?;
        } else {
            rules.retain(|rule| rule["resources"] != json!(["leases"]));
        }
        let kind = |kind: &str| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": AGENT}});
        let (mut role, mut binding) = (kind("Role"), kind("RoleBinding"));
        role["rules"] = Value::Array(rules);
        binding["roleRef"] =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": AGENT});
        binding["subjects"] = json!([{"kind": "ServiceAccount", "name": AGENT, "namespace": home}]);
        self.put(&json!({"apiVersion": "v1", "kind": "List", "items": [role, binding]}))
    }

    /// Makes an object, or those of a list.
    pub(super) fn put(&self, object: &Value) -> Result<()> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), object.to_string())?;
        self.kubectl(&["create", "-f", &file.path().display().to_string()])?;
        Ok(())
    }

    /// A kubeconfig of the agent's account.
    pub(super) fn kubeconfig(&self) -> Result<String> {
        let view = [
            "config",
            "view",
            "--raw",
            "--minify",
            "--flatten",
            "-o",
            "json",
        ];
        let mut config: Value = serde_json::from_str(&kubectl(&view)?.stdout)?;
        let token = self.kubectl(&["create", "token", AGENT, "--duration=2h"])?;
        config["users"][0]["user"] = json!({"token": token.stdout.trim()});
        Ok(config.to_string())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let seen = self.kubectl(&["get", "jobs,pods,events", "-o", "wide"]);
            let text = seen.map_or_else(|error| error.to_string(), |output| output.stdout);
            let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        }
        // Without an agent nobody takes its finalizers off.
        for kind in ["jobs", "pods"] {
            let names = self.kubectl(&["get", kind, "-o", "name"]);
            for name in names.iter().flat_map(|output| output.stdout.lines()) {
                let free = r#"{"metadata":{"finalizers":null}}"#;
                let _ = self.kubectl(&["patch", name, "--type=merge", "-p", free]);
            }
        }
        let _ = kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}

/// `kubectl` on the cluster.
///
/// # Errors
/// It fails.
pub fn kubectl(arguments: &[&str]) -> Result<Output> {
    run(kubectl_command()?.args(arguments), LIMIT)?.expect_status(0)
}

/// `kubectl` on the cluster, not started yet.
pub(super) fn kubectl_command() -> Result<Command> {
    Ok(Command::new(variable("POLYAXON_KUBECTL")?))
}

/// A variable of the cluster's testbed.
///
/// # Errors
/// It is not set.
pub(super) fn variable(name: &str) -> Result<String> {
    std::env::var(name)
        .with_context(|| format!("`{name}` is not set: run the tests through `make e2e-cluster`"))
}

fn login() -> Result<Value> {
    let credentials = std::fs::read_to_string(variable("POLYAXON_E2E_CLUSTER_CREDENTIALS")?)?;
    let (user, password) = credentials.trim().split_once(':').context("no password")?;
    Ok(json!({"username": user, "password": password}))
}

/// Authorities of this machine, which programs in `RUN` need as well, and that of the registry.
fn all_authorities() -> Result<String> {
    let system = std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt")?;
    let own = std::fs::read_to_string(variable("POLYAXON_E2E_CLUSTER_CA")?)?;
    Ok(format!("{system}\n{own}"))
}

fn shipped_rules() -> Result<Vec<Value>> {
    let read = ["create", "--dry-run=client", "-o", "json", "-f", MANIFESTS];
    let objects = kubectl(&read)?.stdout;
    for object in Deserializer::from_str(&objects).into_iter::<Value>() {
        let mut object = object?;
        if object["kind"] == "Role" {
            let rules = object["rules"].take();
            let rules = rules.as_array().cloned().unwrap_or_default();
            ensure!(!rules.is_empty(), "the shipped Role allows nothing");
            return Ok(rules);
        }
    }
    anyhow::bail!("`{MANIFESTS}` has no Role")
}
