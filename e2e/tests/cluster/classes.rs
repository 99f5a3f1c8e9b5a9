//! Classes of failure that a cluster, or what a build needs of it, brings about: those of recorded runs, live.

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{at_once, check_one_end, ended, get, wait_for_text};
use polyaxon_e2e::cluster::{AgentFile, ClusterServices, kubectl};
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::git_server::GitServer;
use serde_json::{Value, json};

use crate::failures::class;
use crate::stop::stop;
use crate::{END, SMALL, image, open_registry, operation, patched, with_init};

/// A taint that every pod tolerates for minutes, but for one that says otherwise.
const TAINT: &str = "node.kubernetes.io/unreachable";

/// A build that fails, and how.
struct Case {
    /// Name of the recorded run.
    name: &'static str,
    operation: String,
    /// What befalls it once it runs.
    fate: Option<fn(&ClusterServices, &Value) -> Result<()>>,
    class: &'static str,
    retry: &'static str,
    attempts: u32,
    /// In its message.
    words: &'static str,
}

impl Case {
    fn new(name: &'static str, operation: String, class: &'static str) -> Self {
        Self {
            name,
            operation,
            fate: None,
            class,
            retry: "no",
            attempts: 1,
            words: "",
        }
    }

    fn says(self, words: &'static str) -> Self {
        Self { words, ..self }
    }

    fn may_pass(self) -> Self {
        self.retry("yes")
    }

    fn retry(self, retry: &'static str) -> Self {
        Self { retry, ..self }
    }

    fn check(&self, cluster: &ClusterServices) -> Result<()> {
        let uuid = cluster.queue(&self.operation)?;
        if let Some(fate) = self.fate {
            wait_for_text(cluster, &uuid, "begun")?;
            let pods = cluster.objects("pods", &uuid)?;
            fate(cluster, pods.first().context("no pod")?)?;
        }
        let run = ended(cluster, &uuid)?;
        ensure!(run["status"] == "failed", "{run:#}");
        ensure!(class(&run)? == self.class, "{run:#}");
        ensure!(run["failure"]["retry"] == self.retry, "{run:#}");
        ensure!(run["attempt"] == self.attempts, "{run:#}");
        ensure!(run["message"].to_string().contains(self.words), "{run:#}");
        check_one_end(cluster, &uuid)?;
        cluster.wait_until_gone(&uuid)
    }
}

/// A class of higher priority than that of any other pod of the tests; it goes away when dropped.
struct Priority(String);

impl Priority {
    fn create(name: &str) -> Result<Self> {
        kubectl(&["create", "priorityclass", name, "--value=1"])?;
        Ok(Self(name.to_owned()))
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        let _ = kubectl(&["delete", "priorityclass", &self.0]);
    }
}

fn node_of(pod: &Value) -> Result<&str> {
    pod["spec"]["nodeName"].as_str().context("no node")
}

fn taint_its_node(cluster: &ClusterServices, pod: &Value) -> Result<()> {
    let (node, name) = (node_of(pod)?, pod["metadata"]["name"].as_str());
    let name = name.context("no name")?;
    kubectl(&["taint", "node", node, &format!("{TAINT}=:NoExecute")])?;
    let deleted = eventually(END, || {
        let get = ["get", "pod", name, "--ignore-not-found", "-o", "json"];
        let seen = cluster.kubectl(&get)?.stdout;
        ensure!(
            seen.is_empty() || seen.contains("deletionTimestamp"),
            "{seen}"
        );
        Ok(())
    });
    // Where the cluster was not faster.
    let _ = kubectl(&["taint", "node", node, &format!("{TAINT}:NoExecute-")]);
    deleted
}

/// A pod of higher priority that goes to the same node, and not beside it; all others may stay. It asks for no room, so that nobody else
/// has to go.
fn take_its_place(cluster: &ClusterServices, pod: &Value) -> Result<()> {
    let labels = &pod["metadata"]["labels"];
    let uuid = "operation.polyaxon.com/uuid";
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let node = json!({"key": "metadata.name", "operator": "In", "values": [node_of(pod)?]});
    let rival = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "rival"},
        "spec": {
            "priorityClassName": cluster.namespaces()[0].name(),
            "terminationGracePeriodSeconds": 0,
            "affinity": {
                "nodeAffinity": {required: {"nodeSelectorTerms": [{"matchFields": [node]}]}},
                "podAntiAffinity": {required: [{
                    "labelSelector": {"matchLabels": {uuid: labels[uuid]}},
                    "topologyKey": "kubernetes.io/hostname",
                }]},
            },
            "containers": [{
                "name": "sleeps",
                "image": image("library/busybox:1.36")?,
                "command": ["sleep", "300"],
            }],
        },
    });
    let file = cluster.path("rival.json");
    std::fs::write(&file, rival.to_string())?;
    cluster.kubectl(&["create", "-f", &file.display().to_string()])?;
    Ok(())
}

