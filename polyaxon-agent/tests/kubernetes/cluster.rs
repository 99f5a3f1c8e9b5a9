//! A namespace of its own for each test, and plans that need nothing but a base image.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use polyaxon_agent::attempt::AttemptKey;
use polyaxon_agent::config::UserNamespaces;
use polyaxon_agent::executor::kubernetes::{KubernetesExecutor, KubernetesOptions};
use polyaxon_agent::executor::{Ending, Executor, Isolation, Observation, Seen, Sights, Told};
use polyaxon_agent::planning::{AttemptPlan, KeptPlan};
use polyaxon_spec::plan::{ContainerPlan, MAIN, PodPlan};
use serde_json::Value;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Longest wait for anything.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// One namespace with an executor for it.
pub(crate) struct Cluster {
    pub(crate) executor: Arc<KubernetesExecutor>,
    pub(crate) namespace: String,
    _with_whom: WithWhom,
}

/// Tests that stop parts of the cluster run without the others.
static CLUSTER: RwLock<()> = RwLock::const_new(());

enum WithWhom {
    Others(#[expect(dead_code, reason = "held")] RwLockReadGuard<'static, ()>),
    Nobody(#[expect(dead_code, reason = "held")] RwLockWriteGuard<'static, ()>),
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(WithWhom::Others(CLUSTER.read().await)).await
    }

    /// No other test runs until it is dropped.
    pub(crate) async fn start_alone() -> Self {
        Self::start_with(WithWhom::Nobody(CLUSTER.write().await)).await
    }

    async fn start_with(with_whom: WithWhom) -> Self {
        let namespace = format!(
            "plx-agent-{}",
            &uuid::Uuid::new_v4().simple().to_string()[..8]
        );
        kubectl(&["create", "namespace", &namespace]);
        let executor = connect(&namespace, UserNamespaces::Auto).await;
        Self {
            executor,
            namespace,
            _with_whom: with_whom,
        }
    }

    /// Another executor for the same namespace, as after a restart of the agent.
    pub(crate) async fn restart(&mut self) {
        self.executor = connect(&self.namespace, UserNamespaces::Auto).await;
    }

    /// `kubectl` in the namespace.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--namespace", self.namespace.as_str()];
        all.extend(arguments);
        kubectl(&all)
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["-o", "json"]);
        serde_json::from_str(&self.kubectl(&all)).expect("JSON")
    }

    /// A plan that runs a line of shell.
    pub(crate) fn plan(&self, line: &str) -> AttemptPlan {
        let run = uuid::Uuid::new_v4().simple().to_string();
        let key = AttemptKey::new(run, 1);
        AttemptPlan {
            pod: PodPlan {
                name: key.object_name(),
                namespace: self.namespace.clone(),
                kind: "job".to_owned(),
                containers: vec![ContainerPlan {
                    name: MAIN.to_owned(),
                    image: format!("{}/library/busybox:1.36", registry()),
                    command: vec!["/bin/sh".to_owned(), "-c".to_owned()],
                    args: vec![line.to_owned()],
                    ..ContainerPlan::default()
                }],
                ..PodPlan::default()
            },
            key,
            fence: 3,
            spec_hash: "sha256:00".to_owned(),
            build: None,
        }
    }

    /// Creates the attempt and starts to watch it.
    pub(crate) async fn launch(&self, plan: AttemptPlan) -> Watch {
        self.executor.create(&plan).await.expect("created");
        self.watch(plan)
    }

    pub(crate) fn watch(&self, plan: AttemptPlan) -> Watch {
        let (sender, seen) = Sights::new();
        let executor = Arc::clone(&self.executor);
        let plan = Arc::new(KeptPlan::whole(plan).once_launched());
        let key = plan.key.clone();
        tokio::spawn(async move { executor.run(plan, sender).await });
        Watch { seen, key }
    }

    /// What a container wrote.
    pub(crate) async fn log(&self, key: &AttemptKey, container: &str, follow: bool) -> String {
        use futures::TryStreamExt as _;
        let started = std::time::Instant::now();
        let text = loop {
            let pieces = self.executor.logs(key, container, follow);
            match pieces.try_collect::<Vec<_>>().await {
                Ok(pieces) => {
                    break pieces
                        .iter()
                        .flat_map(|piece| piece.data.to_vec())
                        .collect();
                }
                // It is read anew, as an agent does: the end of a pod is told later than that of its log.
                Err(polyaxon_agent::executor::ExecutorError::Unavailable { .. })
                    if started.elapsed() < LIMIT => {}
                Err(error) => panic!("the log of `{container}`: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        String::from_utf8(text).expect("text")
    }

    /// Waits until nothing of the attempt is left; of what nobody removes, an executor takes care once a minute.
    pub(crate) async fn wait_until_gone(&self, key: &AttemptKey) {
        let selector = format!("operation.polyaxon.com/uuid={}", key.run);
        let started = std::time::Instant::now();
        loop {
            let left = self.kubectl(&["get", "jobs,pods", "-l", &selector, "-o", "name"]);
            if left.trim().is_empty() {
                return;
            }
            assert!(started.elapsed() < LIMIT * 2, "left: {left}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Finalizers of a failed test would keep the namespace.
        for kind in ["jobs", "pods"] {
            let names = self.kubectl(&["get", kind, "-o", "name"]);
            for name in names.lines() {
                let patch = r#"{"metadata":{"finalizers":null}}"#;
                let _gone = run(&[
                    "--namespace",
                    &self.namespace,
                    "patch",
                    name,
                    "--type=merge",
                    "-p",
                    patch,
                ]);
            }
        }
        kubectl(&["delete", "namespace", &self.namespace, "--wait=false"]);
    }
}

/// What is told of an attempt.
pub(crate) struct Watch {
    pub(crate) seen: Told,
    pub(crate) key: AttemptKey,
}

impl Watch {
    pub(crate) async fn next(&mut self) -> Seen {
        tokio::time::timeout(LIMIT, self.seen.next())
            .await
            .expect("nothing is told any more")
            .expect("the watch ended")
    }

    /// The next word on the attempt as a whole.
    pub(crate) async fn observation(&mut self) -> Observation {
        loop {
            if let Seen::Attempt(observation) = self.next().await {
                return observation;
            }
        }
    }

    /// What stands between it and its node.
    pub(crate) async fn isolation(&mut self) -> Isolation {
        loop {
            if let Seen::Isolation(isolation) = self.next().await {
                return isolation;
            }
        }
    }

    pub(crate) async fn wait_for(&mut self, wanted: &Observation) {
        while self.observation().await != *wanted {}
    }

    /// How it ended.
    pub(crate) async fn ending(&mut self) -> Ending {
        loop {
            match self.observation().await {
                Observation::Ended(ending) => return ending,
                Observation::Vanished => panic!("it vanished"),
                _ => {}
            }
        }
    }
}

pub(crate) fn registry() -> String {
    variable("POLYAXON_E2E_CLUSTER_REGISTRY")
}

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("`{name}` is not set: see deploy/testbed/cluster.sh"))
}

pub(crate) async fn connect(
    namespace: &str,
    user_namespaces: UserNamespaces,
) -> Arc<KubernetesExecutor> {
    let account = crate::account::kubeconfig(namespace);
    KubernetesExecutor::connect(KubernetesOptions {
        user_namespaces,
        ..options(namespace, account.path())
    })
    .await
    .expect("connected")
}

pub(crate) fn options(namespace: &str, kubeconfig: &Path) -> KubernetesOptions {
    KubernetesOptions {
        kubeconfig: Some(kubeconfig.to_owned()),
        context: None,
        namespace: namespace.to_owned(),
        additional_namespaces: Vec::new(),
        agent: "test".to_owned(),
        pod_image: Some(variable("POLYAXON_E2E_CLUSTER_POD_IMAGE")),
        ca_key: None,
        insecure_registries: Vec::new(),
        unschedulable: Duration::from_secs(5),
        log_streams: 500,
        user_namespaces: UserNamespaces::Auto,
    }
}

pub(crate) fn run(arguments: &[&str]) -> std::process::Output {
    Command::new(variable("POLYAXON_KUBECTL"))
        .args(arguments)
        .output()
        .expect("kubectl")
}

pub(crate) fn kubectl(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "kubectl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}
