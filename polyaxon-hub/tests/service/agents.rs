//! Sessions, leases, reports and recovery.

use std::time::{Duration, Instant};

use polyaxon_proto::agent::v1::ack_launch_request::Outcome as Launch;
use polyaxon_proto::agent::v1::report_result::Outcome;
use polyaxon_proto::agent::v1::{CloseSessionRequest, directive::Kind};
use polyaxon_proto::hub::v1::Scope;
use polyaxon_proto::runs::v1::Status as RunStatus;
use tonic::Code;

use crate::support::agent::{FakeAgent, inventory, kinds, report};
use crate::support::runs::{OPERATION, User};
use crate::support::{TestHub, reason};

#[tokio::test]
async fn a_newer_session_fences_the_older_one() {
    let hub = TestHub::start().await;
    let token = hub.token("cluster", Scope::Agent).await;
    let mut old = FakeAgent::open(&hub, &token, &[]).await;
    let unsynced = old.try_lease(1, 0).await.unwrap_err();
    assert_eq!(
        (unsynced.code(), reason(&unsynced)),
        (Code::FailedPrecondition, "NOT_SYNCED")
    );
    old.sync(Vec::new()).await.unwrap();
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let item = old.lease(1, 1000).await.remove(0);
    old.launched(&item).await;

    let waiting = {
        let mut old = FakeAgent {
            client: old.client.clone(),
            session: old.session.clone(),
        };
        tokio::spawn(async move { old.try_lease(1, 20_000).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    let mut new = FakeAgent::open(&hub, &token, &[]).await;
    assert_eq!(new.session.epoch, old.session.epoch + 1);
    let fenced = waiting.await.unwrap().unwrap_err();
    assert_eq!((fenced.code(), reason(&fenced)), (Code::Aborted, "FENCED"));
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "a poll of the old session ends"
    );
    let refused = old
        .report_all(vec![report(&item, 1, RunStatus::Failed)])
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(
        old.push(&item, 0, &["x"], false).await.unwrap_err().code(),
        Code::Aborted
    );

    let synced = new.sync(vec![inventory(&item)]).await.unwrap();
    assert_eq!(kinds(&synced.directives), [Kind::Keep]);
    let kept = synced.directives[0].item.clone().unwrap();
    assert!(kept.fence > item.fence);
    // The old fence is worth nothing any more, the new one counts from 1 again.
    assert_eq!(
        new.report(&item, 9, RunStatus::Failed).await,
        Outcome::Fenced
    );
    assert_eq!(new.report(&kept, 1, RunStatus::Running).await, Outcome::Ok);
    assert_eq!(user.status(&run).await, RunStatus::Running);
}

#[tokio::test]
async fn who_asks_politely_fences_nobody_that_is_heard() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let refused = FakeAgent::ask_if_vacant(&agent, "other").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "SESSION_TAKEN")
    );
    assert!(
        refused.message().contains("the process `r` speaks"),
        "{refused:?}"
    );
    agent.renew().await.unwrap();
    let again = FakeAgent::ask_if_vacant(&agent, "r").await.unwrap();
    let session = again.session.unwrap();
    assert_eq!(session.epoch, agent.session.epoch + 1);
    agent.session = session;
    let closing = CloseSessionRequest {
        session: Some(agent.session.clone()),
    };
    agent.client.close_session(closing).await.unwrap();
    FakeAgent::ask_if_vacant(&agent, "other").await.unwrap();
}

#[tokio::test]
async fn reports_count_once_and_in_order() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    assert_eq!(
        agent.report(&item, 1, RunStatus::Running).await,
        Outcome::Ok
    );
    assert_eq!(
        agent.report(&item, 1, RunStatus::Running).await,
        Outcome::Duplicate
    );
    assert_eq!(
        agent.report(&item, 2, RunStatus::Starting).await,
        Outcome::Stale
    );
    assert_eq!(
        agent.report(&item, 3, RunStatus::Succeeded).await,
        Outcome::Ok
    );
    assert_eq!(
        agent.report(&item, 3, RunStatus::Succeeded).await,
        Outcome::Duplicate
    );
    assert_eq!(
        agent.report(&item, 4, RunStatus::Failed).await,
        Outcome::Stale
    );
    assert_eq!(user.status(&run).await, RunStatus::Succeeded);
    let mut unknown = item.clone();
    unknown.run = "0".repeat(32);
    assert_eq!(
        agent.report(&unknown, 1, RunStatus::Running).await,
        Outcome::NotFound
    );
    let events = user.events(&run).await;
    let ignored: Vec<RunStatus> = events
        .iter()
        .filter(|event| event.ignored)
        .map(polyaxon_proto::runs::v1::Event::status)
        .collect();
    assert_eq!(ignored, [RunStatus::Starting, RunStatus::Failed]);
    let finals = events
        .iter()
        .filter(|event| !event.ignored && event.status() == RunStatus::Succeeded)
        .count();
    assert_eq!(finals, 1);
    assert_eq!(events.last().unwrap().source, "agent cluster");
}

