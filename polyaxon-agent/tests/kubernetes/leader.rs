//! One of two agents of a name leads.

use std::time::Duration;

use polyaxon_agent::config::UserNamespaces;

use crate::cluster::{Cluster, LIMIT, connect};

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn the_second_agent_waits_until_the_first_hands_the_lease_back() {
    let cluster = Cluster::start().await;
    let second = connect(&cluster.namespace, UserNamespaces::Auto).await;
    cluster.executor.lead("first").await.expect("it leads");
    let waited = tokio::time::timeout(Duration::from_secs(4), second.lead("second")).await;
    assert!(waited.is_err(), "two lead");
    // A process that was killed and started again is the same one.
    cluster
        .executor
        .lead("first")
        .await
        .expect("it leads again");
    cluster.executor.release("first").await;
    let taken = tokio::time::timeout(LIMIT, second.lead("second")).await;
    taken.expect("in time").expect("it leads");
    tokio::time::timeout(LIMIT, cluster.executor.lose("first"))
        .await
        .expect("the first one notices");
}
