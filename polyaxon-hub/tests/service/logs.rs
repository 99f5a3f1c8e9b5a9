//! Logs from the agent to the reader.

use polyaxon_proto::agent::v1::{LeaseItem, LogRecord, PushLogsResponse};
use polyaxon_proto::runs::v1::{Run, Status as RunStatus};
use polyaxon_proto::transfer::v1::ReadLogsRequest;
use tonic::Code;

use crate::support::TestHub;
use crate::support::agent::FakeAgent;
use crate::support::runs::User;

/// A run that an agent has launched.
struct Launched {
    hub: TestHub,
    agent: FakeAgent,
    user: User,
    run: Run,
    item: LeaseItem,
}

async fn launched() -> Launched {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    Launched {
        hub,
        agent,
        user,
        run,
        item,
    }
}

#[tokio::test]
async fn a_follower_gets_every_line_and_then_the_end() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let follower = {
        let (mut user, run) = (User::of(&hub).await, run.clone());
        tokio::spawn(async move { user.log(&run, true).await })
    };
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.report(&item, 1, RunStatus::Running).await;
    assert_eq!(agent.push(&item, 0, &["one"], false).await.unwrap(), 4);
    assert_eq!(user.log(&run, false).await, "one\n");
    assert_eq!(
        agent.push(&item, 0, &["one", "two"], false).await.unwrap(),
        8
    );
    agent.report(&item, 2, RunStatus::Succeeded).await;
    // The end comes after the outcome.
    assert_eq!(agent.push(&item, 8, &["three"], true).await.unwrap(), 14);
    assert_eq!(follower.await.unwrap(), "one\ntwo\nthree\n");
    let request = ReadLogsRequest {
        run: run.uuid.clone(),
        attempt: 1,
        from_offset: 9,
        ..ReadLogsRequest::default()
    };
    let mut chunks = user.transfer.read_logs(request).await.unwrap().into_inner();
    let chunk = chunks.message().await.unwrap().unwrap();
    assert_eq!((chunk.offset, chunk.data.as_ref()), (9, &b"hree"[..]));
    assert_eq!(chunks.message().await.unwrap(), None);
}

#[tokio::test]
async fn a_log_that_stops_before_its_end_says_so() {
    let Launched {
        hub: _hub,
        mut agent,
        mut user,
        run,
        item,
    } = launched().await;
    agent.report(&item, 1, RunStatus::Running).await;
    let goes_on = user.log(&run, false).await;
    assert_eq!(goes_on, "", "more may come of a run that goes on");
    agent.report(&item, 2, RunStatus::Succeeded).await;
    let mark = "[the agent has not sent the end of this log; \
                what comes later is shown when it is read again]\n";
    assert_eq!(user.log(&run, false).await, mark, "not even its start");
    agent.push(&item, 0, &["one"], false).await.unwrap();
    assert_eq!(user.log(&run, false).await, format!("one\n{mark}"));
    agent.push(&item, 4, &[], true).await.unwrap();
    assert_eq!(user.log(&run, false).await, "one\n");
}

#[tokio::test]
async fn a_follower_waits_for_the_end_of_a_log_as_long_as_the_agent_is_there() {
    let Launched {
        hub,
        mut agent,
        run,
        item,
        ..
    } = launched().await;
    agent.report(&item, 1, RunStatus::Running).await;
    agent.report(&item, 2, RunStatus::Succeeded).await;
    let follower = {
        let (mut user, run) = (User::of(&hub).await, run.clone());
        tokio::spawn(async move { user.log(&run, true).await })
    };
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    assert!(!follower.is_finished(), "the log has no end");
    agent.push(&item, 0, &["one"], true).await.unwrap();
    assert_eq!(follower.await.unwrap(), "one\n");
}

