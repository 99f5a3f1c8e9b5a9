//! Attempts that follow failed ones, and runs whose agent never comes back.

use polyaxon_proto::agent::v1::directive::Kind;
use polyaxon_proto::agent::v1::report_result::Outcome;
use polyaxon_proto::agent::v1::{LeaseItem, StatusReport};
use polyaxon_proto::runs::v1::{Failure, Run, Status as RunStatus};
use tonic::Code;

use crate::support::agent::{FakeAgent, inventory, kinds, report};
use crate::support::runs::{OPERATION, User};
use crate::support::{TestHub, reason};

fn failed(item: &LeaseItem, class: &str, retry: &str) -> StatusReport {
    StatusReport {
        message: "the registry could not be reached".into(),
        failure: Some(Failure {
            class: class.into(),
            retry: retry.into(),
            message: "the registry could not be reached".into(),
            ..Failure::default()
        }),
        ..report(item, 9, RunStatus::Failed)
    }
}

async fn launched(agent: &mut FakeAgent) -> LeaseItem {
    let item = agent.lease(1, 10_000).await.remove(0);
    agent.launched(&item).await;
    agent.report(&item, 1, RunStatus::Running).await;
    item
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_until_the_budget_is_used() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    for attempt in 1..=2 {
        let item = launched(&mut agent).await;
        assert_eq!(item.attempt, attempt);
        let said = failed(&item, "registry_network", "yes");
        let outcomes = agent.report_all(vec![said.clone()]).await.unwrap();
        assert_eq!(outcomes, [Outcome::Ok]);
        let waiting = user.get(&run).await;
        assert_eq!(
            (waiting.status(), waiting.attempt),
            (RunStatus::Retrying, attempt + 1)
        );
        assert_eq!(waiting.max_attempts, 3);
        assert!(waiting.next_attempt_at.is_some() && waiting.failure.is_none());
        let earlier: Vec<_> = waiting
            .earlier_attempts
            .iter()
            .map(|earlier| {
                let class = earlier.failure.as_ref().map(|failure| &failure.class[..]);
                (earlier.attempt, class)
            })
            .collect();
        let expected: Vec<_> = (1..=attempt)
            .map(|attempt| (attempt, Some("registry_network")))
            .collect();
        assert_eq!(earlier, expected);
        assert!(
            agent.lease(1, 0).await.is_empty(),
            "the next attempt waits for its time"
        );
        // The answer got lost: the agent says it again and may clean up.
        let outcomes = agent.report_all(vec![said]).await.unwrap();
        assert_eq!(outcomes, [Outcome::Duplicate]);
        let late = report(&item, 10, RunStatus::Running);
        assert_eq!(
            agent.report_all(vec![late]).await.unwrap(),
            [Outcome::Stale]
        );
        hub.clock.advance(16);
        agent.renew().await.unwrap();
    }
    let item = launched(&mut agent).await;
    agent
        .report_all(vec![failed(&item, "registry_network", "yes")])
        .await
        .unwrap();
    let ended = user.get(&run).await;
    assert_eq!((ended.status(), ended.attempt), (RunStatus::Failed, 3));
    assert_eq!(
        (ended.earlier_attempts.len(), ended.next_attempt_at),
        (2, None)
    );
    let failure = ended.failure.unwrap();
    assert_eq!(
        (failure.class.as_str(), failure.retry.as_str()),
        ("registry_network", "yes")
    );
    let finals = user
        .events(&run)
        .await
        .into_iter()
        .filter(|event| event.status() == RunStatus::Failed)
        .count();
    assert_eq!(finals, 1);
}

