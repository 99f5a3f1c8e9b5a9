//! Hub and agent as processes, and namespaces of a real cluster in which the agent launches Jobs.

mod namespace;
mod outage;

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use ureq::Agent;

use self::namespace::variable;
pub use self::namespace::{Namespace, kubectl};
pub use self::outage::{Outage, SmallLogs};
use crate::build::{check_lines, check_one_end, ended};
use crate::command::{Output, eventually, run};
use crate::services::Services;
use crate::testbed::Testbed;

/// Longest time that a command on the cluster, or an end that must come, may take.
const LIMIT: Duration = Duration::from_mins(2);

/// Types of manifests that images in the registries have.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                         application/vnd.oci.image.manifest.v1+json";

/// What an agent's file has beside what every test needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgentFile<'a> {
    /// Lines of `executor.kubernetes`, with four spaces before each.
    pub executor: &'a str,
    /// Lines of the file itself.
    pub settings: &'a str,
    /// Items of `connections`.
    pub connections: &'a str,
    /// Another image that builds.
    pub executor_image: Option<&'a str>,
    /// Number of `additionalNamespaces`.
    pub additional_namespaces: usize,
}

/// Hub and agent as processes, and namespaces with the secret of the registry; all of it goes when dropped.
///
/// The agent has the rights of the shipped Role, and no others.
#[derive(Debug)]
pub struct ClusterServices {
    services: Services,
    /// That of the agent, and the additional ones.
    namespaces: Vec<Namespace>,
    executor_image: String,
    /// A part of the cluster was away.
    had_outage: AtomicBool,
}

impl ClusterServices {
    /// Makes the namespace, starts hub and agent, and waits until the agent is ready.
    ///
    /// # Errors
    /// The cluster of the testbed is not there, or one of both does not come up.
    pub fn start() -> Result<Self> {
        Self::start_with(&AgentFile::default())
    }

