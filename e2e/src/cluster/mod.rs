//! Hub and agent, as processes or as our charts install them, and namespaces of a real cluster in which the agent launches Jobs.

mod charts;
mod deployed;
mod namespace;
mod outage;
mod registry;

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use self::deployed::Deployed;
use self::namespace::variable;
pub use self::namespace::{Namespace, kubectl};
pub use self::outage::{Outage, SmallLogs};
use crate::build::{check_lines, check_one_end, ended};
use crate::command::{Output, eventually};
use crate::services::Services;
use crate::testbed::Testbed;

/// Longest time that a command on the cluster, or an end that must come, may take.
const LIMIT: Duration = Duration::from_mins(2);

/// What an agent's file has beside what every test needs.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgentFile<'a> {
    /// Lines of `executor.kubernetes`, with four spaces before each.
    pub executor: &'a str,
    /// Lines of the file itself.
    pub settings: &'a str,
    /// Items of `connections`.
    pub connections: &'a str,
    /// Further `insecureRegistries`.
    pub insecure_registries: &'a [String],
    /// Another image that builds.
    pub executor_image: Option<&'a str>,
    /// Number of `additionalNamespaces`.
    pub additional_namespaces: usize,
}

/// Where hub and agent run, as `POLYAXON_E2E_PLACE` says. A test need not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    /// Processes of this machine, beside the cluster; what it says where nothing is said.
    Processes,
    /// In the cluster, as our charts install them; the command line comes through a port-forward.
    Charts,
}

impl Where {
    fn from_environment() -> Result<Self> {
        let name = "POLYAXON_E2E_PLACE";
        let place = std::env::var(name).unwrap_or_default();
        Ok(match place.as_str() {
            "" | "processes" => Self::Processes,
            "charts" => Self::Charts,
            _ => bail!("`{name}` is `{place}`: say `processes` or `charts`"),
        })
    }
}

/// Whether the cluster is that of the testbed, whose node is this machine.
fn is_testbed() -> bool {
    std::env::var("POLYAXON_E2E_CLUSTER").is_ok_and(|kind| kind == "testbed")
}

/// Hub and agent, and namespaces with the secret of the registry; all of it goes when dropped.
///
/// The agent has the rights of the shipped Role, and no others.
#[derive(Debug)]
pub struct ClusterServices {
    /// Before the namespaces: they would go on in them.
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
        let place = Where::from_environment()?;
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
        match place {
            Where::Processes => cluster.prepare_processes(file)?,
            Where::Charts => cluster.install_charts(file)?,
        }
        let started = cluster.services.start_both();
        started.with_context(|| cluster.log())?;
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
            self.namespaces.push(namespace);
        }
        Ok(())
    }

    fn home(&self) -> Result<&Namespace> {
        self.namespaces.first().context("there is no namespace yet")
    }

    fn prepare_processes(&self, file: &AgentFile<'_>) -> Result<()> {
        let home = self.home()?;
        for namespace in &self.namespaces {
            namespace.put_role(home.name())?;
        }
        std::fs::write(self.path("agent.kubeconfig"), home.kubeconfig()?)?;
        let pod_image = variable("POLYAXON_E2E_CLUSTER_POD_IMAGE")?;
        let own =
            format!("    name: e2e\n    kubeconfig: agent.kubeconfig\n    podImage: {pod_image}\n");
        std::fs::write(self.path("agent.yaml"), self.agent_file(file, &own)?)?;
        Ok(())
    }

    fn install_charts(&mut self, file: &AgentFile<'_>) -> Result<()> {
        let text = self.agent_file(file, "")?;
        let deployed = Deployed::install(self.home()?.name(), self.folder(), &text)?;
        self.services.run_in(deployed);
        Ok(())
    }

    /// `own` are lines of `executor.kubernetes` that a chart would fill in.
    fn agent_file(&self, file: &AgentFile<'_>, own: &str) -> Result<String> {
        let mirror = variable("POLYAXON_E2E_CLUSTER_REGISTRY")?;
        let mut names = self.namespaces.iter().map(Namespace::name);
        let namespace = names.next().unwrap_or_default();
        let additional: Vec<&str> = names.collect();
        let mut insecure = vec![mirror.as_str()];
        insecure.extend(file.insecure_registries.iter().map(String::as_str));
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
insecureRegistries: [{insecure}]
{settings}executor:
  kubernetes:
{own}    caBundle: {{configMap: authorities}}
{executor}",
            additional = additional.join(", "),
            insecure = insecure.join(", "),
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
        self.home()?.kubectl(arguments)
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

    /// Waits until the pod of a run is in a phase, whether or not an agent looks at it.
    ///
    /// # Errors
    /// Its phase is another one.
    pub fn wait_for_pod(&self, uuid: &str, phase: &str) -> Result<()> {
        eventually(LIMIT, || {
            let pods = self.objects("pods", uuid)?;
            let found = pods.first().map(|pod| &pod["status"]["phase"]);
            ensure!(found.is_some_and(|found| found == phase), "{found:?}");
            Ok(())
        })
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

    /// Queues an operation while the API server is away: at once, or as soon as a command line whose way to the hub leads through
    /// the API server comes through.
    ///
    /// # Errors
    /// It is refused.
    pub fn queue_in_outage(&self, operation: &str) -> Result<String> {
        if self.has_processes() {
            self.queue(operation)
        } else {
            eventually(LIMIT, || self.queue(operation))
        }
    }

    /// Lets the kubelet rotate logs at this size (`256Ki`), until the value is dropped.
    ///
    /// # Errors
    /// As for [`Self::without`].
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
        let log = self.log_of("polyaxon-agent")?;
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
