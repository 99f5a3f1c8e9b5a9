//! Pods that nobody ends any more, because their node went away.
//!
//! A deleted pod stays as it was last seen until its kubelet says that its containers have ended. One that is cut off
//! or dead never does, and only whoever looks after the nodes knows whether it comes back. So the attempt ends, some
//! time after its containers had to be killed, and another one may begin. The pod is freed of our finalizer and no
//! more: to delete it by force would say that nothing runs there. It goes when its node comes back or is removed.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::statuses::{condition, is_running, pod_is_over, statuses};

/// The word for a pod whose node went away, as Kubernetes had it.
pub(super) const NODE_LOST: &str = "NodeLost";

/// How long a kubelet may take to say that it has killed a pod.
const SLACK: SignedDuration = SignedDuration::from_secs(30);

/// The same where the node is not known to be away: one that is there may have a process that cannot be killed yet.
const SILENCE: SignedDuration = SignedDuration::from_mins(10);

/// Until when a deleted pod is waited for; `None`: it was not deleted. `is_enough`: whether its silence is, because
/// nothing follows that it could get in the way of, or because its node did not answer.
pub(super) fn awaited_until(pod: &Pod, is_enough: bool) -> Option<Timestamp> {
    // The end of its grace period.
    let killed = pod.metadata.deletion_timestamp.as_ref()?.0;
    let wait = if is_enough || is_node_away(pod) {
        SLACK
    } else {
        SILENCE
    };
    killed.checked_add(wait).ok()
}

/// Whether the cluster deleted the pod because of its node.
fn is_node_away(pod: &Pod) -> bool {
    condition(pod, "DisruptionTarget", "True")
        .is_some_and(|(reason, _)| matches!(reason, "DeletionByTaintManager" | "DeletionByPodGC"))
}

/// Whether the cluster has ended the pod without its kubelet, which says first how the containers ended.
pub(super) fn is_written_off(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some() && pod_is_over(pod) && statuses(pod).any(is_running)
}

/// What a user reads of it.
pub(super) fn sentence(pod: &Pod) -> String {
    let spec = pod.spec.as_ref();
    let node = spec.and_then(|spec| spec.node_name.as_deref());
    format!(
        "the node `{}` is gone or does not answer, how the pod ended there is not known",
        node.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(metadata: &Value, status: &Value) -> Pod {
        let pod = json!({"metadata": metadata, "spec": {"nodeName": "n", "containers": []}, "status": status});
        serde_json::from_value(pod).expect("a pod")
    }

    #[test]
    fn a_deleted_pod_is_waited_for_until_its_grace_is_over_and_its_node_had_time_to_say_so() {
        let disrupted = |reason: &str| json!({"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": reason}]});
        // The API server names the time at which the grace period is over.
        let deleted = json!({"deletionTimestamp": "2026-01-01T00:05:10Z"});
        for (metadata, status, is_enough, wanted) in [
            (json!({}), disrupted("DeletionByTaintManager"), true, None),
            (
                deleted.clone(),
                json!({}),
                true,
                Some("2026-01-01T00:05:40Z"),
            ),
            (
                deleted.clone(),
                json!({}),
                false,
                Some("2026-01-01T00:15:10Z"),
            ),
            (
                deleted.clone(),
                disrupted("DeletionByTaintManager"),
                false,
                Some("2026-01-01T00:05:40Z"),
            ),
            (
                deleted.clone(),
                disrupted("EvictionByEvictionAPI"),
                false,
                Some("2026-01-01T00:15:10Z"),
            ),
        ] {
            let until = awaited_until(&pod(&metadata, &status), is_enough);
            let until = until.map(|at| at.to_string());
            assert_eq!(until.as_deref(), wanted, "{metadata} {status} {is_enough}");
        }
    }

    #[test]
    fn a_kubelet_ends_no_pod_whose_containers_run() {
        let deleted = json!({"deletionTimestamp": "2026-01-01T00:00:00Z"});
        let status = |phase: &str, state: Value| {
            json!({"phase": phase, "containerStatuses": [{
                "name": "m", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": state}]})
        };
        let ended = || json!({"terminated": {"exitCode": 1}});
        let runs = || json!({"running": {}});
        for (metadata, status, wanted) in [
            (&deleted, status("Failed", runs()), true),
            (&deleted, status("Failed", ended()), false),
            (&deleted, status("Running", runs()), false),
            (&json!({}), status("Failed", runs()), false),
        ] {
            assert_eq!(is_written_off(&pod(metadata, &status)), wanted, "{status}");
        }
    }
}
