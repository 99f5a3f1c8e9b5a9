//! What is told of attempts, from their start to their end.

use std::time::{Duration, Instant};

use polyaxon_agent::executor::{Executor, Observation};
use polyaxon_spec::plan::{ContainerPlan, Role};
use serde_json::json;

use crate::cluster::{Cluster, registry};

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_run_has_a_start_an_end_and_a_log() {
    let cluster = Cluster::start().await;
    let mut plan = cluster.plan("echo one; echo two; sleep 1; printf three");
    plan.pod.init_containers.push(ContainerPlan {
        name: "before".to_owned(),
        role: Role::Custom,
        image: plan.pod.containers[0].image.clone(),
        command: vec!["echo".to_owned(), "init".to_owned()],
        ..ContainerPlan::default()
    });
    let mut watch = cluster.launch(plan).await;
    watch.wait_for(&Observation::Running).await;
    assert_eq!(cluster.log(&watch.key, "before", true).await, "init\n");
    let mut log = cluster.log(&watch.key, "polyaxon-main", true).await;
    if !log.ends_with("three") {
        log = cluster.log(&watch.key, "polyaxon-main", false).await;
    }
    assert_eq!(log, "one\ntwo\nthree");
    let ending = watch.ending().await;
    assert!(ending.succeeded(), "{ending:?}");
    assert_eq!(ending.reason, "Completed");
    assert!(ending.main_image.contains("@sha256:"), "{ending:?}");
    cluster.executor.remove(&watch.key).await.expect("removed");
    cluster.wait_until_gone(&watch.key).await;
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn an_exit_status_comes_with_the_last_lines() {
    let cluster = Cluster::start().await;
    let mut watch = cluster.launch(cluster.plan("echo why; exit 7")).await;
    let ending = watch.ending().await;
    assert_eq!(
        (ending.exit_code, ending.reason.as_str()),
        (Some(7), "Error")
    );
    assert_eq!(ending.last_lines, ["why"]);

    let mut plan = cluster.plan("true");
    let mut init = plan.pod.containers[0].clone();
    (init.name, init.role) = ("before".to_owned(), Role::Custom);
    init.args = vec!["echo broken; exit 3".to_owned()];
    plan.pod.init_containers.push(init);
    let mut watch = cluster.launch(plan).await;
    let ending = watch.ending().await;
    assert_eq!(
        (ending.container.as_str(), ending.exit_code),
        ("before", Some(3))
    );
    assert_eq!(ending.last_lines, ["broken"]);
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn too_much_memory_has_its_own_word() {
    let cluster = Cluster::start().await;
    let mut plan = cluster.plan("tail /dev/zero");
    plan.pod.containers[0].resources = json!({"limits": {"memory": "32Mi"}});
    let mut watch = cluster.launch(plan).await;
    let ending = watch.ending().await;
    assert_eq!(ending.reason, "OOMKilled", "{ending:?}");
    let platform = ending.platform.expect("the cluster's words");
    assert_eq!(platform.main.reason, "OOMKilled");
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_pod_that_no_node_takes_is_told_and_given_up() {
    let cluster = Cluster::start().await;
    let mut plan = cluster.plan("true");
    plan.pod.containers[0].resources = json!({"requests": {"cpu": "1000"}});
    let mut watch = cluster.launch(plan).await;
    let Observation::Waiting { reason, message } = watch.observation().await else {
        panic!("it does not wait");
    };
    assert_eq!(reason, "Unschedulable");
    assert!(message.contains("Insufficient cpu"), "{message}");
    let ending = watch.ending().await;
    assert_eq!(
        (ending.reason.as_str(), ending.exit_code),
        ("Unschedulable", None)
    );
    assert!(
        ending
            .platform
            .is_some_and(|platform| platform.unschedulable.is_some())
    );
    cluster.executor.remove(&watch.key).await.expect("removed");
    cluster.wait_until_gone(&watch.key).await;
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_pod_that_is_refused_is_told_within_ten_seconds() {
    let cluster = Cluster::start().await;
    let label = "pod-security.kubernetes.io/enforce=baseline";
    crate::cluster::kubectl(&["label", "namespace", &cluster.namespace, label]);
    let mut plan = cluster.plan("true");
    plan.pod.scheduling.host_network = Some(true);
    let started = Instant::now();
    let mut watch = cluster.launch(plan).await;
    let Observation::Waiting { reason, message } = watch.observation().await else {
        panic!("it does not wait");
    };
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(reason, "FailedCreate");
    assert!(message.contains("violates PodSecurity"), "{message}");
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_quota_that_is_used_up_is_told_within_ten_seconds() {
    let cluster = Cluster::start().await;
    cluster.kubectl(&["create", "quota", "none", "--hard=pods=0"]);
    // The controller counts before it refuses.
    let started = Instant::now();
    while cluster.json(&["get", "quota", "none"])["status"]["hard"].is_null() {
        assert!(started.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let started = Instant::now();
    let mut watch = cluster.launch(cluster.plan("true")).await;
    let Observation::Waiting { reason, message } = watch.observation().await else {
        panic!("it does not wait");
    };
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(reason, "FailedCreate");
    assert!(message.contains("exceeded quota: none"), "{message}");
    let ending = watch.ending().await;
    assert_eq!(
        (ending.reason.as_str(), ending.exit_code),
        ("FailedCreate", None)
    );
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn an_image_that_does_not_come_is_told() {
    let cluster = Cluster::start().await;
    let mut plan = cluster.plan("true");
    plan.pod.containers[0].image = format!("{}/no/such:1", registry());
    let mut watch = cluster.launch(plan).await;
    let Observation::Waiting { reason, message } = watch.observation().await else {
        panic!("it does not wait");
    };
    assert_eq!(reason, "ImagePullBackOff");
    assert!(message.contains("no/such:1"), "{message}");
    cluster.executor.stop(&watch.key).await.expect("stopped");
    watch.ending().await;

    let mut plan = cluster.plan("true");
    plan.pod.containers[0].image = "Not An Image".to_owned();
    let mut watch = cluster.launch(plan).await;
    let ending = watch.ending().await;
    assert_eq!(ending.reason, "InvalidImageName", "{ending:?}");
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_deadline_of_the_job_leaves_the_log_whole() {
    let cluster = Cluster::start().await;
    let plan = cluster.plan("echo begun; sleep 60");
    let mut watch = cluster.launch(plan).await;
    watch.wait_for(&Observation::Running).await;
    let patch = r#"{"spec":{"activeDeadlineSeconds":1}}"#;
    let name = watch.key.object_name();
    cluster.kubectl(&["patch", "job", &name, "--type=merge", "-p", patch]);
    let log = cluster.log(&watch.key, "polyaxon-main", true).await;
    assert_eq!(log, "begun\n");
    let ending = watch.ending().await;
    assert_eq!(ending.reason, "DeadlineExceeded", "{ending:?}");
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_new_executor_goes_on_where_the_old_one_was() {
    let mut cluster = Cluster::start().await;
    let plan = cluster.plan("echo one; sleep 4; echo two");
    let mut watch = cluster.launch(plan.clone()).await;
    watch.wait_for(&Observation::Running).await;
    drop(watch);
    cluster.restart().await;
    assert_eq!(cluster.executor.inventory().await.expect("listed").len(), 1);
    let mut watch = cluster.watch(plan);
    watch.wait_for(&Observation::Running).await;
    let log = cluster.log(&watch.key, "polyaxon-main", true).await;
    assert_eq!(log, "one\ntwo\n");
    assert!(watch.ending().await.succeeded());
}