#[tokio::test]
async fn an_attempt_gets_the_rest_of_the_time_and_its_own_isolation() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let operation = OPERATION.replace(r#""name""#, r#""termination":{"timeout":60},"name""#);
    let created = user.try_create(&operation, "").await.unwrap();
    let run = created.run.unwrap();
    let item = agent.lease(1, 10_000).await.remove(0);
    assert_eq!(item.remaining_ms, None, "its time does not run yet");
    agent.launched(&item).await;
    let said = StatusReport {
        isolation: "userns".into(),
        ..report(&item, 1, RunStatus::Running)
    };
    agent.report_all(vec![said]).await.unwrap();
    hub.clock.advance(20);
    agent.renew().await.unwrap();
    let again = failed(&item, "registry_network", "yes");
    agent.report_all(vec![again]).await.unwrap();
    assert_eq!(user.get(&run).await.isolation, "", "of the first attempt");
    hub.clock.advance(16);
    agent.renew().await.unwrap();
    let item = agent.lease(1, 10_000).await.remove(0);
    assert_eq!((item.attempt, item.remaining_ms), (2, Some(24_000)));
    agent.launched(&item).await;
    let said = StatusReport {
        isolation: "root-caps-dropped".into(),
        ..report(&item, 1, RunStatus::Running)
    };
    let silent = report(&item, 2, RunStatus::Succeeded);
    agent.report_all(vec![said, silent]).await.unwrap();
    assert_eq!(user.get(&run).await.isolation, "root-caps-dropped");
}

#[tokio::test]
async fn the_user_says_how_often() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let with = |count: u32| {
        OPERATION.replace(
            r#""name""#,
            &format!(r#""termination":{{"maxRetries":{count}}},"name""#),
        )
    };
    for (operation, class, retry, expected) in [
        (with(0), "registry_network", "yes", RunStatus::Failed),
        (with(3), "run_failed", "no", RunStatus::Failed),
        (with(3), "", "", RunStatus::Retrying),
        (OPERATION.to_owned(), "", "", RunStatus::Failed),
        (OPERATION.to_owned(), "evicted", "yes", RunStatus::Retrying),
    ] {
        let run = user.try_create(&operation, "").await.unwrap().run.unwrap();
        let item = launched(&mut agent).await;
        agent
            .report_all(vec![failed(&item, class, retry)])
            .await
            .unwrap();
        assert_eq!(user.status(&run).await, expected, "{operation} {class}");
        user.stop(&run).await;
    }
}

/// A run of an agent that is not heard of any more.
async fn lost(hub: &TestHub, agent: &mut FakeAgent, user: &mut User) -> (Run, LeaseItem) {
    let run = user.create().await;
    let item = launched(agent).await;
    hub.clock.advance(25);
    user.until(&run, RunStatus::Unknown).await;
    (run, item)
}

#[tokio::test]
async fn a_run_whose_agent_never_comes_back_is_given_up() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let (run, item) = lost(&hub, &mut agent, &mut user).await;
    let unknown = user.get(&run).await;
    assert_eq!(unknown.reason, "AgentUnreachable");

    let stopping = user.try_stop(&run, false).await.unwrap();
    assert_eq!(
        stopping.status(),
        RunStatus::Stopping,
        "nobody is there to end it"
    );
    let given_up = user.try_stop(&run, true).await.unwrap();
    assert_eq!(
        (given_up.status(), given_up.reason.as_str()),
        (RunStatus::Stopped, "Abandoned")
    );
    assert!(
        given_up.message.contains("may still run"),
        "{}",
        given_up.message
    );

    // The agent was not dead: it has to say what it has, and is told to remove it.
    let late = agent.report_all(vec![report(&item, 7, RunStatus::Succeeded)]);
    assert_eq!(late.await.unwrap_err().code(), Code::Aborted);
    let mut back = FakeAgent::start_again(&agent).await;
    let synced = back.sync(vec![inventory(&item)]).await.unwrap();
    assert_eq!(kinds(&synced.directives), [Kind::Delete]);
    let late = vec![report(&item, 8, RunStatus::Succeeded)];
    assert_eq!(back.report_all(late).await.unwrap(), [Outcome::Stale]);
    assert_eq!(user.status(&run).await, RunStatus::Stopped);
}

#[tokio::test]
async fn a_run_whose_agent_is_there_is_not_given_up() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    assert_eq!(
        user.try_stop(&run, true).await.unwrap().status(),
        RunStatus::Stopped,
        "no agent has it"
    );
    let run = user.create().await;
    launched(&mut agent).await;
    let refused = user.try_stop(&run, true).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "AGENT_IS_THERE")
    );
    user.stop(&run).await;
    let given_up = user.try_stop(&run, true).await.unwrap();
    assert_eq!(
        given_up.status(),
        RunStatus::Stopped,
        "the agent was asked and did not do it"
    );
}
