//! The agent's own account: it may do what the shipped Role says, and nothing else.

use serde_json::{Deserializer, Value, json};
use tempfile::NamedTempFile;

use crate::cluster::{Cluster, kubectl, run};

/// What is shipped, the Role of the agent among it.
const MANIFESTS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../deploy/kustomize/agent/agent.yaml"
);

/// Name of account, Role and binding.
const AGENT: &str = "agent";

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
