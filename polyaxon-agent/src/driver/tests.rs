//! The driver with its connection, against a hub that speaks the protocol and remembers.

mod fake_executor;
mod fake_hub;

use std::sync::Arc;
use std::time::Duration;

use polyaxon_proto::agent::v1::{Directive, LeaseItem, directive, report_result};
use polyaxon_proto::runs::v1::Status;
use polyaxon_spec::plan::{ContainerPlan, PodPlan, Role};
use secrecy::SecretString;
use tokio::task::JoinHandle;

use self::fake_executor::FakeExecutor;
use self::fake_hub::FakeHub;
use super::*;
use crate::agent::Agent;
use crate::health::{self, Vitals};
use crate::hub::{HubClient, Identity};
use crate::planning::{AttemptPlan, BuildPlan, Refusal};
use polyaxon_registry::Registry;

/// Kind of the items that are planned as builds.
const BUILD: &str = "build";

const RUN: &str = "0123456789abcdef0123456789abcdef";

struct Plans;

impl Planner for Plans {
    fn plan(&self, item: &LeaseItem) -> Result<AttemptPlan, Refusal> {
        if item.compiled.is_empty() {
            return Err(Refusal {
                reason: "invalid".to_owned(),
                message: "nothing to plan".to_owned(),
            });
        }
        Ok(AttemptPlan {
            key: AttemptKey::new(item.run.clone(), item.attempt),
            fence: item.fence,
            spec_hash: item.spec_hash.clone(),
            pod: PodPlan {
                containers: vec![ContainerPlan {
                    name: "polyaxon-main".to_owned(),
                    role: Role::Main,
                    ..ContainerPlan::default()
                }],
                ..PodPlan::default()
            },
            build: (item.kind == BUILD).then(BuildPlan::default),
        })
    }
}

struct Running {
    task: JoinHandle<Ended>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts an agent as the service does.
fn agent(hub: &FakeHub, executor: &Arc<FakeExecutor>) -> Running {
    agent_with(hub, executor, &Vitals::default())
}

fn agent_with(hub: &FakeHub, executor: &Arc<FakeExecutor>, vitals: &Vitals) -> Running {
    let agent = Agent {
        hub: HubClient::new(&hub.url, &SecretString::from("token")).expect("client"),
        identity: Identity {
            replica: "one".to_owned(),
            queues: Vec::new(),
            catalog: b"{}".to_vec(),
        },
        executor: Arc::clone(executor) as Arc<dyn Executor>,
        planner: Arc::new(Plans),
        confirmer: Confirmer {
            registry: Registry::new(None, Vec::new()).expect("client"),
            secrets_dir: None,
            pause: Duration::from_millis(1),
        },
        max_runs: 2,
        require_confirmation: false,
        vitals: vitals.clone(),
    };
    Running {
        task: tokio::spawn(agent.run(CancellationToken::new(), || {})),
    }
}

fn item(fence: u64) -> LeaseItem {
    LeaseItem {
        run: RUN.to_owned(),
        attempt: 1,
        fence,
        compiled: b"{}".as_slice().into(),
        ..LeaseItem::default()
    }
}

fn order(kind: directive::Kind, item: LeaseItem) -> Directive {
    Directive {
        kind: kind.into(),
        run: item.run.clone(),
        attempt: item.attempt,
        fence: item.fence,
        reason: "by user".to_owned(),
        item: Some(item),
    }
}

/// An agent whose run of fence 5 is running.
async fn running() -> (FakeHub, Arc<FakeExecutor>, Running) {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    let agent = agent(&hub, &executor);
    hub.lease(item(5));
    hub.until(|seen| seen.statuses().contains(&Status::Running))
        .await;
    (hub, executor, agent)
}

fn key() -> AttemptKey {
    AttemptKey::new(RUN, 1)
}

#[tokio::test]
async fn a_leased_run_is_launched_followed_reported_and_removed() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    let _agent = agent(&hub, &executor);
    hub.lease(item(5));
    hub.until(|seen| seen.statuses() == [Status::Starting, Status::Running])
        .await;
    executor.end(0);
    hub.until(|seen| seen.statuses().last() == Some(&Status::Succeeded))
        .await;
    let seen = hub.seen();
    assert_eq!(seen.launches.len(), 1);
    assert_eq!(seen.launches[0].object_uid, "uid");
    assert!(
        seen.reports
            .iter()
            .all(|report| report.isolation.is_empty())
    );
    assert!(seen.reports.iter().all(|report| report.fence == 5));
    assert!(
        seen.reports.is_sorted_by_key(|report| report.seq) && seen.reports[0].seq > 1 << 32,
        "numbers start at the epoch"
    );
    assert_eq!(seen.log, b"one\ntwo");
    assert!(seen.log_ended_before_final, "the log's end comes first");
    executor.until_removed(&key()).await;
}

