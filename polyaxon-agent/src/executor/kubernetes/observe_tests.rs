use std::sync::Arc;

use rstest::rstest;
use serde_json::json;

use super::super::kept::Light;
use super::*;
use crate::classify::{BuildLog, Evidence, Intent, classify};

const MAIN: &str = "polyaxon-main";

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

/// A look shortly after everything that was deleted.
fn look(job: &Job, pod: Option<&Pod>, notes: &[Note]) -> Sight {
    super::look(MAIN, job, pod, notes, at("2026-01-01T00:00:10Z"))
}

fn job(value: Value) -> Job {
    let job = serde_json::from_value(value).expect("a Job");
    // As it is kept.
    Arc::unwrap_or_clone(Light::of_job(job).object().expect("a Job"))
}

fn pod(status: &Value) -> Pod {
    let spec = json!({
        "nodeName": "n",
        "initContainers": [{"name": "init"}, {"name": "side", "restartPolicy": "Always"}],
        "containers": [{"name": MAIN}],
    });
    kept(json!({"spec": spec, "status": status}))
}

/// The pod as it is kept.
fn kept(value: Value) -> Pod {
    let pod = serde_json::from_value(value).expect("a pod");
    Arc::unwrap_or_clone(Light::of_pod(pod).object().expect("a pod"))
}

fn status(name: &str, state: &Value) -> Value {
    json!({
        "name": name, "image": "i:1", "imageID": "r/i@sha256:00", "ready": false,
        "restartCount": 0, "state": state,
    })
}

fn running() -> Value {
    json!({"running": {}})
}

fn ended(code: i32, reason: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "containerID": "c://1"}})
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

/// A pod whose containers are in these states.
fn states(phase: &str, [init, side, main]: [&Value; 3]) -> Value {
    json!({
        "phase": phase,
        "initContainerStatuses": [status("init", init), status("side", side)],
        "containerStatuses": [status(MAIN, main)],
    })
}

fn view(job: &Job, pod: Option<&Pod>, notes: &[Note]) -> String {
    words(look(job, pod, notes).view)
}

