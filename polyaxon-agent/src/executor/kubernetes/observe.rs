//! From what the cluster says about an attempt to what is told of it. Pure: the same objects
//! give the same sight at the same time.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{
    ContainerState as State, ContainerStateTerminated, ContainerStatus, Pod,
};
use serde_json::Value;

use super::lost::{self, NODE_LOST};
use super::statuses::{
    condition, container_statuses, init_statuses, is_running, phase, pod_is_over, status_of,
    statuses,
};
use crate::classify::PlatformState;
use crate::executor::{Ending, OBJECT_VANISHED};

/// A warning about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    /// `Job` or `Pod`.
    pub(super) kind: String,
    /// One word, `FailedCreate`.
    pub(super) reason: String,
    /// A sentence.
    pub(super) message: String,
}

/// What keeps an attempt from going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: TroubleKind,
    /// One word, for the status.
    pub(super) reason: String,
    /// In the cluster's own words.
    pub(super) message: String,
}

/// How long one can wait for it to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TroubleKind {
    /// No node takes the pod, or nothing lets it be made: others may make room.
    Room,
    /// An image does not come.
    Image,
    /// It never will.
    Hopeless,
    /// Something that the pod needs is not there.
    Missing,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum View {
    /// Nothing is wrong, and main does not run yet.
    Starting,
    /// Something keeps it from starting.
    Waiting(Trouble),
    /// Main runs.
    Running,
    /// Main has ended; another container of the user's goes on.
    Leftovers,
    /// Main has ended so; a native sidecar, mostly ours, still works.
    Finishing(Ending),
    /// Somebody deletes the Job while its pod is there.
    Deleting,
    /// All of it has ended.
    Ended(Ending),
}

/// What there is to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sight {
    /// Containers that have started, now or earlier, in the order of the pod.
    pub(super) containers: Vec<String>,
    /// The attempt as a whole.
    pub(super) view: View,
    /// How long its node has to say that it has ended.
    pub(super) awaited: Option<Duration>,
}

/// Looks, `now`, at an attempt whose main container is called `main`.
pub(super) fn look(
    main: &str,
    job: &Job,
    pod: Option<&Pod>,
    notes: &[Note],
    now: Timestamp,
) -> Sight {
    let Some(pod) = pod else {
        return Sight {
            containers: Vec::new(),
            view: without_pod(job, notes),
            awaited: None,
        };
    };
    let until = lost::awaited_until(pod, is_given_up(job));
    let looked = Looked {
        main,
        job,
        pod,
        is_overdue: until.is_some_and(|until| until <= now),
    };
    Sight {
        awaited: until.map(|until| now.duration_until(until).try_into().unwrap_or_default()),
        containers: statuses(pod)
            .filter(|status| has_started(status))
            .map(|status| status.name.clone())
            .collect(),
        view: looked.view(notes),
    }
}

fn without_pod(job: &Job, notes: &[Note]) -> View {
    if let Some((reason, message)) = failed(job) {
        let (reason, message) = match reason.as_str() {
            "DeadlineExceeded" => (reason, message),
            _ => (
                OBJECT_VANISHED.to_owned(),
                "the pod was removed by somebody else".to_owned(),
            ),
        };
        return View::Ended(Ending {
            platform: Some(Box::new(platform(job, None, ""))),
            reason,
            message,
            ..Ending::default()
        });
    }
    if job.metadata.deletion_timestamp.is_some() {
        return View::Ended(deleted("the Job was deleted by somebody else"));
    }
    let note = notes
        .iter()
        .rev()
        .find(|note| note.reason == "FailedCreate");
    note.map_or(View::Starting, |note| {
        View::Waiting(Trouble {
            kind: TroubleKind::Room,
            reason: note.reason.clone(),
            message: note.message.clone(),
        })
    })
}

fn deleted(message: &str) -> Ending {
    Ending {
        reason: OBJECT_VANISHED.to_owned(),
        message: message.to_owned(),
        ..Ending::default()
    }
}

/// What a container that has ended left as its message.
pub(super) fn message_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    terminated(status_of(pod, container)?)?.message.as_deref()
}

/// Reason and message of the Job's failure.
fn failed(job: &Job) -> Option<(String, String)> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    ["Failed", "FailureTarget"].into_iter().find_map(|kind| {
        let found = conditions
            .iter()
            .find(|condition| condition.type_ == kind && condition.status == "True")?;
        Some((
            found.reason.clone().unwrap_or_default(),
            found.message.clone().unwrap_or_default(),
        ))
    })
}