#[tokio::test]
async fn what_cannot_be_launched_soon_waits_in_the_hub() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    executor.launch_slowly(1);
    let _agent = agent(&hub, &executor);
    hub.lease(item(5));
    for _ in 0..500 {
        if hub.waiting() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(hub.waiting(), 0, "the first one is taken");
    // The agent has a second place, but the first one is not launched yet.
    hub.lease(LeaseItem {
        run: RUN.replace('0', "f"),
        ..item(6)
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(hub.waiting(), 1);
}

#[tokio::test]
async fn a_failure_is_reported_with_its_lines() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    let _agent = agent(&hub, &executor);
    hub.lease(item(5));
    executor.end(3);
    hub.until(|seen| seen.statuses().last() == Some(&Status::Failed))
        .await;
    let seen = hub.seen();
    let failure = seen.reports.last().and_then(|last| last.failure.clone());
    let failure = failure.expect("a failure");
    assert_eq!((failure.exit_code, failure.last_lines.len()), (3, 1));
    assert_eq!(failure.class, "", "only builds are classified");
}

#[tokio::test]
async fn a_build_that_failed_is_classified_by_its_log() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    let _agent = agent(&hub, &executor);
    hub.lease(LeaseItem {
        kind: BUILD.to_owned(),
        ..item(5)
    });
    executor.end(3);
    hub.until(|seen| seen.statuses().last() == Some(&Status::Failed))
        .await;
    let last = hub.seen().reports.pop().expect("a report");
    let failure = last.failure.expect("a failure");
    assert_eq!(
        (failure.class.as_str(), failure.retry.as_str()),
        ("unknown", "once")
    );
    assert_eq!(failure.last_lines, ["one", "two"], "each line once");
    assert_eq!(last.isolation, "userns");
    assert_eq!(
        (last.reason.as_str(), last.message),
        ("Unknown", failure.message)
    );
}

#[tokio::test]
async fn a_stop_that_the_hub_repeats_ends_the_run_once() {
    let (hub, executor, _agent) = running().await;
    hub.direct(vec![order(directive::Kind::Stop, item(5))]);
    hub.until(|seen| seen.statuses().last() == Some(&Status::Stopped))
        .await;
    executor.until_removed(&key()).await;
    assert_eq!(executor.stops(), 1);
}

#[tokio::test]
async fn a_stop_of_what_is_not_here_is_answered() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    let _agent = agent(&hub, &executor);
    hub.direct(vec![order(directive::Kind::Stop, item(9))]);
    hub.until(|seen| seen.statuses() == [Status::Stopped]).await;
}

#[tokio::test]
async fn what_cannot_be_planned_is_rejected_and_not_run() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    let _agent = agent(&hub, &executor);
    hub.lease(LeaseItem {
        compiled: bytes::Bytes::new(),
        ..item(5)
    });
    hub.until(|seen| seen.launches.len() == 1).await;
    assert_eq!(hub.seen().launches[0].error, "nothing to plan");
    assert!(executor.created().is_empty());
}

