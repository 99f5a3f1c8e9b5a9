//! Creating, listing, watching and stopping runs.

use polyaxon_proto::runs::v1::{
    CheckRequest, GetRequest, ListRequest, Status as RunStatus, WatchRequest,
};
use polyaxon_spec::compose::CompiledOperation;
use polyaxon_spec::operation::{Flags, Operation};
use polyaxon_spec::source::Source;
use tonic::Code;

use crate::support::agent::{CATALOG, FakeAgent, inventory, kinds};
use crate::support::runs::{OPERATION, User};
use crate::support::{TestHub, bearer, reason};

#[tokio::test]
async fn a_run_goes_from_creation_to_its_outcome() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let created = user.try_create(OPERATION, "").await.unwrap();
    let run = created.run.unwrap();
    assert_eq!(run.status(), RunStatus::Queued);
    assert_eq!(
        (
            run.name.as_str(),
            run.kind.as_str(),
            run.queue.as_str(),
            run.agent.as_str()
        ),
        ("hello", "job", "default", "cluster")
    );
    assert_eq!(run.tags, ["a", "b"]);
    assert!(created.endpoint.unwrap().token.starts_with("plxr_"));

    let watching = user.runs.watch(WatchRequest {
        uuid: run.uuid.clone(),
        from_seq: 0,
    });
    let mut events = watching.await.unwrap().into_inner();
    let item = agent.lease(5, 1000).await.remove(0);
    assert_eq!(
        (item.run.as_str(), item.attempt, item.fence),
        (run.uuid.as_str(), 1, 1)
    );
    let compiled: serde_json::Value = serde_json::from_slice(&item.compiled).unwrap();
    assert_eq!(compiled["document"]["run"]["container"]["image"], "busybox");
    agent.launched(&item).await;
    for (seq, status) in [
        (1, RunStatus::Starting),
        (2, RunStatus::Running),
        (3, RunStatus::Succeeded),
    ] {
        hub.clock.advance(1);
        agent.report(&item, seq, status).await;
    }
    let mut seen = Vec::new();
    while let Some(event) = events.message().await.unwrap() {
        assert_eq!(event.seq, seen.len() as u64 + 1);
        seen.push(event.status());
    }
    assert_eq!(
        seen,
        [
            RunStatus::Created,
            RunStatus::Compiled,
            RunStatus::Queued,
            RunStatus::Scheduled,
            RunStatus::Starting,
            RunStatus::Running,
            RunStatus::Succeeded
        ]
    );
    let run = user.get(&run).await;
    assert_eq!(run.status(), RunStatus::Succeeded);
    let seconds = |at: &Option<prost_types::Timestamp>| at.as_ref().unwrap().seconds;
    assert_eq!(seconds(&run.finished_at) - seconds(&run.started_at), 2);
    assert_eq!(run.operation, OPERATION.as_bytes());
    assert!(!run.compiled.is_empty());
}

#[tokio::test]
async fn the_same_key_makes_one_run() {
    let hub = TestHub::start().await;
    let _agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let first = user.try_create(OPERATION, "k").await.unwrap().run.unwrap();
    let again = user.try_create(OPERATION, "k").await.unwrap().run.unwrap();
    assert_eq!(first.uuid, again.uuid);
    let other = OPERATION.replace("hello", "other");
    let refused = user.try_create(&other, "k").await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::AlreadyExists, "IDEMPOTENCY_KEY")
    );
    let many = futures::future::join_all((0..20).map(|_| {
        let mut runs = user.runs.clone();
        async move {
            let request = polyaxon_proto::runs::v1::CreateRequest {
                operation: OPERATION.into(),
                idempotency_key: "many".into(),
                ..Default::default()
            };
            runs.create(request)
                .await
                .unwrap()
                .into_inner()
                .run
                .unwrap()
                .uuid
        }
    }))
    .await;
    assert!(many.iter().all(|uuid| *uuid == many[0]));
    let listed = user
        .runs
        .list(ListRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.runs.len(), 2);
    assert!(listed.runs[0].uuid > listed.runs[1].uuid, "newest first");
}