    /// The same with more in `agent.yaml`.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub fn start_with(file: &AgentFile<'_>) -> Result<Self> {
        let registry = variable("POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY")?;
        let executor_image = match file.executor_image {
            Some(image) => image.to_owned(),
            None => variable("POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE")?,
        };
        let testbed = Testbed {
            binaries: variable("POLYAXON_E2E_BINARIES")?.into(),
            registry,
            engine_socket: PathBuf::from("/nonexistent"),
            executor_image: executor_image.clone(),
            pod_image: PathBuf::from("/nonexistent"),
        };
        let mut cluster = Self {
            services: Services::prepare(testbed)?,
            namespaces: Vec::new(),
            executor_image,
            had_outage: AtomicBool::new(false),
        };
        cluster.make_namespaces(1 + file.additional_namespaces)?;
        std::fs::write(cluster.path("agent.yaml"), cluster.agent_file(file)?)?;
        cluster.services.start_both()?;
        Ok(cluster)
    }

    fn make_namespaces(&mut self, count: usize) -> Result<()> {
        let unique = self
            .folder()
            .file_name()
            .map(|name| name.to_string_lossy().to_lowercase())
            .unwrap_or_default();
        let unique: String = unique.chars().filter(char::is_ascii_alphanumeric).collect();
        let home = format!("plx-e2e-{unique}");
        for number in 0..count {
            let name = match number {
                0 => home.clone(),
                _ => format!("{home}-{number}"),
            };
            let namespace = Namespace::create(&name)?;
            namespace.put_secrets(&self.testbed().registry, self.folder())?;
            namespace.put_role(&home)?;
            if number == 0 {
                std::fs::write(self.path("agent.kubeconfig"), namespace.kubeconfig()?)?;
            }
            self.namespaces.push(namespace);
        }
        Ok(())
    }

    fn agent_file(&self, file: &AgentFile<'_>) -> Result<String> {
        let mirror = variable("POLYAXON_E2E_CLUSTER_REGISTRY")?;
        let pod_image = variable("POLYAXON_E2E_CLUSTER_POD_IMAGE")?;
        let mut names = self.namespaces.iter().map(Namespace::name);
        let namespace = names.next().unwrap_or_default();
        let additional: Vec<&str> = names.collect();
        Ok(format!(
            "namespace: {namespace}
additionalNamespaces: [{additional}]
artifactsStore:
  name: artifacts-store
  kind: host_path
  schema: {{hostPath: {store}, mountPath: /plx-artifacts}}
connections:
- name: docker-connection
  kind: registry
  schema: {{url: {registry}}}
  secret: {{name: registry, mountPath: /kaniko/.docker}}
{connections}executorImage: {executor_image}
registryMirrors: [{mirror}]
insecureRegistries: [{mirror}]
{settings}executor:
  kubernetes:
    name: e2e
    kubeconfig: agent.kubeconfig
    podImage: {pod_image}
    caBundle: {{configMap: authorities}}
{executor}",
            additional = additional.join(", "),
            // The node of the testbed is this machine.
            store = self.path("store").display(),
            registry = self.testbed().registry,
            connections = file.connections,
            executor_image = self.executor_image,
            settings = file.settings,
            executor = file.executor,
        ))
    }

    /// The namespaces of runs, the agent's own first.
    #[must_use]
    pub fn namespaces(&self) -> &[Namespace] {
        &self.namespaces
    }

    /// An address of this machine that pods reach, for servers of tests.
    ///
    /// # Errors
    /// `POLYAXON_E2E_CLUSTER_GATEWAY` does not name one.
    pub fn address_for_pods(&self) -> Result<IpAddr> {
        let name = "POLYAXON_E2E_CLUSTER_GATEWAY";
        let address = variable(name)?;
        address
            .parse()
            .with_context(|| format!("`{name}` is `{address}`, which is no address"))
    }

    /// `kubectl` in the agent's own namespace.
    ///
    /// # Errors
    /// It fails.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        let Some(home) = self.namespaces.first() else {
            anyhow::bail!("there is no namespace yet");
        };
        home.kubectl(arguments)
    }

    /// The objects of a kind that belong to a run.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn objects(&self, kind: &str, uuid: &str) -> Result<Vec<Value>> {
        let selector = format!("operation.polyaxon.com/uuid={uuid}");
        let mut objects = Vec::new();
        for namespace in &self.namespaces {
            let output = namespace.kubectl(&["get", kind, "-l", &selector, "-o", "json"])?;
            let mut list: Value = serde_json::from_str(&output.stdout)?;
            if let Value::Array(items) = list["items"].take() {
                objects.extend(items);
            }
        }
        Ok(objects)
    }

    /// Kills a service of `deploy/testbed/cluster.sh`, or `node`: kubelet, containerd and every pod. It is started
    /// again at the latest when the value is dropped.
    ///
    /// # Errors
    /// It is another cluster than that of the testbed, or there is no such service.
    pub fn without(&self, what: &'static str) -> Result<Outage> {
        self.had_outage.store(true, Ordering::Relaxed);
        Outage::begin(what)
    }

    /// Lets the kubelet rotate logs at this size (`256Ki`), until the value is dropped.
    ///
    /// # Errors
    /// It is another cluster than that of the testbed, or the kubelet does not come up.
    pub fn with_small_logs(&self, size: &str) -> Result<SmallLogs> {
        self.had_outage.store(true, Ordering::Relaxed);
        SmallLogs::begin(size)
    }

    /// The run has succeeded, once and at the first attempt, its digest confirmed, with all of its lines, and has
    /// left nothing.
    ///
    /// # Errors
    /// What is not so, with the logs of hub and agent.
    pub fn check_whole(&self, uuid: &str, lines: usize) -> Result<()> {
        let whole = || {
            let run = ended(self, uuid)?;
            ensure!(run["status"] == "succeeded", "{run:#}");
            ensure!(
                run["attempt"] == 1 && run["build"]["confirmed"] == true,
                "{run:#}"
            );
            check_lines(&self.whole_log(uuid)?, lines)?;
            check_one_end(self, uuid)?;
            self.wait_until_gone(uuid)
        };
        whole().with_context(|| self.log())
    }

    /// Waits until a run has left nothing in the cluster.
    ///
    /// # Errors
    /// Something stays, or the agent was refused something that it asked of the cluster.
    pub fn wait_until_gone(&self, uuid: &str) -> Result<()> {
        eventually(LIMIT, || {
            let left = self.objects("jobs,pods", uuid)?;
            let names: Vec<&Value> = left
                .iter()
                .map(|object| &object["metadata"]["name"])
                .collect();
            ensure!(names.is_empty(), "left: {names:?}");
            Ok(())
        })?;
        // An API server that has just started refuses everything for a moment.
        if self.had_outage.load(Ordering::Relaxed) {
            return Ok(());
        }
        let log = std::fs::read_to_string(self.path("polyaxon-agent.log"))?;
        let refused = log.lines().find(|line| line.contains("forbidden: User"));
        ensure!(
            refused.is_none(),
            "the shipped Role is too small: {refused:?}"
        );
        Ok(())
    }

    /// Names of what is in the namespaces and was not there at the start.
    ///
    /// # Errors
    /// The cluster does not answer.
    pub fn leftovers(&self) -> Result<Vec<String>> {
        const KINDS: &str = "jobs,pods,secrets,configmaps,services,persistentvolumeclaims";
        const OURS: [&str; 3] = [
            "secret/registry",
            "configmap/authorities",
            "configmap/kube-root-ca.crt",
        ];
        let mut left = Vec::new();
        for namespace in &self.namespaces {
            let names = namespace.kubectl(&["get", KINDS, "-o", "name"])?.stdout;
            left.extend(names.lines().map(str::to_owned));
        }
        left.retain(|name| !OURS.contains(&name.as_str()));
        Ok(left)
    }

    /// Gives an image of the registry without a password another tag.
    ///
    /// # Errors
    /// The registry does not have it, or does not want it.
    pub fn tag(&self, repository: &str, tag: &str, other: &str) -> Result<()> {
        let registry = variable("POLYAXON_E2E_CLUSTER_REGISTRY")?;
        let url = |tag: &str| format!("http://{registry}/v2/{repository}/manifests/{tag}");
        let agent = Agent::config_builder().proxy(None).build().new_agent();
        let mut answer = agent.get(url(tag)).header("accept", MANIFESTS).call()?;
        let kind = answer.headers().get("content-type").cloned();
        let manifest = answer.body_mut().read_to_vec()?;
        let kind = kind.context("the registry does not say what it has")?;
        let put = agent.put(url(other)).header("content-type", kind);
        put.send(&manifest[..])?;
        Ok(())
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
        let accept = format!("Accept: {MANIFESTS}");
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
                .args(["--user", credentials.trim(), "--header", &accept, &url]),
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
        // Before the namespaces: it would go on in them.
        let _ = self.services.kill_agent();
    }
}
