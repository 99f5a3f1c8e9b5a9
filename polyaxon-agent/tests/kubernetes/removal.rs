//! Stopping, removing, and what others remove.

use std::time::Instant;

use polyaxon_agent::executor::{Executor, Observation};
use polyaxon_spec::k8s::FINALIZER;
use polyaxon_spec::plan::Termination;
use serde_json::json;

use crate::cluster::{Cluster, LIMIT};

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_stop_keeps_the_log_and_leaves_nothing() {
    let cluster = Cluster::start().await;
    let mut watch = cluster
        .launch(cluster.plan("trap 'echo asked; exit 1' TERM; echo begun; sleep 60 & wait"))
        .await;
    watch.wait_for(&Observation::Running).await;
    let log = cluster.log(&watch.key, "polyaxon-main", true);
    let stop = async {
        // Before, nobody would read what it wrote.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        cluster.executor.stop(&watch.key).await.expect("stopped");
    };
    let (log, ()) = tokio::join!(log, stop);
    assert_eq!(log, "begun\nasked\n");
    assert!(!watch.ending().await.succeeded());
    cluster.executor.remove(&watch.key).await.expect("removed");
    cluster.wait_until_gone(&watch.key).await;
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_stop_right_after_the_creation_leaves_nothing() {
    let cluster = Cluster::start().await;
    let mut watch = cluster.launch(cluster.plan("sleep 60")).await;
    cluster.executor.stop(&watch.key).await.expect("stopped");
    loop {
        match watch.observation().await {
            Observation::Ended(_) | Observation::Vanished => break,
            _ => {}
        }
    }
    cluster.executor.remove(&watch.key).await.expect("removed");
    cluster.wait_until_gone(&watch.key).await;
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn what_somebody_else_deletes_ends_the_attempt() {
    let cluster = Cluster::start().await;
    for what in ["job", "pod"] {
        let mut watch = cluster
            .launch(cluster.plan("echo begun; exec sleep 60"))
            .await;
        watch.wait_for(&Observation::Running).await;
        let selector = format!("operation.polyaxon.com/uuid={}", watch.key.run);
        cluster.kubectl(&[
            "delete",
            what,
            "-l",
            &selector,
            "--wait=false",
            "--grace-period=1",
        ]);
        let log = cluster.log(&watch.key, "polyaxon-main", true).await;
        assert_eq!(log, "begun\n", "{what}");
        let ending = watch.ending().await;
        assert_eq!(ending.reason, "ObjectVanished", "{what}: {ending:?}");
        assert!(
            ending.message.contains(&format!(
                "the {} was deleted",
                if what == "job" { "Job" } else { "pod" }
            )),
            "{ending:?}"
        );
        cluster.executor.remove(&watch.key).await.expect("removed");
        cluster.wait_until_gone(&watch.key).await;
    }
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_job_that_is_gone_by_force_has_vanished() {
    let cluster = Cluster::start().await;
    let mut watch = cluster.launch(cluster.plan("exec sleep 60")).await;
    watch.wait_for(&Observation::Running).await;
    let free = r#"{"metadata":{"finalizers":null}}"#;
    let name = watch.key.object_name();
    let selector = format!("operation.polyaxon.com/uuid={}", watch.key.run);
    let pod = cluster.kubectl(&["get", "pod", "-l", &selector, "-o", "name"]);
    cluster.kubectl(&["patch", "job", &name, "--type=merge", "-p", free]);
    cluster.kubectl(&["delete", "job", &name, "--cascade=orphan"]);
    cluster.kubectl(&["patch", pod.trim(), "--type=merge", "-p", free]);
    cluster.kubectl(&["delete", pod.trim(), "--force", "--grace-period=0"]);
    loop {
        match watch.observation().await {
            Observation::Vanished => break,
            Observation::Ended(ending) => {
                assert_eq!(ending.reason, "ObjectVanished");
                break;
            }
            _ => {}
        }
    }
    cluster
        .executor
        .remove(&watch.key)
        .await
        .expect("nothing left");
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_pod_without_its_job_goes_though_nobody_watches_it() {
    let cluster = Cluster::start().await;
    let plan = cluster.plan("trap 'exit 1' TERM; sleep 600 & wait");
    cluster.executor.create(&plan).await.expect("created");
    let selector = format!("operation.polyaxon.com/uuid={}", plan.key.run);
    let pods = ["pods", "-l", selector.as_str()];
    let wait = ["wait", "--for=create", "--timeout=60s"];
    cluster.kubectl(&[&wait[..], &pods].concat());
    let name = plan.key.object_name();
    let free = r#"{"metadata":{"finalizers":null}}"#;
    cluster.kubectl(&["patch", "job", &name, "--type=merge", "-p", free]);
    cluster.kubectl(&["delete", "job", &name, "--cascade=orphan"]);
    let left = cluster.json(&[&["get"][..], &pods].concat());
    let metadata = &left["items"][0]["metadata"];
    let finalizers = metadata["finalizers"].as_array().expect("finalizers");
    assert!(finalizers.contains(&json!(FINALIZER)), "{metadata}");
    assert!(metadata["deletionTimestamp"].is_null(), "{metadata}");
    cluster.wait_until_gone(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_time_to_live_is_set_once_the_outcome_is_acknowledged() {
    let cluster = Cluster::start().await;
    let mut plan = cluster.plan("true");
    plan.pod.termination = Some(Termination {
        ttl_seconds: Some(2),
        ..Termination::default()
    });
    let mut watch = cluster.launch(plan).await;
    assert!(watch.ending().await.succeeded());
    let name = watch.key.object_name();
    let started = Instant::now();
    loop {
        let job = cluster.json(&["get", "job", &name]);
        assert!(job["spec"]["ttlSecondsAfterFinished"].is_null());
        if job["status"]["succeeded"] == 1 && job["status"]["completionTime"].is_string() {
            break;
        }
        assert!(started.elapsed() < LIMIT);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    cluster.executor.remove(&watch.key).await.expect("freed");
    let started = Instant::now();
    // A pod is named until the watch shows that it is not held any more.
    while !cluster
        .executor
        .inventory()
        .await
        .expect("listed")
        .is_empty()
    {
        assert!(started.elapsed() < LIMIT);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    cluster.wait_until_gone(&watch.key).await;
}