fn words(view: View) -> String {
    match view {
        View::Waiting(trouble) => {
            format!(
                "waiting {:?} {}: {}",
                trouble.kind, trouble.reason, trouble.message
            )
        }
        View::Finishing(ending) => format!("finishing {}", words_of(&ending)),
        View::Ended(ending) => format!("ended {}", words_of(&ending)),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn words_of(ending: &Ending) -> String {
    format!(
        "{} {} {:?}: {}",
        ending.container, ending.reason, ending.exit_code, ending.message
    )
}

fn note(kind: &str, reason: &str) -> Note {
    Note {
        kind: kind.to_owned(),
        reason: reason.to_owned(),
        message: "why".to_owned(),
    }
}

fn nothing() -> Value {
    json!({})
}

#[rstest]
#[case::created(json!({"phase": "Pending"}), "starting")]
#[case::unschedulable(
    json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}]}),
    "waiting Room Unschedulable: 0/1 nodes are available"
)]
#[case::init(
    states("Pending", [&running(), &waiting("PodInitializing", ""), &waiting("PodInitializing", "")]),
    "starting"
)]
#[case::pull(
    states("Pending", [&ended(0, "Completed"), &running(), &waiting("ErrImagePull", "not found")]),
    "waiting Image ImagePullBackOff: container `polyaxon-main`: not found"
)]
#[case::back_off(
    states("Pending", [&waiting("ImagePullBackOff", "Back-off"), &nothing(), &nothing()]),
    "waiting Image ImagePullBackOff: container `init`: Back-off"
)]
#[case::name(
    states("Pending", [&waiting("InvalidImageName", "no"), &nothing(), &nothing()]),
    "waiting Hopeless InvalidImageName: container `init`: no"
)]
#[case::secret(
    states("Pending", [&ended(0, "Completed"), &running(), &waiting("CreateContainerConfigError", "secret \"x\" not found")]),
    "waiting Missing CreateContainerConfigError: container `polyaxon-main`: secret \"x\" not found"
)]
#[case::running(
    states("Running", [&ended(0, "Completed"), &running(), &running()]),
    "running"
)]
#[case::asking(
    states("Running", [&ended(0, "Completed"), &running(), &ended(0, "Completed")]),
    "finishing polyaxon-main Completed Some(0): "
)]
#[case::succeeded(
    states("Succeeded", [&ended(0, "Completed"), &ended(0, "Completed"), &ended(0, "Completed")]),
    "ended polyaxon-main Completed Some(0): "
)]
#[case::before_the_phase_says_so(
    states("Running", [&ended(0, "Completed"), &ended(0, "Completed"), &ended(0, "Completed")]),
    "ended polyaxon-main Completed Some(0): "
)]
#[case::a_sidecar_does_not_decide(
    states("Succeeded", [&ended(0, "Completed"), &ended(1, "Error"), &ended(0, "Completed")]),
    "ended polyaxon-main Completed Some(0): "
)]
#[case::failed(
    states("Failed", [&ended(0, "Completed"), &ended(0, "Completed"), &ended(1, "Error")]),
    "ended polyaxon-main Error Some(1): "
)]
#[case::init_failed(
    states("Failed", [&ended(3, "Error"), &waiting("PodInitializing", ""), &waiting("PodInitializing", "")]),
    "ended init Error Some(3): "
)]
#[case::memory(
    states("Failed", [&ended(0, "Completed"), &ended(0, "Completed"), &ended(255, "OOMKilled")]),
    "ended polyaxon-main OOMKilled Some(255): "
)]
#[case::evicted(
    json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
    "ended polyaxon-main Evicted None: The node was low on resource: memory."
)]
#[case::disrupted(
    json!({"phase": "Failed", "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "evicting"}],
        "containerStatuses": [status(MAIN, &ended(137, "Error"))]}),
    "ended polyaxon-main EvictionByEvictionAPI Some(137): evicting"
)]
#[case::node_lost(
    json!({"phase": "Failed", "containerStatuses": [status(MAIN, &json!({"terminated": {
        "exitCode": 137, "reason": "ContainerStatusUnknown", "message": "could not be located"}}))]}),
    "ended polyaxon-main ContainerStatusUnknown Some(137): could not be located"
)]
fn a_pod_is_seen(#[case] status: Value, #[case] wanted: &str) {
    let pod = pod(&status);
    assert_eq!(view(&Job::default(), Some(&pod), &[]), wanted);
}

#[test]
fn warnings_count_until_something_has_started() {
    let notes = [note("Pod", "FailedMount")];
    let creating = waiting("ContainerCreating", "");
    let before = pod(&states("Pending", [&creating, &nothing(), &nothing()]));
    assert_eq!(
        view(&Job::default(), Some(&before), &notes),
        "waiting Missing FailedMount: why"
    );
    let after = pod(&states(
        "Pending",
        [&ended(0, "Completed"), &creating, &nothing()],
    ));
    assert_eq!(view(&Job::default(), Some(&after), &notes), "starting");
}