#[tokio::test]
async fn what_cannot_run_is_refused_and_leaves_nothing() {
    let hub = TestHub::start().await;
    let mut user = User::of(&hub).await;
    let early = user.try_create(OPERATION, "").await.unwrap_err();
    assert_eq!(
        (early.code(), reason(&early)),
        (Code::FailedPrecondition, "NO_AGENT")
    );
    let _agent = FakeAgent::start(&hub, "cluster", &[("gpu", 0, 1)]).await;
    let with = |from: &str, to: &str| OPERATION.replace(from, to);
    let connection = with(
        r#""run":{"kind":"job","#,
        r#""run":{"kind":"job","connections":["docker-conection"],"#,
    );
    for (operation, code, expected) in [
        ("{".to_owned(), Code::InvalidArgument, "JSON"),
        (
            with(r#""name""#, r#""nmae""#),
            Code::InvalidArgument,
            "name",
        ),
        (
            with(r#""name""#, r#""queue":"gpus","name""#),
            Code::InvalidArgument,
            "`gpu`",
        ),
        (
            with(r#""name""#, r#""queue":"other/gpu","name""#),
            Code::InvalidArgument,
            "queue",
        ),
        (
            with(r#""name""#, r#""presets":["p"],"name""#),
            Code::InvalidArgument,
            "preset",
        ),
        (connection, Code::InvalidArgument, "docker-connection"),
        (
            r#"{"version":1.1,"kind":"operation","hubRef":"kanico"}"#.into(),
            Code::NotFound,
            "kaniko",
        ),
    ] {
        let refused = user.try_create(&operation, "").await.unwrap_err();
        let told = format!(
            "{} {}",
            refused.message(),
            String::from_utf8_lossy(
                &refused
                    .metadata()
                    .get_bin("polyaxon-diagnostics-bin")
                    .map(|bytes| bytes.to_bytes().unwrap())
                    .unwrap_or_default()
            )
        );
        assert_eq!(refused.code(), code, "{operation}: {told}");
        assert!(told.contains(expected), "{operation}: {told}");
    }
    let listed = user
        .runs
        .list(ListRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.runs.len(), 0);
    let check = CheckRequest {
        operation: OPERATION.into(),
        ..CheckRequest::default()
    };
    let checked = user.runs.check(check).await.unwrap().into_inner();
    assert!(!checked.compiled.is_empty());
    let listed = user
        .runs
        .list(ListRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.runs.len(), 0);
}

#[tokio::test]
async fn the_seed_is_composed_with_the_component_of_the_hub() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let seed = "\
version: 1
kind: operation
name: build
params:
  destination:
    connection: docker-connection
    value: polyaxon/polyaxon-quick-start
runPatch:
  init:
  - dockerfile:
      image: \"tensorflow/tensorflow:2.0.1-py3\"
      run:
      - 'pip3 install --no-cache-dir -U polyaxon[\"polyboard\",\"polytune\"]'
      langEnv: 'en_US.UTF-8'
hubRef: kaniko
";
    let sent = |text: &str| {
        let source = Source::new("build.yaml", text);
        let (operation, _) = Operation::read(&source, &[], &Flags::default()).unwrap();
        operation.to_json().to_string()
    };
    let run = user.try_create(&sent(seed), "").await.unwrap().run.unwrap();
    assert_eq!(
        (run.hub_ref.as_str(), run.component.as_str()),
        ("kaniko", "polyaxon/kaniko:latest")
    );
    assert!(run.component_digest.starts_with("sha256:"));
    let item = agent.lease(1, 1000).await.remove(0);
    let compiled = serde_json::from_slice(&item.compiled).unwrap();
    let compiled = CompiledOperation::from_json(compiled).unwrap();
    assert!(compiled.document["run"]["init"][0]["dockerfile"].is_object());
    assert_eq!(
        compiled.params["destination"].connection.as_deref(),
        Some("docker-connection")
    );
    let wrong = seed.replace("docker-connection", "docker-conection");
    let refused = user.try_create(&sent(&wrong), "").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(
        refused.message(),
        "connection `docker-conection` is not in the catalog of the agent (in `params.destination.connection`); did you mean `docker-connection`?"
    );
    let missing = seed.replace("destination:", "target:");
    let refused = user.try_create(&sent(&missing), "").await.unwrap_err();
    assert!(refused.message().contains("destination"), "{refused}");
}

#[tokio::test]
async fn what_the_agents_admin_denies_is_refused_at_once() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let privileged = OPERATION.replace(
        r#""image":"busybox""#,
        r#""image":"busybox","securityContext":{"privileged":true}"#,
    );
    for (policy, expected) in [
        (r"{}", Some("privileged")),
        (r#"{"allowPrivileged":true}"#, None),
    ] {
        let request = polyaxon_proto::agent::v1::PublishCatalogRequest {
            session: Some(agent.session.clone()),
            catalog: CATALOG
                .replacen('{', &format!(r#"{{"policy":{policy},"#), 1)
                .into(),
        };
        agent.client.publish_catalog(request).await.unwrap();
        let told = user.try_create(&privileged, "").await.map_err(|refused| {
            assert_eq!(refused.code(), Code::InvalidArgument);
            refused.message().to_owned()
        });
        match expected {
            Some(word) => assert!(told.unwrap_err().contains(word)),
            None => assert!(told.is_ok(), "{told:?}"),
        }
    }
}

#[tokio::test]
async fn an_agent_that_is_away_is_named_in_a_warning() {
    let hub = TestHub::start().await;
    let _agent = FakeAgent::start(&hub, "cluster", &[]).await;
    hub.clock.advance(3600);
    let mut user = User::of(&hub).await;
    let created = user.try_create(OPERATION, "").await.unwrap();
    assert!(
        created.warnings[0].contains("`cluster` has not been heard of for 59 minutes"),
        "{:?}",
        created.warnings
    );
}

#[tokio::test]
async fn a_stop_works_in_every_state() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;

    let queued = user.create().await;
    assert_eq!(user.stop(&queued).await, RunStatus::Stopped);
    assert!(
        agent.lease(5, 0).await.is_empty(),
        "a stopped run is not handed out"
    );
    assert_eq!(
        user.stop(&queued).await,
        RunStatus::Stopped,
        "again is the same"
    );

    for reached in [
        None,
        Some(RunStatus::Starting),
        Some(RunStatus::Running),
        Some(RunStatus::Warning),
        Some(RunStatus::Processing),
    ] {
        let run = user.create().await;
        let item = agent.lease(1, 1000).await.remove(0);
        if let Some(status) = reached {
            agent.launched(&item).await;
            agent.report(&item, 1, status).await;
        }
        assert_eq!(user.stop(&run).await, RunStatus::Stopping);
        let directives = agent.renew().await.unwrap();
        assert_eq!(
            kinds(&directives),
            [polyaxon_proto::agent::v1::directive::Kind::Stop]
        );
        assert_eq!(
            (directives[0].run.as_str(), directives[0].reason.as_str()),
            (run.uuid.as_str(), "enough")
        );
        let again = agent.renew().await.unwrap();
        assert_eq!(again.len(), 1, "repeated until it is done");
        agent.report(&item, 2, RunStatus::Stopped).await;
        assert_eq!(user.status(&run).await, RunStatus::Stopped);
        assert!(agent.renew().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_stop_wakes_a_waiting_agent() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let run = user.create().await;
    agent.lease(1, 1000).await;
    let hints = polyaxon_proto::agent::v1::HintsRequest {
        session: Some(agent.session.clone()),
    };
    let mut hints = agent.client.hints(hints).await.unwrap().into_inner();
    user.stop(&run).await;
    let hint = hints.message().await.unwrap().unwrap();
    assert_eq!(
        hint.kind(),
        polyaxon_proto::agent::v1::hint::Kind::Directives
    );
}

#[tokio::test]
async fn a_run_without_time_left_is_stopped_by_the_hub() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let operation = OPERATION.replace(
        r#""name":"hello""#,
        r#""name":"hello","termination":{"timeout":60}"#,
    );
    let run = user.try_create(&operation, "").await.unwrap().run.unwrap();
    hub.clock.advance(300);
    agent.renew().await.unwrap();
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.report(&item, 1, RunStatus::Running).await;
    hub.clock.advance(61);
    agent.renew().await.unwrap();
    let mut directives = Vec::new();
    for _ in 0..50 {
        directives = agent.renew().await.unwrap();
        if !directives.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(directives[0].reason, "DeadlineExceeded");
    agent.report(&item, 2, RunStatus::Stopped).await;
    let run = user.get(&run).await;
    assert_eq!(
        (run.status(), run.reason.as_str()),
        (RunStatus::Stopped, "DeadlineExceeded")
    );
    assert_eq!(run.failure.unwrap().class, "timed_out");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let (running, queued) = (user.create().await, user.create().await);
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.report(&item, 1, RunStatus::Running).await;
    agent.push(&item, 0, &["one"], false).await.unwrap();
    let (before, session) = (user.events(&running).await, agent.session.clone());
    let folder = hub.stop().await;

    let hub = TestHub::start_in(folder).await;
    let mut user = User::of(&hub).await;
    assert_eq!(user.status(&running).await, RunStatus::Running);
    assert_eq!(user.status(&queued).await, RunStatus::Queued);
    assert_eq!(user.events(&running).await, before);
    let token = hub
        .token("other", polyaxon_proto::hub::v1::Scope::Agent)
        .await;
    let mut stranger = FakeAgent::open(&hub, &token, &[]).await;
    stranger.session = session.clone();
    assert_eq!(
        stranger.renew().await.unwrap_err().code(),
        Code::Aborted,
        "a session belongs to its agent"
    );
    agent.client = polyaxon_proto::agent::v1::agent_client::AgentClient::with_interceptor(
        hub.channel().await,
        bearer(agent_token(&hub).await.as_str()),
    );
    agent.session = session;
    // The session outlives the hub's restart: nothing has to be synced again.
    assert!(agent.renew().await.is_ok());
    assert_eq!(agent.push(&item, 4, &["two"], true).await.unwrap(), 8);
    agent.report(&item, 2, RunStatus::Succeeded).await;
    assert_eq!(user.status(&running).await, RunStatus::Succeeded);
    assert_eq!(user.log(&running, true).await, "one\ntwo\n");
    assert_eq!(agent.lease(5, 1000).await[0].run, queued.uuid);
    assert!(agent.sync(vec![inventory(&item)]).await.is_ok());
}

/// The agent's token is known to the test by its name only: it makes another one of that name.
async fn agent_token(hub: &TestHub) -> String {
    let mut access = hub.access(&hub.admin_token()).await;
    let request = polyaxon_proto::hub::v1::RevokeTokenRequest {
        token: "cluster".into(),
    };
    access.revoke_token(request).await.unwrap();
    hub.token("cluster", polyaxon_proto::hub::v1::Scope::Agent)
        .await
}

#[tokio::test]
async fn a_token_of_a_run_reads_that_run_only() {
    let hub = TestHub::start().await;
    let _agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let mut user = User::of(&hub).await;
    let created = user.try_create(OPERATION, "").await.unwrap();
    let (run, other) = (created.run.unwrap(), user.create().await);
    let token = created.endpoint.unwrap().token;
    let mut narrow = polyaxon_proto::runs::v1::runs_client::RunsClient::with_interceptor(
        hub.channel().await,
        bearer(&token),
    );
    let get = |uuid: &str| GetRequest { uuid: uuid.into() };
    assert!(narrow.get(get(&run.uuid)).await.is_ok());
    assert_eq!(
        narrow.get(get(&other.uuid)).await.unwrap_err().code(),
        Code::NotFound
    );
    let refused = narrow.list(ListRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let missing = user.runs.get(get(&"0".repeat(32))).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let malformed = user.runs.get(get("x")).await.unwrap_err();
    assert_eq!(malformed.code(), Code::InvalidArgument);
}
