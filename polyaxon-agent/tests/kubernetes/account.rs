//! The agent's own account: it may do what the shipped Role says, and nothing else.

use polyaxon_agent::executor::kubernetes::{KubernetesExecutor, KubernetesOptions};
use polyaxon_agent::executor::{Executor as _, ExecutorError};
use serde_json::{Deserializer, Value, json};
use tempfile::NamedTempFile;

use crate::cluster::{Cluster, kubectl, options, run};

/// What is shipped, the Role of the agent among it.
const MANIFESTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/kustomize/agent/agent.yaml"
);

/// Name of account, Role and binding.
pub(crate) const AGENT: &str = "agent";

/// Makes the account in a namespace unless it is there, and writes a kubeconfig of it.
pub(crate) fn kubeconfig(namespace: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": AGENT}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": AGENT}, "rules": shipped_rules()},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": AGENT},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": AGENT},
         "subjects": [{"kind": "ServiceAccount", "name": AGENT, "namespace": namespace}]},
    ]});
    std::fs::write(file.path(), objects.to_string()).expect("written");
    let path = file.path().display().to_string();
    kubectl(&["--namespace", namespace, "apply", "--filename", &path]);
    let token = kubectl(&["--namespace", namespace, "create", "token", AGENT]);
    let view = kubectl(&[
        "config",
        "view",
        "--raw",
        "--minify",
        "--flatten",
        "--output=json",
    ]);
    let mut config: Value = serde_json::from_str(&view).expect("JSON");
    config["users"][0]["user"] = json!({"token": token.trim()});
    std::fs::write(file.path(), config.to_string()).expect("written");
    file
}

fn shipped_rules() -> Value {
    let read = [
        "create",
        "--dry-run=client",
        "--output=json",
        "--filename",
        MANIFESTS,
    ];
    let objects = kubectl(&read);
    let mut objects = Deserializer::from_str(&objects)
        .into_iter::<Value>()
        .map(|object| object.expect("JSON"));
    let mut role = objects
        .find(|object| object["kind"] == "Role")
        .expect("a Role");
    role["rules"].take()
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn it_reads_no_secrets() {
    let cluster = Cluster::start().await;
    cluster.kubectl(&[
        "create",
        "secret",
        "generic",
        "registry",
        "--from-literal=config.json=x",
    ]);
    let account = kubeconfig(&cluster.namespace);
    let kubeconfig = account.path().display().to_string();
    let asked = |arguments: &[&str]| {
        let own = [
            "--kubeconfig",
            &kubeconfig,
            "--namespace",
            &cluster.namespace,
        ];
        let output = run(&[&own, arguments].concat());
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    assert_eq!(
        asked(&["get", "jobs"]),
        (
            true,
            "No resources found in ".to_owned() + &cluster.namespace + " namespace.\n"
        )
    );
    for refused in [
        &["get", "secret", "registry"][..],
        &["get", "secrets"],
        &["get", "secrets", "--watch-only"],
        &["get", "configmaps"],
        &["patch", "secret", "registry", "--patch={}"],
    ] {
        let (succeeded, words) = asked(refused);
        assert!(!succeeded, "{refused:?}");
        assert!(
            words.contains("Error from server (Forbidden)"),
            "{refused:?}: {words}"
        );
    }
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn the_context_that_is_named_is_taken_and_not_the_current_one() {
    let cluster = Cluster::start().await;
    let account = kubeconfig(&cluster.namespace);
    let text = std::fs::read_to_string(account.path()).expect("read");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    let mut broken = config["contexts"][0].clone();
    broken["name"] = json!("broken");
    broken["context"]["cluster"] = json!("nowhere");
    config["contexts"][0]["name"] = json!("good");
    let nowhere = json!({"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}});
    for (list, entry) in [("contexts", broken), ("clusters", nowhere)] {
        let entries = config[list].as_array_mut().expect("a list");
        entries.push(entry);
    }
    config["current-context"] = json!("broken");
    std::fs::write(account.path(), config.to_string()).expect("written");

    let connect = |context: Option<&str>| {
        KubernetesExecutor::connect(KubernetesOptions {
            context: context.map(str::to_owned),
            ..options(&cluster.namespace, account.path())
        })
    };
    let executor = connect(Some("good")).await.expect("connected");
    assert_eq!(executor.inventory().await.expect("listed").len(), 0);
    for (context, word) in [(None, "https://127.0.0.1:1/"), (Some("other"), "other")] {
        let Err(ExecutorError::Unavailable { action, reason }) = connect(context).await else {
            panic!("connected as {context:?}");
        };
        let said = format!("{action}: {reason}");
        assert!(said.contains(word), "{context:?}: {said}");
    }
}