#[test]
fn a_job_without_a_pod_is_seen() {
    let failed = |reason: &str| {
        job(json!({"status": {"conditions": [
            {"type": "FailureTarget", "status": "True", "reason": reason, "message": "m"}]}}))
    };
    let going = job(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    let refused = [note("Job", "FailedCreate")];
    for (job, notes, wanted) in [
        (Job::default(), &[][..], "starting"),
        (Job::default(), &refused, "waiting Room FailedCreate: why"),
        (
            failed("DeadlineExceeded"),
            &[],
            "ended  DeadlineExceeded None: m",
        ),
        (
            failed("BackoffLimitExceeded"),
            &[],
            "ended  ObjectVanished None: the pod was removed by somebody else",
        ),
        (
            going,
            &[],
            "ended  ObjectVanished None: the Job was deleted by somebody else",
        ),
    ] {
        assert_eq!(view(&job, None, notes), wanted);
    }
}

#[test]
fn who_deletes_is_told_once_it_has_ended() {
    let deletion = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let late = json!({"status": {"conditions": [
        {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "too long"}]}});
    let going = |mut pod: Pod| {
        pod.metadata = serde_json::from_value(deletion["metadata"].clone()).expect("metadata");
        pod
    };
    let runs = pod(&states(
        "Running",
        [&ended(0, "Completed"), &running(), &running()],
    ));
    let killed = pod(&states(
        "Failed",
        [
            &ended(0, "Completed"),
            &ended(0, "Error"),
            &ended(137, "Error"),
        ],
    ));
    let sights = [
        view(&job(deletion.clone()), Some(&runs), &[]),
        view(&job(deletion.clone()), Some(&going(runs.clone())), &[]),
        view(&job(deletion.clone()), Some(&going(killed.clone())), &[]),
        view(&Job::default(), Some(&going(killed.clone())), &[]),
        view(&job(late), Some(&going(killed)), &[]),
    ];
    let by = |what: &str| {
        format!(
            "ended polyaxon-main ObjectVanished Some(137): the {what} was deleted by somebody else"
        )
    };
    assert_eq!(
        sights,
        [
            "deleting".to_owned(),
            "running".to_owned(),
            by("Job"),
            by("pod"),
            "ended polyaxon-main DeadlineExceeded Some(137): too long".to_owned(),
        ]
    );
    let mut unscheduled = going(pod(&json!({"phase": "Pending"})));
    unscheduled.spec = None;
    assert!(view(&Job::default(), Some(&unscheduled), &[]).starts_with("ended"));
}

/// A pod that its taint has driven off its node, with 310 seconds of grace.
fn driven_off(mut status: Value) -> Pod {
    status["conditions"] = json!([
        {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "taint"}]);
    kept(json!({
        "metadata": {"deletionTimestamp": "2026-01-01T00:05:10Z", "deletionGracePeriodSeconds": 310},
        "spec": {"nodeName": "n", "initContainers": [{"name": "init"}, {"name": "side", "restartPolicy": "Always"}],
            "containers": [{"name": MAIN}]},
        "status": status,
    }))
}

#[test]
fn a_pod_whose_node_went_away_ends_when_its_grace_is_over() {
    let (done, initializing) = (ended(0, "Completed"), waiting("PodInitializing", ""));
    let runs = driven_off(states("Running", [&done, &running(), &running()]));
    let waits = driven_off(states(
        "Pending",
        [&running(), &initializing, &initializing],
    ));
    let asks = driven_off(states("Running", [&done, &running(), &done]));
    // Somebody deleted it, and nothing says that its node went away: it may be slow to kill.
    let mut deleted = runs.clone();
    deleted.status.as_mut().expect("a status").conditions = None;
    let stays = pod(&states("Running", [&running(); 3]));
    let live = Job::default();
    let stopped = job(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}));
    let late = job(json!({"status": {"conditions": [
        {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "late"}]}}));
    let lost = "ended polyaxon-main NodeLost None: \
                the node `n` is gone or does not answer, how the pod ended there is not known";
    let finishing = "finishing polyaxon-main Completed Some(0): ";
    let completed = "ended polyaxon-main Completed Some(0): ";
    let vanished = "ended polyaxon-main ObjectVanished None: the Job was deleted by somebody else";
    let exceeded = "ended polyaxon-main DeadlineExceeded None: late";
    for (job, pod, now, wanted, awaited) in [
        (&live, &runs, "00:00:10", "running", Some(330)),
        (&live, &runs, "00:05:39", "running", Some(1)),
        (&live, &runs, "00:05:40", lost, Some(0)),
        (&live, &waits, "00:05:39", "starting", Some(1)),
        (&live, &waits, "00:05:40", lost, Some(0)),
        (&live, &asks, "00:05:39", finishing, Some(1)),
        (&live, &asks, "00:05:40", completed, Some(0)),
        (&live, &deleted, "00:15:09", "running", Some(1)),
        (&live, &deleted, "00:15:10", lost, Some(0)),
        // What was stopped, or took too long, does not wait for that.
        (&stopped, &deleted, "00:05:39", "running", Some(1)),
        (&stopped, &deleted, "00:05:40", vanished, Some(0)),
        (&late, &deleted, "00:05:40", exceeded, Some(0)),
        (&live, &stays, "23:59:59", "running", None),
    ] {
        let now = at(&format!("2026-01-01T{now}Z"));
        let sight = super::look(MAIN, job, Some(pod), &[], now);
        assert_eq!(words(sight.view), wanted, "{now}");
        assert_eq!(sight.awaited, awaited.map(Duration::from_secs), "{now}");
    }
}