#[tokio::test]
async fn a_launch_that_was_refused_fails_the_run() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    for (outcome, expected) in [
        (Launch::Rejected, "LaunchRejected"),
        (Launch::Conflict, "ObjectConflict"),
    ] {
        let run = user.create().await;
        let item = agent.lease(1, 1000).await.remove(0);
        agent.ack(&item, outcome).await.unwrap();
        let run = user.get(&run).await;
        assert_eq!(
            (run.status(), run.reason.as_str(), run.message.as_str()),
            (RunStatus::Failed, expected, "no such image")
        );
        let late = agent.ack(&item, Launch::Created).await.unwrap();
        assert_eq!(kinds(&late.directives), [Kind::Delete]);
    }
}

#[tokio::test]
async fn queues_take_turns_and_keep_their_limits() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[("gpu", 0, 1), ("urgent", 10, -1)]).await;
    let mut user = User::of(&hub).await;
    for queue in ["default", "gpu", "gpu", "cluster/urgent"] {
        let operation = OPERATION.replace(r#""name""#, &format!(r#""queue":"{queue}","name""#));
        user.try_create(&operation, "").await.unwrap();
    }
    assert_eq!(agent.lease(1, 0).await[0].queue, "urgent");
    let mut queues: Vec<String> = agent
        .lease(5, 0)
        .await
        .into_iter()
        .map(|item| item.queue)
        .collect();
    queues.sort();
    assert_eq!(queues, ["default", "gpu"]);
    assert!(
        agent.lease(5, 0).await.is_empty(),
        "the second gpu run waits"
    );
}

#[tokio::test]
async fn a_poll_is_woken_by_a_new_run() {
    let hub = TestHub::start().await;
    let agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let polling = {
        let mut agent = FakeAgent {
            client: agent.client.clone(),
            session: agent.session.clone(),
        };
        tokio::spawn(async move { agent.lease(1, 20_000).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    let started = Instant::now();
    let run = user.create().await;
    assert_eq!(polling.await.unwrap()[0].run, run.uuid);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn what_was_leased_and_not_launched_is_launched_again() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let lost = agent.lease(1, 1000).await.remove(0);
    assert!(agent.renew().await.unwrap().is_empty(), "it has its time");
    hub.clock.advance(31);
    let again = agent.renew().await.unwrap();
    assert_eq!(kinds(&again), [Kind::LaunchAgain]);
    assert_eq!(
        (again[0].run.as_str(), again[0].fence),
        (run.uuid.as_str(), lost.fence)
    );

    // Another process of the agent knows nothing of it.
    let session = agent.session.clone();
    let mut next = FakeAgent::start_again(&agent).await;
    assert_ne!(next.session, session);
    let synced = next.sync(Vec::new()).await.unwrap();
    assert_eq!(kinds(&synced.directives), [Kind::LaunchAgain]);
    let item = synced.directives[0].item.clone().unwrap();
    assert!(item.fence > lost.fence);
    next.launched(&item).await;
    assert_eq!(next.report(&item, 1, RunStatus::Running).await, Outcome::Ok);
}

#[tokio::test]
async fn sync_keeps_deletes_and_misses() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let mut items = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(user.create().await);
        let item = agent.lease(1, 1000).await.remove(0);
        agent.launched(&item).await;
        agent.report(&item, 1, RunStatus::Running).await;
        items.push(item);
    }
    agent.report(&items[1], 2, RunStatus::Succeeded).await;
    user.stop(&runs[2]).await;
    let mut stranger = inventory(&items[0]);
    stranger.run = "f".repeat(32);
    let present = vec![
        inventory(&items[0]),
        inventory(&items[1]),
        inventory(&items[2]),
        stranger,
    ];
    let mut next = FakeAgent::start_again(&agent).await;
    let synced = next.sync(present).await.unwrap();
    let orders: Vec<(usize, Kind)> = synced
        .directives
        .iter()
        .map(|one| {
            (
                runs.iter().position(|run| run.uuid == one.run).unwrap_or(9),
                one.kind(),
            )
        })
        .collect();
    assert_eq!(
        orders,
        [
            (0, Kind::Keep),
            (1, Kind::Delete),
            (2, Kind::Keep),
            (2, Kind::Stop),
            (9, Kind::Delete)
        ]
    );
    let missing = user.get(&runs[3]).await;
    assert_eq!(
        (missing.status(), missing.reason.as_str()),
        (RunStatus::Failed, "ObjectVanished")
    );
}

#[tokio::test]
async fn an_object_stays_until_its_log_is_complete() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.push(&item, 0, &["one"], false).await.unwrap();
    agent.report(&item, 1, RunStatus::Succeeded).await;
    let mut next = FakeAgent::start_again(&agent).await;
    let synced = next.sync(vec![inventory(&item)]).await.unwrap();
    assert_eq!(kinds(&synced.directives), [Kind::Keep]);
    assert_eq!(next.push(&item, 0, &["one", "two"], true).await.unwrap(), 8);
    let synced = next.sync(vec![inventory(&item)]).await.unwrap();
    assert_eq!(kinds(&synced.directives), [Kind::Delete]);
    assert_eq!(user.log(&run, true).await, "one\ntwo\n");
}