/// Those that fail by themselves.
fn cases(git: &GitServer) -> Vec<Case> {
    let init = |tag: &str, step: &str| with_init(&operation(tag, "true"), step);
    let (gone, there) = (git.url("gone"), git.url("repository"));
    let not_valid = init(
        "not-valid",
        "container: {name: wrong, image: 'localhost/Not-Valid:1'}",
    );
    let writes = patched(
        &operation(
            "volume",
            "dd if=/dev/zero of=/scratch/large bs=1M count=64; sleep 300",
        ),
        "container: {volumeMounts: [{name: scratch, mountPath: /scratch}]}",
    );
    vec![
        Case::new(
            "init_git-01",
            init("git", &format!("git: {{url: '{gone}'}}")),
            "init_git",
        )
        .says("gone.git"),
        Case::new(
            "init_git-02",
            init(
                "revision",
                &format!("git: {{url: '{there}', revision: v9}}"),
            ),
            "init_git",
        )
        .says("v9"),
        Case::new(
            "start_error-01",
            patched(
                &operation("command", "true"),
                "container: {command: [/nope/executor]}",
            ),
            "start_error",
        )
        .says("/nope/executor"),
        Case::new(
            "registry_network-10",
            operation("nobody", "true").replace("docker-connection", "nobody"),
            "registry_network",
        )
        .may_pass()
        .says("could not be reached"),
        Case::new(
            "push_auth-01",
            operation("stranger", "true").replace("docker-connection", "stranger"),
            "push_auth",
        )
        .says("did not accept the login"),
        Case::new(
            "disk_full-05",
            patched(
                &writes,
                "volumes: [{name: scratch, emptyDir: {sizeLimit: 30Mi}}]",
            ),
            "disk_full",
        )
        .retry("once")
        .says("exceeds the limit"),
        Case {
            attempts: 2,
            ..Case::new(
                "executor_image_pull-02",
                not_valid.replace("maxRetries: 0", "maxRetries: 1"),
                "executor_image_pull",
            )
            .may_pass()
            .says("Not-Valid")
        },
        Case::new(
            "executor_image_pull-03",
            init(
                "never",
                "container: {name: never, image: 'localhost/never:1', imagePullPolicy: Never}",
            ),
            "executor_image_pull",
        )
        .may_pass()
        .says("localhost/never:1"),
    ]
}

/// Those that the cluster takes away.
fn disrupted() -> Vec<Case> {
    let endless = |tag: &str| operation(tag, "echo begun; sleep 300");
    let toleration =
        format!("{{key: {TAINT}, operator: Exists, effect: NoExecute, tolerationSeconds: 0}}");
    let preempted = Case {
        fate: Some(take_its_place),
        ..Case::new("preempted-01", endless("preempted"), "preempted")
            .may_pass()
            .says("higher priority")
    };
    let evicted = Case {
        fate: Some(taint_its_node),
        ..Case::new(
            "evicted-02",
            patched(
                &endless("evicted"),
                &format!("environment: {{tolerations: [{toleration}]}}"),
            ),
            "evicted",
        )
        .may_pass()
        .says("off its node")
    };
    // Nodes of another cluster are not the tests' own.
    let is_own = std::env::var("POLYAXON_E2E_CLUSTER").is_ok_and(|kind| kind == "testbed");
    [preempted]
        .into_iter()
        .chain(is_own.then_some(evicted))
        .collect()
}

/// start_error-02: a ConfigMap may still come, so that the run waits and says for what.
fn check_missing_config_map(cluster: &ClusterServices) -> Result<()> {
    let variable = "{name: X, valueFrom: {configMapKeyRef: {name: nosuch, key: x}}}";
    let line = format!("container: {{env: [{variable}]}}");
    let uuid = cluster.queue(&patched(&operation("missing", "true"), &line))?;
    eventually(END, || {
        let run = get(cluster, &uuid)?;
        ensure!(run["status"] == "warning", "{run:#}");
        ensure!(run["reason"] == "CreateContainerConfigError", "{run:#}");
        ensure!(run["message"].to_string().contains("nosuch"), "{run:#}");
        Ok(())
    })?;
    stop(cluster, &uuid)
}

#[test]
#[ignore = "needs the cluster of the testbed: `make e2e-cluster`"]
fn what_a_cluster_does_to_a_build_has_its_class() -> Result<()> {
    let _turn = crate::shared_turn();
    let gateway = std::env::var("POLYAXON_E2E_CLUSTER_GATEWAY")?;
    let registry = std::env::var("POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY")?;
    let cluster = ClusterServices::start_with(&AgentFile {
        settings: SMALL,
        connections: &format!(
            "{}{}",
            open_registry("nobody", &format!("{gateway}:1")),
            open_registry("stranger", &registry)
        ),
        ..AgentFile::default()
    })?;
    let _priority = Priority::create(cluster.namespaces()[0].name())?;
    let git = GitServer::start_on(
        cluster.address_for_pods()?,
        "repository",
        &[("Dockerfile", "FROM busybox:1.36\n")],
    )?;
    let mut cases = cases(&git);
    cases.extend(disrupted());
    let cases: Vec<Option<&Case>> = cases.iter().map(Some).chain([None]).collect();
    at_once(&cases, |case| match case {
        Some(case) => case.check(&cluster).context(case.name),
        None => check_missing_config_map(&cluster).context("start_error-02"),
    })
}