#[test]
fn a_node_that_went_away_is_the_class_of_what_ran_there() {
    let class = |pod: &Pod, now: &str| {
        let view = super::look(MAIN, &Job::default(), Some(pod), &[], at(now)).view;
        let View::Ended(ending) = view else {
            panic!("it has not ended: {view:?}");
        };
        let platform = ending.platform.expect("a state");
        let verdict = classify(&Evidence {
            intent: None,
            exit_code: ending.exit_code,
            platform: &platform,
            log: &BuildLog::read(b""),
            init_log: "",
            dockerfile: None,
        });
        verdict.class.as_str()
    };
    let early = "2026-01-01T00:00:00Z";
    let overdue = "2026-01-01T00:05:40Z";
    let runs = [&ended(0, "Completed"), &running(), &running()];
    let killed = [
        &ended(0, "Completed"),
        &ended(0, "Completed"),
        &ended(137, "Error"),
    ];
    assert_eq!(
        class(&driven_off(states("Running", runs)), overdue),
        "node_lost"
    );
    // Its node is there and has ended it, or is out of service.
    assert_eq!(
        class(&driven_off(states("Failed", killed)), early),
        "evicted"
    );
    assert_eq!(
        class(&driven_off(states("Failed", runs)), early),
        "node_lost"
    );
    // The node was removed, before a container began.
    let removed = pod(&json!({"phase": "Failed", "conditions": [
        {"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC", "message": "PodGC: node no longer exists"}]}));
    assert_eq!(class(&removed, early), "node_lost");
}

#[test]
fn containers_are_named_once_they_have_output() {
    let pod = pod(&states(
        "Running",
        [
            &ended(0, "Completed"),
            &running(),
            &waiting("PodInitializing", ""),
        ],
    ));
    let sight = look(&Job::default(), Some(&pod), &[]);
    assert_eq!(sight.containers, ["init", "side"]);
}

#[test]
fn a_users_sidecar_that_goes_on_is_left_over() {
    let pod = pod(&json!({
        "phase": "Running",
        "containerStatuses": [status(MAIN, &ended(0, "Completed")), status("mine", &running())],
    }));
    assert_eq!(view(&Job::default(), Some(&pod), &[]), "leftovers");
}

#[test]
fn an_ending_says_what_ran_and_what_the_cluster_knows() {
    let pod = pod(&states(
        "Failed",
        [
            &ended(0, "Completed"),
            &ended(2, "Error"),
            &ended(1, "Error"),
        ],
    ));
    let View::Ended(ending) = look(&Job::default(), Some(&pod), &[]).view else {
        panic!("it has not ended");
    };
    assert_eq!(ending.main_image, "r/i@sha256:00");
    let platform = ending.platform.expect("a state");
    assert_eq!(platform.main.exit_code, Some(1));
    let names: Vec<_> = platform
        .init
        .iter()
        .map(|init| init.name.as_str())
        .collect();
    assert_eq!(names, ["init"]);
}

/// A recorded run of Kubernetes.
#[derive(serde::Deserialize)]
struct Recorded {
    name: String,
    class: String,
    intent: Option<String>,
    exit_code: Option<i32>,
    #[serde(default)]
    job: Value,
    #[serde(default)]
    pod: Value,
    #[serde(default)]
    init_log: String,
    log: String,
}