#[tokio::test]
async fn a_missing_stretch_is_marked_in_the_log_and_on_the_run() {
    let Launched {
        hub: _hub,
        mut agent,
        mut user,
        run,
        item,
    } = launched().await;
    agent.push(&item, 0, &["one"], false).await.unwrap();
    agent.report(&item, 1, RunStatus::Running).await;
    assert!(!user.get(&run).await.log_incomplete);
    let gap = LogRecord {
        at_ns: 5,
        gap: "rotated away".into(),
        ..LogRecord::default()
    };
    let answer = agent.push_records(&item, 4, vec![gap], false).await;
    assert_eq!(answer.unwrap().acked_offset, 5, "a mark counts one byte");
    agent.push(&item, 5, &["two"], true).await.unwrap();
    assert!(user.get(&run).await.log_incomplete);
    agent.report(&item, 2, RunStatus::Succeeded).await;
    assert!(user.get(&run).await.log_incomplete, "for good");
    let request = ReadLogsRequest {
        run: run.uuid.clone(),
        ..ReadLogsRequest::default()
    };
    let mut chunks = user.transfer.read_logs(request).await.unwrap().into_inner();
    let mut shown = Vec::new();
    while let Some(chunk) = chunks.message().await.unwrap() {
        let data = String::from_utf8(chunk.data.to_vec()).unwrap();
        shown.push((chunk.offset, chunk.at_ns, data, chunk.gap));
    }
    let line = |offset, text: &str| (offset, 1, text.to_owned(), String::new());
    let mark = (4, 5, String::new(), "rotated away".to_owned());
    assert_eq!(shown, [line(0, "one"), mark, line(5, "two")]);
}

#[tokio::test]
async fn an_agent_that_asks_is_told_how_far_a_log_is() {
    let Launched {
        hub: _hub,
        mut agent,
        item,
        ..
    } = launched().await;
    let record = |at_ns, text: &str, partial| LogRecord {
        at_ns,
        stream: 1,
        partial,
        data: text.as_bytes().to_vec().into(),
        ..LogRecord::default()
    };
    let extent = |answer: PushLogsResponse| {
        let times = (answer.first_at_ns, answer.last_at_ns, answer.last_bytes);
        (answer.acked_offset, times, answer.ended)
    };
    let empty = agent.push_records(&item, 0, Vec::new(), false).await;
    assert_eq!(extent(empty.unwrap()), (0, (0, 0, 0), false));
    let records = vec![
        record(7, "one", false),
        record(8, "t", true),
        record(8, "wo", true),
    ];
    let pushed = agent.push_records(&item, 0, records, false).await;
    assert_eq!(
        extent(pushed.unwrap()),
        (7, (0, 0, 0), false),
        "nobody asked"
    );
    let asked = agent.push_records(&item, 0, Vec::new(), false).await;
    assert_eq!(extent(asked.unwrap()), (7, (7, 8, 3), false));
    agent
        .push_records(&item, 7, Vec::new(), true)
        .await
        .unwrap();
    let asked = agent.push_records(&item, 0, Vec::new(), false).await;
    assert_eq!(extent(asked.unwrap()), (7, (7, 8, 3), true));
}

#[tokio::test]
async fn a_run_that_never_started_has_an_empty_log() {
    let hub = TestHub::start().await;
    let _agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    user.stop(&run).await;
    assert_eq!(user.log(&run, true).await, "");
}

#[tokio::test]
async fn names_of_containers_are_checked() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    let message = polyaxon_proto::agent::v1::PushLogsRequest {
        session: Some(agent.session.clone()),
        run: item.run.clone(),
        attempt: 1,
        container: "../../etc".into(),
        ..Default::default()
    };
    let mut answers = agent
        .client
        .push_logs(futures::stream::iter([message]))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        answers.message().await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn other_peoples_logs_are_not_written() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    let mut stranger = FakeAgent::start(&hub, "other", &[]).await;
    assert_eq!(
        stranger.push(&item, 0, &["false"], true).await.unwrap(),
        6,
        "taken and dropped"
    );
    assert_eq!(user.log(&run, false).await, "");
}
