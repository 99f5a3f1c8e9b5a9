//! What a pod says of its containers.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};

/// Init containers, in the order of the pod.
pub(super) fn init_statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    list(pod, |status| status.init_container_statuses.as_ref())
}

/// The others.
pub(super) fn container_statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    list(pod, |status| status.container_statuses.as_ref())
}

/// All of them, init containers first.
pub(super) fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    init_statuses(pod).chain(container_statuses(pod))
}

/// That of one container.
pub(super) fn status_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a ContainerStatus> {
    statuses(pod).find(|status| status.name == container)
}

/// Whether a container runs, as far as its kubelet has said.
pub(super) fn is_running(status: &ContainerStatus) -> bool {
    let state = status.state.as_ref();
    state.is_some_and(|state| state.running.is_some())
}

/// How far the pod is, in one word.
pub(super) fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

/// Whether the pod as a whole has ended.
pub(super) fn pod_is_over(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Reason and message of a condition that has this value.
pub(super) fn condition<'a>(pod: &'a Pod, kind: &str, value: &str) -> Option<(&'a str, &'a str)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions
        .iter()
        .find(|condition| condition.type_ == kind && condition.status == value)?;
    Some((
        found.reason.as_deref().unwrap_or_default(),
        found.message.as_deref().unwrap_or_default(),
    ))
}

fn list(
    pod: &Pod,
    which: impl Fn(&PodStatus) -> Option<&Vec<ContainerStatus>>,
) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.as_ref().and_then(which).into_iter().flatten()
}