/// Whether nobody wants the attempt any more: no other one follows.
fn is_given_up(job: &Job) -> bool {
    job.metadata.deletion_timestamp.is_some()
        || failed(job).is_some_and(|(reason, _)| reason == "DeadlineExceeded")
}

fn platform(job: &Job, pod: Option<&Pod>, main: &str) -> PlatformState {
    // A typed object is always JSON.
    let json = |value: Result<Value, serde_json::Error>| value.unwrap_or_default();
    let pod = pod.map_or(Value::Null, |pod| json(serde_json::to_value(pod)));
    PlatformState::of_kubernetes(&json(serde_json::to_value(job)), &pod, main)
}

fn has_started(status: &ContainerStatus) -> bool {
    let began = |state: &Option<State>| {
        state.as_ref().is_some_and(|state| {
            state.running.is_some()
                || state
                    .terminated
                    .as_ref()
                    .is_some_and(|end| end.container_id.is_some())
        })
    };
    began(&status.state) || began(&status.last_state)
}

fn terminated(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    status.state.as_ref()?.terminated.as_ref()
}

struct Looked<'a> {
    main: &'a str,
    job: &'a Job,
    pod: &'a Pod,
    /// It was deleted, and its node had the time to say that it has ended.
    is_overdue: bool,
}

