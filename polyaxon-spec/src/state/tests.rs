//! Tables for the rules, and laws over random lives.

use proptest::prelude::*;
use strum::IntoEnumIterator as _;

use super::*;

fn at(base: Status) -> RunState {
    RunState {
        base,
        fence: 3,
        report_seq: 5,
        ..RunState::default()
    }
}

fn report(status: Status) -> Event {
    Event::Report(Report {
        attempt: 1,
        fence: 3,
        seq: 6,
        status,
    })
}

#[test]
fn names_are_polyaxons() {
    let names: Vec<&str> = Status::iter().map(Status::as_str).collect();
    assert_eq!(
        names.join(" "),
        "created resuming on_schedule compiled queued scheduled starting running processing stopping failed stopped \
         succeeded skipped warning unschedulable upstream_failed retrying unknown done"
    );
    for status in Status::iter() {
        assert_eq!(Status::parse(status.as_str()), Ok(status));
        assert_eq!(
            serde_json::to_value(status).unwrap(),
            serde_json::json!(status.as_str())
        );
    }
    assert_eq!(
        Status::parse("Running").unwrap_err().to_string(),
        "`Running` is not a status"
    );
}

#[test]
fn a_life_without_surprises() {
    use Status::{Compiled, Processing, Queued, Running, Scheduled, Starting, Succeeded};
    let mut state = RunState::default();
    let mut seen = Vec::new();
    let reports = [Starting, Running, Processing, Succeeded];
    let events = [Event::Compile, Event::Queue, Event::Lease]
        .into_iter()
        .chain(reports.into_iter().zip(1..).map(|(status, seq)| {
            Event::Report(Report {
                attempt: 1,
                fence: 1,
                seq,
                status,
            })
        }));
    for event in events {
        state = transition(&state, event).unwrap();
        seen.push(state.shown());
    }
    assert_eq!(
        seen,
        [
            Compiled, Queued, Scheduled, Starting, Running, Processing, Succeeded
        ]
    );
}

#[test]
fn a_stop_ends_at_once_what_no_agent_has() {
    for status in Status::iter().filter(|status| status.rank().is_some()) {
        let stopped = transition(&at(status), Event::RequestStop);
        let expected = match status.rank() {
            Some(0..=2) => Ok(Status::Stopped),
            Some(3..=6) => Ok(Status::Stopping),
            _ => Err(Rejected::Final(status)),
        };
        assert_eq!(stopped.map(|state| state.base), expected, "{status}");
    }
}

#[test]
fn while_stopping_only_the_end_counts() {
    let stopping = RunState {
        stop_requested: true,
        ..at(Status::Stopping)
    };
    for status in Status::iter() {
        let next = transition(&stopping, report(status)).map(|state| state.shown());
        if matches!(status, Status::Failed | Status::Stopped | Status::Succeeded) {
            assert_eq!(next, Ok(status));
        } else {
            assert!(
                matches!(next, Err(Rejected::NotAfter { .. })),
                "{status}: {next:?}"
            );
        }
    }
}

#[test]
fn overlays_cover_and_leave() {
    let warned = transition(&at(Status::Starting), report(Status::Warning)).unwrap();
    assert_eq!(
        (warned.base, warned.shown()),
        (Status::Starting, Status::Warning)
    );
    let lost = transition(&warned, Event::LoseContact).unwrap();
    assert_eq!(lost.shown(), Status::Unknown);
    let back = transition(&lost, Event::RegainContact).unwrap();
    assert_eq!(back.shown(), Status::Starting);
    let adopted = transition(&lost, Event::Adopt).unwrap();
    assert_eq!((adopted.shown(), adopted.fence), (Status::Starting, 4));
    assert_eq!(
        transition(&at(Status::Stopping), Event::LoseContact),
        Err(Rejected::Impossible(Status::Stopping))
    );
}

#[test]
fn reports_are_refused_for_a_reason() {
    let running = at(Status::Running);
    let said = |attempt, fence, seq, status| {
        transition(
            &running,
            Event::Report(Report {
                attempt,
                fence,
                seq,
                status,
            }),
        )
    };
    assert_eq!(said(1, 2, 6, Status::Succeeded), Err(Rejected::Fenced(2)));
    assert_eq!(said(2, 3, 6, Status::Succeeded), Err(Rejected::Fenced(3)));
    assert_eq!(
        said(1, 3, 5, Status::Succeeded),
        Err(Rejected::Duplicate(5))
    );
    assert_eq!(
        said(1, 3, 6, Status::Starting),
        Err(Rejected::NotAfter {
            from: Status::Running,
            to: Status::Starting
        })
    );
    assert_eq!(
        said(1, 3, 6, Status::Queued),
        Err(Rejected::NotAfter {
            from: Status::Running,
            to: Status::Queued
        })
    );
    assert_eq!(
        transition(&at(Status::Succeeded), report(Status::Succeeded)),
        Err(Rejected::Duplicate(6))
    );
    assert_eq!(
        transition(&at(Status::Succeeded), report(Status::Failed)),
        Err(Rejected::Final(Status::Succeeded))
    );
    assert_eq!(
        transition(&at(Status::Queued), report(Status::Running)),
        Err(Rejected::Fenced(3))
    );
}