impl Recorded {
    /// Those that have a pod. Of pods the state alone was recorded.
    fn all() -> Vec<Self> {
        include_str!("../../../tests/classify/recorded_runs.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).expect("a run"))
            .filter(|run: &Self| run.pod.is_object())
            .collect()
    }

    fn main(&self) -> &str {
        let first = self.pod.pointer("/status/containerStatuses/0/name");
        first.and_then(Value::as_str).unwrap_or(MAIN)
    }

    fn pod(&self) -> Pod {
        let mut pod = self.pod.clone();
        let scheduled = !self.pod.to_string().contains("Unschedulable");
        pod["spec"] = json!({
            "nodeName": scheduled.then_some("n"),
            "containers": [{"name": self.main()}],
        });
        kept(pod)
    }

    fn class_of(&self, ending: &Ending) -> &'static str {
        let platform = ending.platform.as_ref().expect("the cluster's words");
        let verdict = classify(&Evidence {
            intent: (self.intent.as_deref() == Some("stop")).then_some(Intent::Stop),
            exit_code: self.exit_code,
            platform,
            log: &BuildLog::read(self.log.as_bytes()),
            init_log: &self.init_log,
            dockerfile: None,
        });
        verdict.class.as_str()
    }
}

#[test]
fn recorded_pods_are_seen_as_what_they_were() {
    let mut lines = Vec::new();
    for run in Recorded::all() {
        let (job, pod) = (job(run.job.clone()), run.pod());
        let view = super::look(
            run.main(),
            &job,
            Some(&pod),
            &[],
            at("2026-11-22T00:00:00Z"),
        )
        .view;
        lines.push(match view {
            View::Ended(ending) => {
                assert_eq!(run.class_of(&ending), run.class, "{}", run.name);
                let (container, code) = (&ending.container, ending.exit_code);
                format!("{}: {} of {container}, {code:?}", run.name, ending.reason)
            }
            View::Waiting(trouble) => {
                format!(
                    "{}: waits, {:?}, {}",
                    run.name, trouble.kind, trouble.reason
                )
            }
            other => format!("{}: {other:?}", run.name),
        });
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    cancelled-01: Error of kaniko, Some(2)
    cancelled-02: Error of kaniko, Some(2)
    disk_full-05: Evicted of kaniko, Some(2)
    evicted-01: EvictionByEvictionAPI of kaniko, Some(2)
    evicted-02: DeletionByTaintManager of kaniko, Some(2)
    executor_image_pull-01: waits, Image, ImagePullBackOff
    executor_image_pull-02: waits, Hopeless, InvalidImageName
    executor_image_pull-03: waits, Hopeless, ErrImageNeverPull
    init_git-01: Error of git, Some(128)
    init_git-02: Error of git, Some(1)
    init_upload-01: Error of upload, Some(1)
    node_lost-01: ContainerStatusUnknown of kaniko, Some(137)
    oom-05: OOMKilled of kaniko, Some(255)
    oom-06: OOMKilled of kaniko, Some(137)
    preempted-01: PreemptionByScheduler of kaniko, Some(2)
    registry_network-10: Error of kaniko, Some(1)
    run_failed-01: Error of kaniko, Some(1)
    run_failed-17: Error of kaniko, Some(4)
    start_error-01: StartError of kaniko, Some(128)
    start_error-02: waits, Missing, CreateContainerConfigError
    success-81: Completed of kaniko, Some(0)
    success-82: Completed of kaniko, Some(0)
    success-83: Completed of kaniko, Some(0)
    success-84: Completed of kaniko, Some(0)
    timed_out-01: DeadlineExceeded of kaniko, Some(2)
    timed_out-02: DeadlineExceeded of kaniko, Some(2)
    unschedulable-01: waits, Room, Unschedulable
    unschedulable-02: waits, Room, Unschedulable
    ");
}
