use std::time::{Duration, Instant};

use polyaxon_proto::runs::v1::Status;
use proptest::prelude::*;

use super::*;

fn build() -> Facts {
    Facts {
        image: Some("127.0.0.1:5000/team/app:1".to_owned()),
        pushes: true,
        require_confirmation: false,
    }
}

fn ended(code: i32) -> Event {
    Event::Observed(Observation::Ended(ending(code)))
}

/// Main has, and the sidecar works.
fn finishing(code: i32) -> Event {
    Event::Observed(Observation::Finishing(ending(code)))
}

fn ending(code: i32) -> Ending {
    Ending {
        container: "polyaxon-main".to_owned(),
        exit_code: Some(code),
        reason: if code == 0 { "Completed" } else { "Error" }.to_owned(),
        last_lines: vec!["last".to_owned()],
        ..Ending::default()
    }
}

fn created() -> Event {
    Event::Created(Created::New {
        uid: "u1".to_owned(),
    })
}

fn stop() -> Event {
    Event::Stop {
        reason: "by user".to_owned(),
    }
}

fn running() -> Event {
    Event::Observed(Observation::Running)
}

fn digest() -> String {
    "sha256:aa".to_owned()
}

/// Actions as words, so that a life reads as a line.
fn words(actions: &[Action]) -> Vec<String> {
    actions
        .iter()
        .map(|action| match action {
            Action::Report(update) => format!("report {}", update.status.as_str_name()),
            Action::AckLaunch(outcome) => match outcome {
                LaunchOutcome::Created { .. } => "ack created".to_owned(),
                LaunchOutcome::Adopted { .. } => "ack adopted".to_owned(),
                LaunchOutcome::Conflict { .. } => "ack conflict".to_owned(),
                LaunchOutcome::Rejected { .. } => "ack rejected".to_owned(),
            },
            other => format!("{other:?}").to_lowercase(),
        })
        .map(|word| word.replace("STATUS_", "").to_lowercase())
        .collect()
}

fn live(facts: Facts, events: Vec<Event>) -> Vec<String> {
    let mut machine = Machine::new(facts);
    let now = Instant::now();
    events
        .into_iter()
        .flat_map(|event| words(&machine.on(event, now)))
        .collect()
}

#[test]
fn what_keeps_an_attempt_is_told_until_it_goes_on() {
    let waiting = |reason: &str| {
        Event::Observed(Observation::Waiting {
            reason: reason.to_owned(),
            message: "why".to_owned(),
        })
    };
    let starting = || Event::Observed(Observation::Starting);
    let told = live(
        Facts::default(),
        vec![
            Event::Launch,
            created(),
            waiting("Unschedulable"),
            starting(),
            waiting("ImagePullBackOff"),
            running(),
            starting(),
        ],
    );
    assert_eq!(
        told,
        [
            "create",
            "ack created",
            "report starting",
            "run",
            "report unschedulable",
            "report starting",
            "report warning",
            "report running",
        ]
    );
    let told = live(
        Facts::default(),
        vec![Event::Launch, created(), stop(), starting()],
    );
    assert_eq!(told.last().map(String::as_str), Some("stop"));
}

