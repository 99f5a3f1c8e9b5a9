//! What an event leaves on the record.

use std::time::Duration;

use polyaxon_spec::state::{Event, Rejected, Report, RunState, Status};

use super::*;
use crate::domain::time::Millis;

fn run() -> RunRecord {
    RunRecord {
        uuid: "0".repeat(32),
        owner: "default".into(),
        project: "default".into(),
        project_uuid: "1".repeat(32),
        name: String::new(),
        description: String::new(),
        tags: Vec::new(),
        kind: "job".into(),
        agent_id: "2".repeat(32),
        agent: "a".into(),
        queue_id: "3".repeat(32),
        queue: "default".into(),
        priority: 0,
        state: RunState::default(),
        reason: String::new(),
        message: String::new(),
        pending: String::new(),
        event_seq: 0,
        session_id: None,
        launch_deadline: None,
        acknowledged: false,
        stop_reason: String::new(),
        object_name: String::new(),
        object_uid: String::new(),
        ref_as_typed: String::new(),
        component: String::new(),
        component_digest: String::new(),
        spec_hash: String::new(),
        timeout: Some(Duration::from_secs(10)),
        deadline_at: None,
        build: None,
        failure: None,
        isolation: String::new(),
        log_incomplete: false,
        retries: Retries::default(),
        earlier_attempts: Vec::new(),
        created_by: "ci".into(),
        idempotency_key: None,
        request_hash: String::new(),
        created_at: Millis(0),
        compiled_at: Millis(0),
        queued_at: Millis(0),
        started_at: None,
        finished_at: None,
    }
}

fn at(now: i64) -> Cause<'static> {
    Cause::of_hub("Because", "", Millis(now))
}

fn report(run: &RunRecord, status: Status) -> Event {
    Event::Report(Report {
        attempt: run.state.attempt,
        fence: run.state.fence,
        seq: run.state.report_seq + 1,
        status,
    })
}

fn leased() -> RunRecord {
    let mut run = run();
    for (event, now) in [(Event::Compile, 1), (Event::Queue, 2), (Event::Lease, 3)] {
        assert!(run.change(event, at(now)).unwrap().is_some());
    }
    run
}

#[test]
fn the_time_runs_from_the_first_start_over_all_attempts() {
    let mut run = leased();
    assert_eq!((run.queued_at, run.started_at), (Millis(2), None));
    run.change(report(&run, Status::Starting), at(1000))
        .unwrap();
    assert_eq!(run.deadline_at, Some(Millis(11_000)));
    run.change(Event::Retry, at(2000)).unwrap();
    for event in [Event::Compile, Event::Queue, Event::Lease] {
        run.change(event, at(3000)).unwrap();
    }
    run.change(report(&run, Status::Running), at(4000)).unwrap();
    assert_eq!(
        (run.started_at, run.deadline_at, run.state.attempt),
        (Some(Millis(1000)), Some(Millis(11_000)), 2)
    );
}

#[test]
fn a_stop_for_lack_of_time_says_so() {
    let mut run = leased();
    run.change(report(&run, Status::Running), at(10)).unwrap();
    run.stop_reason = DEADLINE_EXCEEDED.into();
    run.change(Event::RequestStop, at(20)).unwrap();
    let ended = run
        .change(report(&run, Status::Stopped), at(30))
        .unwrap()
        .unwrap();
    assert_eq!(
        (ended.status, ended.reason.as_str()),
        (Status::Stopped, DEADLINE_EXCEEDED)
    );
    assert_eq!(
        run.failure.map(|failure| failure.class).as_deref(),
        Some(TIMED_OUT)
    );
    assert_eq!((run.finished_at, run.deadline_at), (Some(Millis(30)), None));
}

fn failing(class: &str, retry: Retry) -> RunRecord {
    let mut run = leased();
    run.change(report(&run, Status::Running), at(10)).unwrap();
    run.failure = Some(Failure {
        class: class.into(),
        retry: Some(retry),
        ..Failure::default()
    });
    run
}

fn fail(run: &mut RunRecord, now: i64) -> EventRecord {
    let Event::Report(report) = report(run, Status::Failed) else {
        unreachable!()
    };
    let cause = Cause {
        message: "it failed",
        ..at(now)
    };
    run.report(report, cause).unwrap().unwrap()
}

