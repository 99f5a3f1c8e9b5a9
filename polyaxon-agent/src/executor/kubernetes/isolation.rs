//! What really stands between a build and its node.
//!
//! A pod that asks for a user namespace gets one only where kernel, runtime and kubelet agree, and old
//! nodes ignore the wish. So each node that a build has come to is asked once, by a pod of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use tokio::sync::OnceCell;

use super::KubernetesExecutor;
use crate::executor::{Isolation, Seen, Sights};
use crate::planning::KeptPlan;

/// What is known of nodes, by name, as long as the process lives.
#[derive(Debug, Default)]
pub(super) struct Nodes(Mutex<HashMap<String, Arc<OnceCell<bool>>>>);

impl Nodes {
    /// The answer of a node, or the place for it: those who wait there ask once.
    fn answer(&self, node: &str) -> Arc<OnceCell<bool>> {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(nodes.entry(node.to_owned()).or_default())
    }

    /// A pod on the node has shown it.
    pub(super) fn learn(&self, node: &str, real: bool) {
        let _known_already = self.answer(node).set(real);
    }
}

/// What a pod says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    /// It has no node yet.
    Early,
    /// It does not ask for a user namespace.
    None,
    /// It asks this node for one.
    Of(String),
}

fn wish(pod: &Pod) -> Wish {
    let spec = pod.spec.as_ref();
    let node = spec.and_then(|spec| spec.node_name.clone());
    match (node, spec.and_then(|spec| spec.host_users)) {
        (_, None | Some(true)) => Wish::None,
        (None, Some(false)) => Wish::Early,
        (Some(node), Some(false)) => Wish::Of(node),
    }
}

impl KubernetesExecutor {
    /// Tells what stands between a build and its node, once it has one.
    pub(super) async fn tell_isolation(&self, plan: &KeptPlan, seen: &Sights) {
        if plan.build.is_none() {
            return;
        }
        let mut changes = self.cluster.subscribe(&plan.key);
        let isolation = loop {
            changes.catch_up();
            let pod = self.cluster.snapshot(&plan.key).pod;
            match pod.map_or(Wish::Early, |pod| wish(&pod)) {
                Wish::None => break Isolation::DroppedCapabilities,
                Wish::Of(node) => break Box::pin(self.isolation_on(&node)).await,
                Wish::Early => {}
            }
            changes.changed().await;
        };
        seen.tell(Seen::Isolation(isolation));
    }

    /// What a pod gets on the node that asks for a user namespace; the lesser where nobody knows.
    async fn isolation_on(&self, node: &str) -> Isolation {
        let answer = self.nodes.answer(node);
        let shown = answer
            .get_or_try_init(|| async {
                let shown = self.probe_user_namespaces(Some(node)).await?;
                if !shown.real {
                    tracing::warn!(node, "this node gives builds no user namespaces");
                }
                Ok::<_, String>(shown.real)
            })
            .await;
        match shown {
            Ok(true) => Isolation::UserNamespace,
            Ok(false) => Isolation::DroppedCapabilities,
            Err(reason) => {
                tracing::warn!(
                    node,
                    reason,
                    "whether it gives builds user namespaces is not known"
                );
                Isolation::DroppedCapabilities
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_without_a_node_is_early() {
        for (spec, wanted) in [
            (json!({"containers": []}), Wish::None),
            (
                json!({"containers": [], "hostUsers": true, "nodeName": "a"}),
                Wish::None,
            ),
            (json!({"containers": [], "hostUsers": false}), Wish::Early),
            (
                json!({"containers": [], "hostUsers": false, "nodeName": "a"}),
                Wish::Of("a".to_owned()),
            ),
        ] {
            let pod = serde_json::from_value(json!({"spec": spec})).expect("a pod");
            assert_eq!(wish(&pod), wanted, "{spec}");
        }
    }

    #[test]
    fn a_node_says_it_once() {
        let nodes = Nodes::default();
        nodes.learn("a", true);
        nodes.learn("a", false);
        assert_eq!(nodes.answer("a").get(), Some(&true));
        assert_eq!(nodes.answer("b").get(), None);
    }
}
