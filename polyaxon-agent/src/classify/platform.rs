//! What the platform knows besides the log: our own intent, the Job, the pod, its containers.

use serde_json::Value;

use super::class::{Class, Retry};
use super::registry_error;

/// What we had asked for before the attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// A user's stop.
    Stop,
    /// The time limit of the run.
    Timeout,
}

/// State of one container, in the words of Kubernetes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerState {
    /// Name of the container.
    pub name: String,
    /// Exit status, if it ended.
    pub exit_code: Option<i32>,
    /// `OOMKilled`, `StartError`, `ImagePullBackOff`, …
    pub reason: String,
    /// The platform's sentence.
    pub message: String,
}

/// State of everything around the executor's container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformState {
    /// Reason of the Job's failure.
    pub job_reason: String,
    /// Reason on the pod: `Evicted`, `DeadlineExceeded`, …
    pub pod_reason: String,
    /// Sentence on the pod.
    pub pod_message: String,
    /// Reason of the condition `DisruptionTarget`.
    pub disruption: Option<String>,
    /// The scheduler's sentence while no node takes the pod.
    pub unschedulable: Option<String>,
    /// Why a volume cannot be mounted; Kubernetes says so in events alone, while the pod waits.
    pub mount_failure: Option<String>,
    /// Init containers in order.
    pub init: Vec<ContainerState>,
    /// The executor's container.
    pub main: ContainerState,
}

/// A class that the platform's state decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) class: Class,
    pub(super) retry: Retry,
    /// The platform's own words.
    pub(super) words: String,
}