#[tokio::test]
async fn what_the_engine_refuses_is_rejected() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    executor.refuse("no such secret");
    let _agent = agent(&hub, &executor);
    hub.lease(item(5));
    hub.until(|seen| seen.launches.len() == 1).await;
    assert_eq!(hub.seen().launches[0].error, "no such secret");
    assert_eq!(hub.seen().statuses(), []);
}

#[tokio::test]
async fn a_new_agent_adopts_and_its_reports_are_newer() {
    let (hub, executor, first) = running().await;
    drop(first);
    let before = hub.seen().reports.last().map(|last| last.seq);
    hub.on_sync(vec![order(directive::Kind::Keep, item(6))]);
    let _second = agent(&hub, &executor);
    executor.end(0);
    hub.until(|seen| seen.statuses().last() == Some(&Status::Succeeded))
        .await;
    let seen = hub.seen();
    let last = seen.reports.last().expect("a report");
    assert!(Some(last.seq) > before);
    assert_eq!(last.fence, 6);
    assert_eq!(seen.inventory, [RUN]);
    assert_eq!(executor.created().len(), 1, "launched once");
    assert_eq!(seen.log, b"one\ntwo", "nothing is lost or doubled");
}

#[tokio::test]
async fn what_the_hub_has_of_an_adopted_run_is_not_read_again_but_for_what_a_build_did() {
    for (kind, reads) in [("job", 0), (BUILD, 2)] {
        let hub = FakeHub::start().await;
        hub.has_logs();
        let kept = LeaseItem {
            kind: kind.to_owned(),
            ..item(6)
        };
        hub.on_sync(vec![order(directive::Kind::Keep, kept)]);
        let executor = FakeExecutor::new();
        executor.is_over(false);
        let _agent = agent(&hub, &executor);
        executor.until_removed(&key()).await;
        assert_eq!(executor.reads(), reads, "{kind}");
        assert_eq!(hub.seen().log, b"one\ntwo");
    }
}

#[tokio::test]
async fn an_output_that_is_whole_and_empty_is_read_once() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    executor.is_over(true);
    let _agent = agent(&hub, &executor);
    hub.lease(item(5));
    executor.until_removed(&key()).await;
    assert_eq!(executor.reads(), 1);
}

#[tokio::test]
async fn a_fenced_report_leads_to_a_new_session_and_is_sent_again() {
    // An older hub sends the work again to an agent that says that it has it.
    for work in [None, Some(item(7))] {
        let (hub, executor, _agent) = running().await;
        hub.on_sync(vec![Directive {
            item: work,
            ..order(directive::Kind::Keep, item(7))
        }]);
        hub.answer_reports(Some(report_result::Outcome::Fenced));
        executor.end(0);
        hub.until(|seen| seen.sessions == 2).await;
        hub.answer_reports(None);
        hub.until(|seen| seen.statuses().last() == Some(&Status::Succeeded))
            .await;
        let seen = hub.seen();
        assert_eq!(seen.known, [true]);
        assert_eq!(seen.reports.last().map(|last| last.fence), Some(7));
        executor.until_removed(&key()).await;
    }
}

#[tokio::test]
async fn what_the_hub_does_not_want_is_removed() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    hub.on_sync(vec![order(directive::Kind::Delete, item(5))]);
    let _agent = agent(&hub, &executor);
    executor.until_removed(&key()).await;
    assert_eq!(hub.seen().statuses(), []);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_ends_the_agent() {
    let hub = FakeHub::start().await;
    hub.deny();
    let mut agent = agent(&hub, &FakeExecutor::new());
    let ended = (&mut agent.task).await.expect("task");
    assert!(matches!(ended, Ended::Denied(_)), "{ended:?}");
}