#[test]
fn a_failure_that_may_pass_is_followed_by_another_attempt() {
    let mut run = failing("registry_network", Retry::Yes);
    run.timeout = None;
    run.deadline_at = None;
    let fence = run.state.fence;
    let told = fail(&mut run, 1000);
    assert_eq!((told.status, told.attempt), (Status::Retrying, 2));
    assert!(
        told.message.starts_with(
            "attempt 1 failed (registry_network): it failed; attempt 2 of at most 3 begins in "
        ),
        "{}",
        told.message
    );
    assert!(run.state.fence > fence, "the attempt before is fenced");
    assert!(run.retries.at > Some(Millis(1000)));
    assert_eq!((run.retries.used, run.retries.disruptions), (1, 0));
    let begun = run.resume_waiting(Millis(9000));
    assert_eq!(begun.last().map(|event| event.status), Some(Status::Queued));
    assert_eq!((run.retries.at, run.queued_at), (None, Millis(9000)));
}

#[test]
fn why_earlier_attempts_failed_is_kept() {
    let mut run = failing("evicted", Retry::Yes);
    run.timeout = None;
    run.deadline_at = None;
    if let Some(failure) = &mut run.failure {
        failure.message = "the node was drained".into();
        failure.last_lines = vec!["a line".into()];
    }
    fail(&mut run, 1000);
    assert_eq!((run.failure.clone(), run.retries.most()), (None, 4));
    run.resume_waiting(Millis(9000));
    run.change(Event::Lease, at(9001)).unwrap();
    run.failure = Some(Failure {
        class: "registry_network".into(),
        retry: Some(Retry::Yes),
        ..Failure::default()
    });
    fail(&mut run, 10_000);
    let kept: Vec<_> = run
        .earlier_attempts
        .iter()
        .map(|earlier| {
            let failure = &earlier.failure;
            (
                earlier.attempt,
                failure.class.as_str(),
                failure.message.as_str(),
                failure.last_lines.len(),
                earlier.ended_at.0,
            )
        })
        .collect();
    assert_eq!(
        kept,
        [
            (1, "evicted", "the node was drained", 0, 1000),
            (2, "registry_network", "", 0, 10_000)
        ]
    );
}

#[test]
fn a_failure_of_the_user_is_final() {
    for retry in [Retry::No, Retry::Once] {
        let mut run = failing("run_failed", retry);
        assert_eq!(fail(&mut run, 1000).status, Status::Failed);
    }
}

#[test]
fn nothing_follows_after_a_stop_or_beyond_the_deadline() {
    let mut run = failing("registry_network", Retry::Yes);
    run.change(Event::RequestStop, at(20)).unwrap();
    assert_eq!(fail(&mut run, 1000).status, Status::Failed);
    let mut run = failing("registry_network", Retry::Yes);
    assert_eq!(run.deadline_at, Some(Millis(10_010)));
    assert_eq!(fail(&mut run, 9000).status, Status::Failed);
    assert_eq!(run.retries.at, None);
}

#[test]
fn a_stop_ends_the_wait_for_another_attempt() {
    let mut run = failing("evicted", Retry::Yes);
    run.timeout = None;
    run.deadline_at = None;
    fail(&mut run, 1000);
    assert_eq!((run.retries.used, run.retries.disruptions), (0, 1));
    run.change(Event::RequestStop, at(1001)).unwrap();
    assert_eq!((run.state.base, run.retries.at), (Status::Stopped, None));
}

#[test]
fn what_tells_nothing_new_is_not_told() {
    let mut run = leased();
    assert!(
        run.change(report(&run, Status::Running), at(10))
            .unwrap()
            .is_some()
    );
    assert_eq!(
        run.change(report(&run, Status::Running), at(11)).unwrap(),
        None
    );
    assert_eq!(run.change(Event::Adopt, at(12)).unwrap(), None);
    let seq = run.event_seq;
    assert!(matches!(
        run.change(report(&run, Status::Starting), at(13)),
        Err(Rejected::NotAfter { .. })
    ));
    assert_eq!(run.event_seq, seq);
    let ignored = run.ignored(1, Status::Starting, at(13));
    assert_eq!((ignored.seq, ignored.ignored), (seq + 1, true));
    assert_eq!(run.state.shown(), Status::Running);
}

#[test]
fn uuids_are_read_as_typed() {
    let uuid = "0193b0c6a8d17e3f8a2b3c4d5e6f7a8b";
    for text in [uuid, "0193B0C6-a8d1-7e3f-8a2b-3c4d5e6f7a8b"] {
        assert_eq!(parse_uuid(text).as_deref(), Some(uuid));
    }
    for text in ["", "0193b0c6", "zz93b0c6a8d17e3f8a2b3c4d5e6f7a8b"] {
        assert_eq!(parse_uuid(text), None);
    }
}