#[test]
fn lives_of_attempts() {
    let table: Vec<(&str, Facts, Vec<Event>, Vec<&str>)> = vec![
        (
            "a job that does its work",
            Facts::default(),
            vec![
                Event::Launch,
                created(),
                running(),
                ended(0),
                Event::LogsDrained,
                Event::OutcomeAcknowledged,
                Event::Removed,
            ],
            vec![
                "create",
                "ack created",
                "report starting",
                "run",
                "report running",
                "report succeeded",
                "remove",
                "forget",
            ],
        ),
        (
            "a build is believed when the registry answers",
            build(),
            vec![
                Event::Launch,
                created(),
                running(),
                ended(0),
                Event::LogsDrained,
                Event::Confirmed(Confirmation::Confirmed {
                    digest: "sha256:aa".to_owned(),
                    size: None,
                }),
            ],
            vec![
                "create",
                "ack created",
                "report starting",
                "run",
                "report running",
                "confirm",
                "report succeeded",
            ],
        ),
        (
            "a failure",
            build(),
            vec![Event::Launch, created(), ended(1), Event::LogsDrained],
            vec![
                "create",
                "ack created",
                "report starting",
                "run",
                "report failed",
            ],
        ),
        (
            "a stop before the launch",
            build(),
            vec![
                stop(),
                Event::Launch,
                Event::OutcomeAcknowledged,
                Event::Removed,
            ],
            vec!["report stopped", "remove", "forget"],
        ),
        (
            "a stop while the object is being created",
            build(),
            vec![Event::Launch, stop(), created(), Event::OutcomeAcknowledged],
            vec!["create", "ack created", "report stopped", "remove"],
        ),
        (
            "a stop during the build, repeated by the hub",
            build(),
            vec![
                Event::Launch,
                created(),
                running(),
                stop(),
                stop(),
                ended(2),
                Event::LogsDrained,
            ],
            vec![
                "create",
                "ack created",
                "report starting",
                "run",
                "report running",
                "stop",
                "report stopped",
            ],
        ),
        (
            "a success observed while stopping is a success",
            Facts::default(),
            vec![
                Event::Launch,
                created(),
                running(),
                stop(),
                ended(0),
                Event::LogsDrained,
            ],
            vec![
                "create",
                "ack created",
                "report starting",
                "run",
                "report running",
                "stop",
                "report succeeded",
            ],
        ),
        (
            "a stop while the registry is asked ends the asking",
            build(),
            vec![
                Event::Launch,
                created(),
                running(),
                ended(0),
                Event::LogsDrained,
                stop(),
                Event::Confirmed(Confirmation::Confirmed {
                    digest: "sha256:aa".to_owned(),
                    size: None,
                }),
            ],
            vec![
                "create",
                "ack created",
                "report starting",
                "run",
                "report running",
                "confirm",
                "report succeeded",
            ],
        ),
        (
            "a sidecar that works is waited for",
            build(),
            vec![
                Event::Adopt,
                running(),
                finishing(0),
                ended(0),
                Event::LogsDrained,
                stop(),
            ],
            vec!["run", "report running", "confirm", "report succeeded"],
        ),
        (
            "a stop while the sidecar works ends the waiting",
            build(),
            vec![
                Event::Adopt,
                running(),
                Event::LogsDrained,
                finishing(0),
                stop(),
                ended(0),
            ],
            vec!["run", "report running", "report succeeded"],
        ),
        (
            "a sidecar that works after a stop is not waited for",
            build(),
            vec![
                Event::Adopt,
                running(),
                Event::LogsDrained,
                stop(),
                finishing(0),
            ],
            vec!["run", "report running", "stop", "report succeeded"],
        ),
        (
            "what was stopped after its end in failure was stopped",
            build(),
            vec![Event::Adopt, Event::LogsDrained, finishing(1), stop()],
            vec!["run", "report stopped"],
        ),
        (
            "somebody else's object",
            build(),
            vec![
                Event::Launch,
                Event::Created(Created::Conflict {
                    found: "x".to_owned(),
                }),
            ],
            vec!["create", "ack conflict", "forget"],
        ),
        (
            "work that cannot be planned",
            build(),
            vec![Event::Refused(Refusal {
                reason: "policy".to_owned(),
                message: "no".to_owned(),
            })],
            vec!["ack rejected", "forget"],
        ),
        (
            "an outcome after a restart is reported again",
            Facts::default(),
            vec![
                Event::Adopt,
                ended(0),
                Event::LogsDrained,
                Event::ReportAgain,
                Event::OutcomeAcknowledged,
            ],
            vec!["run", "report succeeded", "report succeeded", "remove"],
        ),
        (
            "the objects stay until the log is durable",
            Facts::default(),
            vec![Event::Adopt, ended(0), Event::OutcomeAcknowledged],
            vec!["run"],
        ),
        (
            "an order to delete",
            Facts::default(),
            vec![Event::Adopt, Event::Delete, Event::Delete, Event::Removed],
            vec!["run", "remove", "forget"],
        ),
        (
            "containers that somebody removed",
            Facts::default(),
            vec![
                Event::Adopt,
                Event::Observed(Observation::Vanished),
                Event::LogsDrained,
            ],
            vec!["run", "report failed"],
        ),
        (
            "somebody removed what still worked for a build that had ended",
            build(),
            vec![
                Event::Adopt,
                running(),
                Event::LogsDrained,
                finishing(0),
                Event::Observed(Observation::Vanished),
            ],
            vec!["run", "report running", "confirm"],
        ),
    ];
    for (name, facts, events, expected) in table {
        assert_eq!(live(facts, events), expected, "{name}");
    }
}

