//! What the nodes of the testbed can do is used.

use polyaxon_agent::config::UserNamespaces;
use polyaxon_agent::executor::{Executor, Isolation, Observation};
use polyaxon_agent::planning::BuildPlan;
use serde_json::Value;

use crate::cluster::{Cluster, Watch, connect};

async fn launch_build(cluster: &Cluster, line: &str) -> Watch {
    let mut plan = cluster.plan(line);
    plan.build = Some(BuildPlan {
        pushes: false,
        ..BuildPlan::default()
    });
    cluster.launch(plan).await
}

/// `hostUsers` of its pod.
fn host_users(cluster: &Cluster, watch: &Watch) -> Value {
    let selector = format!("operation.polyaxon.com/uuid={}", watch.key.run);
    let mut pods = cluster.json(&["get", "pods", "-l", &selector]);
    pods["items"][0]["spec"]["hostUsers"].take()
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_build_is_in_a_user_namespace_where_a_pod_has_shown_that_it_is_real() {
    let cluster = Cluster::start().await;
    let restricted = "pod-security.kubernetes.io/enforce=restricted";
    crate::cluster::kubectl(&["label", "namespace", &cluster.namespace, restricted]);
    cluster.executor.prepare().await;
    crate::cluster::kubectl(&[
        "label",
        "namespace",
        &cluster.namespace,
        "pod-security.kubernetes.io/enforce-",
    ]);
    let mut watch = launch_build(&cluster, "cat /proc/self/uid_map; exec sleep 20").await;
    assert_eq!(watch.isolation().await, Isolation::UserNamespace);
    watch.wait_for(&Observation::Running).await;
    assert_eq!(host_users(&cluster, &watch), false);
    let left = cluster.kubectl(&["get", "pods", "-o", "name"]);
    assert_eq!(left.lines().count(), 1, "a probe is left: {left}");
    cluster.executor.stop(&watch.key).await.expect("stopped");
    watch.ending().await;
    cluster.executor.remove(&watch.key).await.expect("removed");
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_build_asks_for_no_user_namespace_that_nothing_has_shown() {
    let cluster = Cluster::start().await;
    cluster.kubectl(&["create", "quota", "none", "--hard=pods=0"]);
    let applies = "--for=jsonpath={.status.hard.pods}=0";
    cluster.kubectl(&["wait", "quota/none", applies, "--timeout=30s"]);
    cluster.executor.prepare().await;
    cluster.kubectl(&["delete", "quota", "none"]);
    let mut watch = launch_build(&cluster, "exec sleep 20").await;
    assert_eq!(watch.isolation().await, Isolation::DroppedCapabilities);
    assert_eq!(host_users(&cluster, &watch), Value::Null);
    cluster.executor.stop(&watch.key).await.expect("stopped");
    watch.ending().await;
    cluster.executor.remove(&watch.key).await.expect("removed");
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_node_that_nobody_asked_yet_is_asked_once() {
    let mut cluster = Cluster::start().await;
    for (wish, isolation) in [
        (UserNamespaces::Always, Isolation::UserNamespace),
        (UserNamespaces::Never, Isolation::DroppedCapabilities),
    ] {
        cluster.executor = connect(&cluster.namespace, wish).await;
        for _ in 0..2 {
            let mut watch = launch_build(&cluster, "exec sleep 8").await;
            assert_eq!(watch.isolation().await, isolation, "{wish:?}");
            watch.ending().await;
            cluster.executor.remove(&watch.key).await.expect("removed");
        }
        // Events outlive what they are about.
        let events = cluster.json(&["get", "events", "--field-selector=reason=Started"]);
        let of_probes = events["items"].as_array().expect("a list").iter();
        let started = of_probes
            .filter_map(|event| event["involvedObject"]["name"].as_str())
            .filter(|name| name.starts_with("test-probe-"))
            .count();
        assert_eq!(started, 1, "{wish:?}");
    }
}