#[test]
fn a_launch_that_did_not_happen_is_handed_back() {
    let back = transition(&at(Status::Scheduled), Event::HandBack).unwrap();
    assert_eq!(
        (back.base, back.attempt, back.fence),
        (Status::Queued, 1, 4)
    );
    let stopping = RunState {
        stop_requested: true,
        ..at(Status::Stopping)
    };
    assert_eq!(
        transition(&stopping, Event::HandBack).map(|state| state.base),
        Ok(Status::Stopped)
    );
    assert!(transition(&at(Status::Running), Event::HandBack).is_err());
}

#[test]
fn further_attempts_keep_the_fence_growing() {
    let retried = transition(&at(Status::Running), Event::Retry).unwrap();
    assert_eq!(
        (retried.base, retried.attempt, retried.fence),
        (Status::Retrying, 2, 4)
    );
    assert_eq!(
        transition(&retried, Event::Compile).map(|state| state.base),
        Ok(Status::Compiled)
    );
    let resumed = transition(&at(Status::Failed), Event::Resume).unwrap();
    assert_eq!((resumed.base, resumed.attempt), (Status::Resuming, 2));
    let stopping = RunState {
        stop_requested: true,
        ..at(Status::Stopping)
    };
    assert_eq!(
        transition(&stopping, Event::Retry),
        Err(Rejected::StopRequested)
    );
}

fn any_status() -> impl Strategy<Value = Status> {
    proptest::sample::select(Status::iter().collect::<Vec<_>>())
}

/// An event; reports carry differences to the present state, so that many of them fit.
fn any_event() -> impl Strategy<Value = (Event, i64, i64, i64)> {
    let event = prop_oneof![
        1 => Just(Event::Compile),
        1 => Just(Event::Queue),
        1 => Just(Event::Lease),
        1 => Just(Event::HandBack),
        1 => Just(Event::Adopt),
        6 => any_status().prop_map(|status| Event::Report(Report { attempt: 0, fence: 0, seq: 0, status })),
        1 => Just(Event::RequestStop),
        1 => Just(Event::LoseContact),
        1 => Just(Event::RegainContact),
        1 => any_status().prop_map(Event::End),
        1 => Just(Event::Retry),
        1 => Just(Event::Resume),
    ];
    (event, -1..=1i64, -1..=1i64, -1..=2i64)
}

proptest! {
    #[test]
    fn every_life_obeys_the_laws(events in proptest::collection::vec(any_event(), 0..80)) {
        let mut state = RunState::default();
        for (event, attempt, fence, seq) in events {
            let event = match event {
                Event::Report(report) => Event::Report(Report {
                    attempt: state.attempt.saturating_add_signed(i32::try_from(attempt).unwrap()),
                    fence: state.fence.saturating_add_signed(fence),
                    seq: state.report_seq.saturating_add_signed(seq),
                    ..report
                }),
                other => other,
            };
            let Ok(next) = transition(&state, event) else { continue };
            prop_assert!(next.base.rank().is_some(), "an overlay never becomes the base");
            prop_assert!(next.fence >= state.fence && next.attempt >= state.attempt);
            prop_assert!(next.overlay.is_none() || matches!(next.rank(), 3..=5));
            if state.base.is_final() {
                prop_assert_eq!(next.attempt, state.attempt + 1);
            }
            if next.attempt == state.attempt && next.rank() < state.rank() {
                prop_assert_eq!(event, Event::HandBack);
                prop_assert!(next.fence > state.fence);
            }
            if next.attempt > state.attempt {
                prop_assert!(next.fence > state.fence);
            }
            if let Event::Report(report) = event {
                prop_assert_eq!(report.fence, state.fence);
                prop_assert_eq!(report.attempt, state.attempt);
                prop_assert!(next.report_seq > state.report_seq);
            }
            if state.stop_requested && !state.base.is_final() {
                prop_assert!(next.base == Status::Stopping || next.base.is_final());
            }
            state = next;
        }
    }

    #[test]
    fn a_stop_leads_to_an_end(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut state = RunState::default();
        for (event, ..) in events {
            state = transition(&state, event).unwrap_or(state);
        }
        if !state.base.is_final() {
            let asked = transition(&state, Event::RequestStop).unwrap();
            let ended = if asked.base.is_final() {
                asked
            } else {
                transition(&asked, Event::Report(Report {
                    attempt: asked.attempt,
                    fence: asked.fence,
                    seq: asked.report_seq + 1,
                    status: Status::Stopped,
                })).unwrap()
            };
            prop_assert_eq!(ended.base, Status::Stopped);
        }
    }
}