#[test]
fn a_creation_that_fails_is_tried_again_later() {
    let mut machine = Machine::new(Facts::default());
    let now = Instant::now();
    machine.on(Event::Launch, now);
    let actions = machine.on(Event::CreateFailed("no socket".to_owned()), now);
    assert_eq!(words(&actions), ["report warning"]);
    assert_eq!(machine.deadline(), Some(now + RETRY));
    assert!(machine.on(Event::Tick, now).is_empty());
    assert_eq!(words(&machine.on(Event::Tick, now + RETRY)), ["create"]);
}

#[test]
fn a_final_status_waits_for_the_log_but_not_for_ever() {
    let mut machine = Machine::new(Facts::default());
    let now = Instant::now();
    machine.on(Event::Adopt, now);
    assert!(machine.on(ended(0), now).is_empty());
    assert!(machine.on(Event::Tick, now + DRAIN / 2).is_empty());
    assert_eq!(
        words(&machine.on(Event::Tick, now + DRAIN)),
        ["report succeeded"]
    );
    assert!(machine.on(Event::OutcomeAcknowledged, now).is_empty());
    assert_eq!(words(&machine.on(Event::LogsDrained, now)), ["remove"]);
}

#[test]
fn results_of_a_build() {
    let table = [
        (
            Confirmation::Confirmed {
                digest: "sha256:aa".to_owned(),
                size: None,
            },
            false,
            (Status::Succeeded, "sha256:aa", "", true),
        ),
        (
            Confirmation::NoCredentials {
                digest: Some(digest()),
                reason: "r".to_owned(),
            },
            false,
            (Status::Succeeded, "", "sha256:aa", false),
        ),
        (
            Confirmation::Undecided {
                digest: Some(digest()),
                reason: "r".to_owned(),
            },
            true,
            (Status::Failed, "", "sha256:aa", false),
        ),
        (
            Confirmation::Absent {
                digest: Some(digest()),
                reason: "r".to_owned(),
            },
            false,
            (Status::Failed, "", "sha256:aa", false),
        ),
    ];
    for (confirmation, require_confirmation, expected) in table {
        let mut machine = Machine::new(Facts {
            require_confirmation,
            ..build()
        });
        let now = Instant::now();
        machine.on(Event::Adopt, now);
        machine.on(ended(0), now);
        machine.on(Event::LogsDrained, now);
        let actions = machine.on(Event::Confirmed(confirmation.clone()), now);
        let [Action::Report(update)] = actions.as_slice() else {
            panic!("{actions:?}");
        };
        let result = update.build.as_ref().expect("a build");
        assert_eq!(
            (
                update.status,
                result.digest.as_str(),
                result.digest_claimed.as_str(),
                result.confirmed
            ),
            expected,
            "{confirmation:?}"
        );
        if update.status == Status::Failed {
            let failure = update.failure.as_ref().expect("a failure");
            assert_eq!(failure.class, "push_unconfirmed");
        }
    }
}