impl<'a> Looked<'a> {
    fn main_status(&self) -> Option<&'a ContainerStatus> {
        container_statuses(self.pod).find(|status| status.name == self.main)
    }

    /// Whether the container is one that goes on beside main.
    fn is_native_sidecar(&self, name: &str) -> bool {
        let spec = self.pod.spec.as_ref();
        spec.and_then(|spec| spec.init_containers.as_ref())
            .into_iter()
            .flatten()
            .any(|init| init.name == name && init.restart_policy.as_deref() == Some("Always"))
    }

    fn reason(&self) -> &'a str {
        let status = self.pod.status.as_ref();
        status
            .and_then(|status| status.reason.as_deref())
            .unwrap_or_default()
    }

    fn view(&self, notes: &[Note]) -> View {
        let is_deleted = self.pod.metadata.deletion_timestamp.is_some();
        let has_node = self
            .pod
            .spec
            .as_ref()
            .is_some_and(|spec| spec.node_name.is_some());
        let main = self.main_status();
        let all_ended = statuses(self.pod).all(|status| terminated(status).is_some());
        let main_ended = main.is_some_and(|main| terminated(main).is_some());
        // A pod without a node has no kubelet that could end it.
        let is_left = is_deleted && (!has_node || self.is_overdue);
        if pod_is_over(self.pod) || is_left || (main_ended && all_ended) {
            return View::Ended(self.ending());
        }
        if self.job.metadata.deletion_timestamp.is_some() && !is_deleted {
            return View::Deleting;
        }
        if main_ended {
            let others_run =
                container_statuses(self.pod).any(|status| terminated(status).is_none());
            return if others_run {
                View::Leftovers
            } else {
                View::Finishing(self.ending())
            };
        }
        if main.is_some_and(is_running) {
            return View::Running;
        }
        match self.trouble(notes) {
            Some(trouble) => View::Waiting(trouble),
            None => View::Starting,
        }
    }

    fn trouble(&self, notes: &[Note]) -> Option<Trouble> {
        if let Some((reason, message)) = condition(self.pod, "PodScheduled", "False") {
            return Some(Trouble {
                kind: TroubleKind::Room,
                reason: reason.to_owned(),
                message: message.to_owned(),
            });
        }
        let waiting = statuses(self.pod).find_map(|status| {
            let waiting = status.state.as_ref()?.waiting.as_ref()?;
            let reason = waiting.reason.as_deref()?;
            let kind = kind_of(reason)?;
            let message = waiting.message.as_deref().unwrap_or_default();
            // The two take turns; one word keeps the status still.
            let reason = match reason {
                "ErrImagePull" | "ImagePullBackOff" => "ImagePullBackOff",
                other => other,
            };
            Some(Trouble {
                kind,
                reason: reason.to_owned(),
                message: format!("container `{}`: {message}", status.name),
            })
        });
        if waiting.is_some() {
            return waiting;
        }
        if statuses(self.pod).any(has_started) {
            return None;
        }
        let note = notes.iter().rev().find(|note| {
            matches!(
                note.reason.as_str(),
                "FailedMount" | "FailedAttachVolume" | "FailedCreatePodSandBox"
            )
        })?;
        Some(Trouble {
            kind: TroubleKind::Missing,
            reason: note.reason.clone(),
            message: note.message.clone(),
        })
    }

    /// The container that decided: an init step that failed, else main.
    fn decided(&self) -> Option<&'a ContainerStatus> {
        let main = self.main_status();
        if main.is_some_and(|main| terminated(main).is_some_and(|end| end.container_id.is_some())) {
            return main;
        }
        init_statuses(self.pod)
            .filter(|status| !self.is_native_sidecar(&status.name))
            .find(|status| terminated(status).is_some_and(|end| end.exit_code != 0))
            .or(main)
    }

    fn ending(&self) -> Ending {
        let mut platform = platform(self.job, Some(self.pod), self.main);
        // How a sidecar ended does not decide over the work.
        platform
            .init
            .retain(|container| !self.is_native_sidecar(&container.name));
        let decided = self.decided();
        let end = decided.and_then(terminated);
        let mut ending = Ending {
            container: decided.map_or_else(|| self.main.to_owned(), |status| status.name.clone()),
            exit_code: end.map(|end| end.exit_code),
            main_image: self.main_status().map(image).unwrap_or_default(),
            ..Ending::default()
        };
        (ending.reason, ending.message) = self.why(end);
        if ending.reason == NODE_LOST {
            platform.pod_reason.clone_from(&ending.reason);
            platform.pod_message.clone_from(&ending.message);
        }
        ending.platform = Some(Box::new(platform));
        ending
    }

    /// One word and a sentence, from what is nearest to the cause.
    fn why(&self, end: Option<&ContainerStateTerminated>) -> (String, String) {
        if end.is_some_and(|end| end.exit_code == 0) && phase(self.pod) != "Failed" {
            return ("Completed".to_owned(), String::new());
        }
        if let Some((reason, message)) = failed(self.job)
            && reason == "DeadlineExceeded"
        {
            return (reason, message);
        }
        let said = self
            .pod
            .status
            .as_ref()
            .and_then(|status| status.message.clone());
        if !self.reason().is_empty() {
            return (self.reason().to_owned(), said.unwrap_or_default());
        }
        let is_lost = self.is_overdue || lost::is_written_off(self.pod);
        if is_lost && end.is_none() && !is_given_up(self.job) {
            return (NODE_LOST.to_owned(), lost::sentence(self.pod));
        }
        if let Some((reason, message)) = condition(self.pod, "DisruptionTarget", "True") {
            return (reason.to_owned(), message.to_owned());
        }
        let reason = end.and_then(|end| end.reason.clone()).unwrap_or_default();
        if reason == "OOMKilled" {
            return (reason, String::new());
        }
        if self.job.metadata.deletion_timestamp.is_some() {
            let ending = deleted("the Job was deleted by somebody else");
            return (ending.reason, ending.message);
        }
        if self.pod.metadata.deletion_timestamp.is_some() {
            let ending = deleted("the pod was deleted by somebody else");
            return (ending.reason, ending.message);
        }
        if end.is_some_and(|end| end.exit_code == 0) {
            return ("Completed".to_owned(), String::new());
        }
        match reason.as_str() {
            "" => ("Error".to_owned(), said.unwrap_or_default()),
            // What a program leaves as its message is data, not a sentence.
            "Error" => (reason, String::new()),
            _ => {
                let message = end.and_then(|end| end.message.clone());
                (reason, message.unwrap_or_default())
            }
        }
    }
}

/// Image of a container with its digest, where the node knows one.
fn image(status: &ContainerStatus) -> String {
    let id = status.image_id.trim_start_matches("docker-pullable://");
    if id.contains('@') {
        return id.to_owned();
    }
    if status.image.contains('@') || id.is_empty() {
        return status.image.clone();
    }
    format!("{}@{id}", status.image)
}

fn kind_of(reason: &str) -> Option<TroubleKind> {
    Some(match reason {
        "ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" | "RegistryUnavailable" => {
            TroubleKind::Image
        }
        "InvalidImageName" | "ErrImageNeverPull" => TroubleKind::Hopeless,
        "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "CrashLoopBackOff" => TroubleKind::Missing,
        _ => return None,
    })
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