#[tokio::test]
async fn a_silent_agent_makes_its_runs_unknown_and_nothing_more() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.report(&item, 1, RunStatus::Running).await;
    hub.clock.advance(25);
    for _ in 0..50 {
        if user.status(&run).await == RunStatus::Unknown {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(user.status(&run).await, RunStatus::Unknown);
    agent.renew().await.unwrap();
    assert_eq!(user.status(&run).await, RunStatus::Running);
    assert_eq!(
        agent.report(&item, 2, RunStatus::Succeeded).await,
        Outcome::Ok
    );
}

#[tokio::test]
async fn an_agent_that_ends_hands_back_what_it_did_not_launch() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let (launched, leased, stopping) = (
        user.create().await,
        user.create().await,
        user.create().await,
    );
    let items = agent.lease(3, 1000).await;
    agent.launched(&items[0]).await;
    user.stop(&stopping).await;
    let request = CloseSessionRequest {
        session: Some(agent.session.clone()),
    };
    agent.client.close_session(request).await.unwrap();
    assert_eq!(user.status(&launched).await, RunStatus::Scheduled);
    assert_eq!(user.status(&leased).await, RunStatus::Queued);
    assert_eq!(user.status(&stopping).await, RunStatus::Stopped);
    assert_eq!(agent.renew().await.unwrap_err().code(), Code::Aborted);
    let mut next = FakeAgent::start_again(&agent).await;
    next.sync(vec![inventory(&items[0])]).await.unwrap();
    let again = next.lease(3, 1000).await;
    assert_eq!(again.len(), 1);
    assert!(again[0].fence > items[1].fence);
}

#[tokio::test]
async fn a_stop_of_a_launch_that_got_lost_is_done_in_the_end() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    agent.lease(1, 1000).await;
    assert_eq!(user.stop(&run).await, RunStatus::Stopping);
    hub.clock.advance(61);
    for _ in 0..50 {
        agent.renew().await.unwrap();
        if user.status(&run).await == RunStatus::Stopped {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let run = user.get(&run).await;
    assert_eq!(
        (run.status(), run.reason.as_str()),
        (RunStatus::Stopped, "NeverLaunched")
    );
}

#[tokio::test]
async fn users_do_not_speak_for_agents() {
    let hub = TestHub::start().await;
    let token = hub.token("ci", Scope::User).await;
    let mut client = polyaxon_proto::agent::v1::agent_client::AgentClient::with_interceptor(
        hub.channel().await,
        crate::support::bearer(&token),
    );
    let refused = client
        .open_session(polyaxon_proto::agent::v1::OpenSessionRequest::default())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_clock_that_is_set_loses_no_agent_and_ends_no_run() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.report(&item, 1, RunStatus::Running).await;
    for hours in [1, -2] {
        hub.clock.set_by(hours * 3600);
        tokio::time::sleep(Duration::from_millis(1200)).await;
        agent.renew().await.unwrap();
        assert_eq!(user.status(&run).await, RunStatus::Running, "{hours}");
    }
    let statuses: Vec<RunStatus> = user
        .events(&run)
        .await
        .iter()
        .map(polyaxon_proto::runs::v1::Event::status)
        .collect();
    assert!(!statuses.contains(&RunStatus::Unknown), "{statuses:?}");
    hub.clock.advance(21);
    for _ in 0..50 {
        if user.status(&run).await == RunStatus::Unknown {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("an agent that is silent is noticed as before");
}