#[test]
fn a_failure_carries_status_container_and_lines() {
    let mut machine = Machine::new(build());
    let now = Instant::now();
    machine.on(Event::Adopt, now);
    machine.on(Event::LogsDrained, now);
    let actions = machine.on(ended(127), now);
    let [Action::Report(update)] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    let failure = update.failure.as_ref().expect("a failure");
    assert_eq!((failure.exit_code, failure.has_exit_code), (127, true));
    assert_eq!(failure.container, "polyaxon-main");
    assert_eq!(failure.last_lines, ["last"]);
    assert_eq!(
        update.message,
        "container `polyaxon-main` ended with exit status 127"
    );
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Launch),
        Just(Event::Adopt),
        Just(created()),
        Just(Event::CreateFailed("x".to_owned())),
        Just(running()),
        Just(ended(0)),
        Just(ended(1)),
        Just(finishing(0)),
        Just(finishing(1)),
        Just(Event::Observed(Observation::Vanished)),
        Just(Event::Confirmed(Confirmation::Confirmed {
            digest: "sha256:aa".to_owned(),
            size: None,
        })),
        Just(Event::LogsDrained),
        Just(stop()),
        Just(Event::OutcomeAcknowledged),
        Just(Event::ReportAgain),
        Just(Event::Delete),
        Just(Event::Removed),
        Just(Event::Tick),
    ]
}

proptest! {
    /// Whatever comes in whatever order: one creation at a time, one final status, objects go
    /// only after that status is acknowledged or on order, nothing follows the end.
    #[test]
    fn laws_hold_for_any_history(events in prop::collection::vec((any_event(), 0u64..8000), 0..60), is_build in any::<bool>()) {
        let mut machine = Machine::new(if is_build { build() } else { Facts::default() });
        let mut now = Instant::now();
        let (mut creating, mut finals, mut gone) = (false, Vec::new(), false);
        let mut acknowledged = false;
        let mut deleted = false;
        for (event, wait) in events {
            now += Duration::from_millis(wait);
            match &event {
                Event::OutcomeAcknowledged if !finals.is_empty() => acknowledged = true,
                Event::Delete => deleted = true,
                Event::Created(_) | Event::CreateFailed(_) => creating = false,
                _ => {}
            }
            let again = event == Event::ReportAgain;
            for action in machine.on(event, now) {
                prop_assert!(!gone, "{action:?} after the end");
                match action {
                    Action::Create => {
                        prop_assert!(!creating, "two creations at once");
                        creating = true;
                    }
                    Action::Report(update) => {
                        if !again && !finals.is_empty() {
                            prop_assert!(false, "{update:?} after {finals:?}");
                        }
                        if !again && update.is_final() {
                            finals.push(update.status);
                        }
                    }
                    Action::Remove => prop_assert!(acknowledged || deleted),
                    Action::Forget => gone = true,
                    _ => {}
                }
            }
        }
        prop_assert!(finals.len() <= 1);
    }

    /// A stop always leads to a final status once the executor has done what it was told.
    #[test]
    fn a_stop_always_ends(before in prop::collection::vec(any_event(), 0..20)) {
        let mut machine = Machine::new(build());
        let now = Instant::now();
        let mut finals = 0;
        let mut count = |actions: &[Action]| {
            for action in actions {
                if matches!(action, Action::Report(update) if update.is_final()) {
                    finals += 1;
                }
            }
        };
        let started = before.iter().any(|event| matches!(event, Event::Launch | Event::Adopt));
        for event in before {
            count(&machine.on(event, now));
        }
        for event in [stop(), created(), ended(2), Event::LogsDrained] {
            count(&machine.on(event, now));
        }
        prop_assert!(finals >= 1 || !started || machine.is_gone() || !machine.is_live());
    }
}
