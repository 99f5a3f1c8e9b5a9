//! The name of the Job decides who was first.

use polyaxon_agent::executor::{Created, Executor, ExecutorError};

use crate::cluster::{Cluster, registry};

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_name_that_is_taken_is_adopted_or_a_conflict() {
    let cluster = Cluster::start().await;
    let plan = cluster.plan("sleep 60");
    let Created::New { uid } = cluster.executor.create(&plan).await.expect("created") else {
        panic!("not new");
    };
    let again = cluster.executor.create(&plan).await.expect("answered");
    assert_eq!(again, Created::Adopted { uid: uid.clone() });

    let mut other = plan.clone();
    other.spec_hash = "sha256:11".to_owned();
    let answer = cluster.executor.create(&other).await.expect("answered");
    assert!(
        matches!(answer, Created::Conflict { ref found } if found.contains("another content")),
        "{answer:?}"
    );

    let foreign = cluster.plan("true");
    let name = foreign.key.object_name();
    let image = format!("--image={}/library/busybox:1.36", registry());
    cluster.kubectl(&["create", "job", &name, &image, "--", "true"]);
    let answer = cluster.executor.create(&foreign).await.expect("answered");
    assert!(
        matches!(answer, Created::Conflict { ref found } if found.contains("not of an agent")),
        "{answer:?}"
    );
    cluster
        .executor
        .remove(&foreign.key)
        .await
        .expect("nothing to remove");
    cluster.kubectl(&["get", "job", &name]);

    let found = cluster.executor.inventory().await.expect("listed");
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].key, found[0].fence, &found[0].uid),
        (&plan.key, 3, &uid)
    );
    cluster.executor.remove(&plan.key).await.expect("removed");
    cluster.wait_until_gone(&plan.key).await;
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn what_the_api_server_never_takes_is_refused() {
    let cluster = Cluster::start().await;
    let mut plan = cluster.plan("true");
    plan.pod.containers[0].name = "Not A Name".to_owned();
    let refused = cluster.executor.create(&plan).await.expect_err("refused");
    assert!(
        matches!(refused, ExecutorError::Refused(ref why) if why.contains("Not A Name")),
        "{refused}"
    );
    let mut plan = cluster.plan("true");
    plan.pod.namespace = "kube-system".to_owned();
    let refused = cluster.executor.create(&plan).await.expect_err("refused");
    assert!(
        refused.to_string().contains("additionalNamespaces"),
        "{refused}"
    );
}
