//! An API server that has no time for the agent.

use std::time::Duration;

use futures::future::join_all;
use polyaxon_agent::executor::{Created, Executor as _};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::assert_ours;
use crate::account::AGENT;
use crate::cluster::{Cluster, kubectl, run};

/// Jobs that are wanted at once.
const JOBS: usize = 20;

/// How long the server creates none of them.
const BUSY: Duration = Duration::from_secs(3);

/// The rules by which the server refuses Jobs of one account, until this is dropped.
struct Refusals<'a> {
    /// Of the account, and name of the rules.
    namespace: &'a str,
}

impl<'a> Refusals<'a> {
    /// Refuses them from now on.
    fn begin(namespace: &'a str) -> Self {
        assert_ours();
        let refusals = Self { namespace };
        refusals.admit(0);
        apply(&json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": namespace},
            "spec": {
                "priorityLevelConfiguration": {"name": namespace},
                "matchingPrecedence": 100,
                "rules": [{
                    "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"name": AGENT, "namespace": namespace}}],
                    "resourceRules": [{"verbs": ["create"], "apiGroups": ["batch"], "resources": ["jobs"], "namespaces": [namespace]}],
                }],
            },
        }));
        let schema = format!("flowschema/{namespace}");
        kubectl(&["wait", "--for=condition=Dangling=False", &schema]);
        refusals
    }

    /// Lets so large a share of its requests be served at a time, and refuses the others.
    fn admit(&self, shares: u32) {
        apply(&json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
            "metadata": {"name": self.namespace},
            "spec": {"type": "Limited", "limited": {
                "nominalConcurrencyShares": shares, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"},
            }},
        }));
    }

    /// How many there were.
    fn count(&self) -> usize {
        let metrics = kubectl(&["get", "--raw", "/metrics"]);
        let level = format!("priority_level=\"{}\"", self.namespace);
        metrics
            .lines()
            .filter(|line| line.starts_with("apiserver_flowcontrol_rejected_requests_total{"))
            .filter(|line| line.contains(&level))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
            .sum()
    }
}

fn apply(object: &Value) {
    let file = NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), object.to_string()).expect("written");
    let path = file.path().display().to_string();
    kubectl(&["apply", "--filename", &path]);
}

impl Drop for Refusals<'_> {
    fn drop(&mut self) {
        let kinds = "flowschemas,prioritylevelconfigurations";
        let _gone = run(&["delete", kinds, self.namespace, "--wait=false"]);
    }
}

#[tokio::test]
#[ignore = "needs the cluster of the testbed"]
async fn a_busy_server_gets_every_job_in_the_end() {
    let cluster = Cluster::start().await;
    let refusals = Refusals::begin(&cluster.namespace);
    // No node has it: only the Jobs count.
    let selector = [("polyaxon.com/node".to_owned(), "none".to_owned())];
    let plans: Vec<_> = (0..JOBS)
        .map(|_| {
            let mut plan = cluster.plan("true");
            plan.pod.scheduling.node_selector = selector.clone().into();
            plan
        })
        .collect();
    let created = join_all(plans.iter().map(|plan| cluster.executor.create(plan)));
    let served = async {
        tokio::time::sleep(BUSY).await;
        refusals.admit(100);
    };
    let (created, ()) = tokio::join!(created, served);
    for created in created {
        let created = created.expect("created");
        assert!(matches!(created, Created::New { .. }), "{created:?}");
    }
    let refused = refusals.count();
    assert!(refused >= JOBS, "{refused} were refused");
    let removed = plans.iter().map(|plan| cluster.executor.remove(&plan.key));
    for removed in join_all(removed).await {
        removed.expect("removed");
    }
}
