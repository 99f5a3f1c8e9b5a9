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

fn list(
    pod: &Pod,
    which: impl Fn(&PodStatus) -> Option<&Vec<ContainerStatus>>,
) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.as_ref().and_then(which).into_iter().flatten()
}