impl Decision {
    fn new(class: Class, words: impl Into<String>) -> Self {
        Self {
            class,
            retry: class.retry(),
            words: words.into(),
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn conditions<'a>(object: &'a Value, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    object
        .pointer("/status/conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(move |condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

fn containers(pod: &Value, pointer: &str) -> Vec<ContainerState> {
    pod.pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|status| {
            let state = ["/state/terminated", "/state/waiting"]
                .iter()
                .find_map(|pointer| status.pointer(pointer))
                .unwrap_or(&Value::Null);
            ContainerState {
                name: text(status, "/name"),
                exit_code: state
                    .get("exitCode")
                    .and_then(Value::as_i64)
                    .and_then(|code| i32::try_from(code).ok()),
                reason: text(state, "/reason"),
                message: text(state, "/message"),
            }
        })
        .collect()
}

impl PlatformState {
    /// Reads a `batch/v1` Job and a `v1` Pod; absent objects are `Value::Null`. `main` names
    /// the executor's container, the first one if there is none of that name.
    pub fn of_kubernetes(job: &Value, pod: &Value, main: &str) -> Self {
        let mut others = containers(pod, "/status/containerStatuses");
        let position = others
            .iter()
            .position(|container| container.name == main)
            .unwrap_or(0);
        let main = if others.is_empty() {
            ContainerState::default()
        } else {
            others.swap_remove(position)
        };
        Self {
            job_reason: conditions(job, "Failed")
                .chain(conditions(job, "FailureTarget"))
                .map(|condition| text(condition, "/reason"))
                .next()
                .unwrap_or_default(),
            pod_reason: text(pod, "/status/reason"),
            pod_message: text(pod, "/status/message"),
            disruption: conditions(pod, "DisruptionTarget")
                .filter(|condition| text(condition, "/status") == "True")
                .map(|condition| text(condition, "/reason"))
                .next(),
            unschedulable: conditions(pod, "PodScheduled")
                .filter(|condition| text(condition, "/status") == "False")
                .map(|condition| text(condition, "/message"))
                .next(),
            mount_failure: None,
            init: containers(pod, "/status/initContainerStatuses"),
            main,
        }
    }

    /// Takes what events (a list of objects with `reason` and `message`, or a `v1` list with
    /// `items`) tell and the pod does not: volumes that cannot be mounted.
    #[must_use]
    pub fn with_events(mut self, events: &Value) -> Self {
        let listed = events.get("items").unwrap_or(events);
        self.mount_failure = listed
            .as_array()
            .into_iter()
            .flatten()
            .rev()
            .find(|event| {
                matches!(
                    event.get("reason").and_then(Value::as_str),
                    Some("FailedMount" | "FailedAttachVolume" | "FailedMapVolume")
                )
            })
            .map(|event| text(event, "/message"));
        self
    }

    /// The class that this state decides alone; `log` is the log of the failed init container.
    pub(super) fn decide(&self, init_log: &str) -> Option<Decision> {
        self.of_pod()
            .or_else(|| self.of_init(init_log))
            .or_else(|| container(&self.main))
            .or_else(|| self.of_mounts())
    }

    /// A mount may succeed later: it counts only while no container has begun.
    fn of_mounts(&self) -> Option<Decision> {
        let words = self.mount_failure.as_ref()?;
        let has_begun = self
            .init
            .iter()
            .chain([&self.main])
            .any(|container| container.exit_code.is_some());
        let is_waiting = matches!(
            self.main.reason.as_str(),
            "" | "ContainerCreating" | "PodInitializing"
        );
        (is_waiting && !has_begun).then(|| Decision::new(Class::StartError, words))
    }

    fn of_pod(&self) -> Option<Decision> {
        if self.job_reason == "DeadlineExceeded" || self.pod_reason == "DeadlineExceeded" {
            return Some(Decision::new(Class::TimedOut, "DeadlineExceeded"));
        }
        let is_lost = self.pod_reason == "NodeLost";
        if let Some(reason) = self.disruption.as_ref().filter(|_| !is_lost) {
            let class = match reason.as_str() {
                "PreemptionByScheduler" => Class::Preempted,
                // Kubernetes says so of pods alone whose node was removed.
                "DeletionByPodGC" => Class::NodeLost,
                _ => Class::Evicted,
            };
            return Some(Decision::new(class, reason));
        }
        let lower = self.pod_message.to_ascii_lowercase();
        let class = match self.pod_reason.as_str() {
            "Evicted"
                if ["ephemeral", "emptydir", "storage", "volume"]
                    .iter()
                    .any(|word| lower.contains(word)) =>
            {
                Class::DiskFull
            }
            "Evicted" => Class::Evicted,
            "Preempting" => Class::Preempted,
            "NodeLost" | "NodeShutdown" | "Terminated" | "Shutdown" => Class::NodeLost,
            _ if self.unschedulable.is_some() => {
                let words = self.unschedulable.clone().unwrap_or_default();
                return Some(Decision::new(Class::Unschedulable, words));
            }
            _ => return None,
        };
        Some(Decision::new(class, self.pod_message.trim()))
    }

    fn of_init(&self, log: &str) -> Option<Decision> {
        let failed = self
            .init
            .iter()
            .find(|container| container.exit_code != Some(0) && !container.reason.is_empty())?;
        if let Some(decision) = container(failed) {
            return Some(decision);
        }
        if failed.reason == "PodInitializing" {
            return None;
        }
        let name = failed.name.as_str();
        let class = if name.contains("git") {
            Class::InitGit
        } else if name.contains("upload") || name.contains("artifacts") {
            Class::InitUpload
        } else {
            return None;
        };
        let words = log.trim().lines().last().unwrap_or(&failed.message);
        let mut decision = Decision::new(class, without_prefix(words.trim()));
        if is_network_of_git(log) {
            decision.retry = Retry::Yes;
        }
        Some(decision)
    }
}

/// What an init step of ours says, without its name.
fn without_prefix(line: &str) -> &str {
    match line.split_once(": error: ") {
        Some((step, words)) if step.starts_with("polyaxon ") => words,
        _ => line,
    }
}

/// Words of git and its transports when the way to the server is broken.
fn is_network_of_git(log: &str) -> bool {
    registry_error::is_network(log)
        || [
            "Could not resolve host",
            "Could not resolve hostname",
            "Connection refused",
            "Failed to connect to",
            "Connection timed out",
            "Network is unreachable",
            "No route to host",
            "Temporary failure in name resolution",
            "SSL_ERROR_SYSCALL",
            "RPC failed",
            "unexpected disconnect",
            "Connection reset",
            "Operation timed out",
            "early EOF",
            "The requested URL returned error: 5",
        ]
        .iter()
        .any(|word| log.contains(word))
}

fn container(state: &ContainerState) -> Option<Decision> {
    let class = match state.reason.as_str() {
        "OOMKilled" => Class::Oom,
        "ContainerStatusUnknown" => Class::NodeLost,
        // What containerd says of a process that had died before it came back itself.
        "Unknown" if state.exit_code == Some(255) => Class::NodeLost,
        "StartError"
        | "ContainerCannotRun"
        | "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError" => Class::StartError,
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => Class::ExecutorImagePull,
        _ => return None,
    };
    let words = if state.message.is_empty() {
        &state.reason
    } else {
        &state.message
    };
    Some(Decision::new(class, words))
}