#[tokio::test]
async fn an_agent_that_was_fenced_stands_by_and_touches_nothing() {
    let (hub, executor, _agent) = running().await;
    hub.take(true);
    hub.until(|seen| seen.polite >= 3).await;
    // The other process ends the run meanwhile.
    executor.end(0);
    let before = hub.seen();
    hub.until(|seen| seen.polite >= before.polite + 2).await;
    let seen = hub.seen();
    assert_eq!((seen.sessions, seen.statuses().len()), (1, 2));
    assert_eq!(executor.stops(), 0);

    hub.on_sync(vec![order(directive::Kind::Keep, item(9))]);
    hub.take(false);
    hub.until(|seen| seen.statuses().last() == Some(&Status::Succeeded))
        .await;
    let seen = hub.seen();
    assert_eq!(seen.sessions, 2, "nobody was fenced a second time");
    assert_eq!(seen.inventory, [RUN]);
    assert_eq!(seen.reports.last().map(|last| last.fence), Some(9));
    assert_eq!(executor.created().len(), 1, "launched once");
    assert_eq!(seen.log, b"one\ntwo", "nothing is lost or doubled");
}

#[tokio::test]
async fn an_agent_that_stood_still_launches_nothing_before_it_is_heard_again() {
    let hub = FakeHub::start().await;
    let executor = FakeExecutor::new();
    let _agent = agent(&hub, &executor);
    hub.until(|seen| seen.sessions == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // Another process takes over while an answer is on its way, and everything here stands still for longer than an
    // answer is trusted.
    hub.take(true);
    hub.lease(item(5));
    std::thread::sleep(Duration::from_secs(1));
    hub.until(|seen| seen.polite >= 3).await;
    assert_eq!(executor.created(), []);
}

async fn asked(health: &health::Serving, path: &str) -> (u16, String) {
    let url = format!("http://{}{path}", health.address());
    let answer = reqwest::get(url).await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.text().await.expect("text"))
}

#[tokio::test]
async fn its_health_can_be_asked_for() {
    let (hub, executor) = (FakeHub::start().await, FakeExecutor::new());
    let vitals = Vitals::default();
    let loopback = "127.0.0.1:0".parse().expect("address");
    let health = health::serve(loopback, vitals.clone())
        .await
        .expect("a port");
    assert_eq!(asked(&health, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(
        asked(&health, "/readyz").await,
        (503, "starting\n".to_owned())
    );
    vitals.is(health::Role::Leads);
    assert_eq!(asked(&health, "/readyz").await.0, 503);
    hub.lease(item(1));
    let _agent = agent_with(&hub, &executor, &vitals);
    hub.until(|heard| heard.statuses().contains(&Status::Running))
        .await;
    assert_eq!(asked(&health, "/readyz").await, (200, "ready\n".to_owned()));
    let numbers = async |lines: &[&str]| {
        let mut text = String::new();
        for _ in 0..500 {
            text = asked(&health, "/metrics").await.1;
            if lines
                .iter()
                .all(|line| text.lines().any(|found| found == *line))
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{lines:?} are not in\n{text}");
    };
    let text = numbers(&[
        "polyaxon_agent_live_runs 1",
        "polyaxon_agent_max_runs 2",
        "polyaxon_agent_created_attempts_total 1",
        "polyaxon_agent_waiting_reports 0",
    ])
    .await;
    assert!(text.contains("polyaxon_agent_last_hub_contact_timestamp_seconds 1"));
    executor.end(0);
    executor.until_removed(&key()).await;
    numbers(&[
        "polyaxon_agent_live_runs 0",
        "polyaxon_agent_created_attempts_total 1",
    ])
    .await;
    hub.take(true);
    for _ in 0..500 {
        if asked(&health, "/readyz").await.0 == 503 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("ready while another process speaks");
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = taken.local_addr().expect("address");
    let refused = health::serve(address, Vitals::default())
        .await
        .expect_err("taken");
    let words = refused.to_string();
    assert!(
        words.contains(&format!("cannot listen on `{address}`")),
        "{words}"
    );
    assert!(words.contains("--health-listen"), "{words}");
}
