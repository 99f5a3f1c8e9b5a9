//! Who gets in, and what they may do.

use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::{
    CreateProjectRequest, CreateTokenRequest, ListProjectsRequest, ListTokensRequest,
    ResolveRequest, RevokeTokenRequest, Scope, WhoAmIRequest,
};
use polyaxon_proto::runs::v1::runs_client::RunsClient;
use polyaxon_proto::runs::v1::{ListRequest, WatchRequest};
use polyaxon_proto::transfer::v1::ReadLogsRequest;
use polyaxon_proto::transfer::v1::transfer_client::TransferClient;
use tonic::Code;

use crate::support::agent::FakeAgent;
use crate::support::runs::User;
use crate::support::{TestHub, bearer, reason};

#[tokio::test]
async fn the_first_admin_is_who_the_file_says() {
    let hub = TestHub::start().await;
    let mut access = hub.access(&hub.admin_token()).await;
    let me = access
        .who_am_i(WhoAmIRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((me.name.as_str(), me.scope()), ("admin", Scope::Admin));
    assert_eq!(
        (me.owner.as_str(), me.default_project.as_str()),
        ("default", "default")
    );
    assert_eq!(me.hub_version, env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn without_a_good_token_nobody_gets_in() {
    let hub = TestHub::start().await;
    let ana = hub.token("ana", Scope::User).await;
    hub.access(&hub.admin_token())
        .await
        .revoke_token(RevokeTokenRequest {
            token: "ana".into(),
        })
        .await
        .unwrap();
    for (token, expected) in [
        (ana.as_str(), "TOKEN_REVOKED"),
        ("", "TOKEN_MISSING"),
        ("plx_wrong", "TOKEN_UNKNOWN"),
        ("plxr_abc.99999999999999.00", "TOKEN_UNKNOWN"),
    ] {
        let status = hub
            .access(token)
            .await
            .who_am_i(WhoAmIRequest {})
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::Unauthenticated, expected),
            "{token}"
        );
        assert!(
            token.is_empty() || !status.message().contains(token),
            "secrets stay out of messages"
        );
        assert_is_documented(&status);
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time_or_its_revocation() {
    let hub = TestHub::start().await;
    let mut admin = hub.access(&hub.admin_token()).await;
    let made = admin
        .create_token(CreateTokenRequest {
            name: "ana".into(),
            scope: Scope::User.into(),
            expires_in_seconds: 60,
        })
        .await
        .unwrap()
        .into_inner();
    let mut ana = hub.access(&made.secret).await;
    ana.who_am_i(WhoAmIRequest {}).await.unwrap();
    hub.clock.advance(61);
    let status = ana.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(reason(&status), "TOKEN_EXPIRED");
    assert_is_documented(&status);

    let other = hub.token("other", Scope::User).await;
    let mut other = hub.access(&other).await;
    other.who_am_i(WhoAmIRequest {}).await.unwrap();
    admin
        .revoke_token(RevokeTokenRequest {
            token: "other".into(),
        })
        .await
        .unwrap();
    let status = other.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(reason(&status), "TOKEN_REVOKED");
    let status = admin
        .revoke_token(RevokeTokenRequest {
            token: "other".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn scopes_are_enforced() {
    let hub = TestHub::start().await;
    let user = hub.token("someone", Scope::User).await;
    let agent = hub.token("cluster", Scope::Agent).await;
    for (token, projects, tokens) in [(&user, true, false), (&agent, false, false)] {
        let mut access = hub.access(token).await;
        let listed = access.list_projects(ListProjectsRequest::default()).await;
        assert_eq!(listed.is_ok(), projects);
        let status = access.list_tokens(ListTokensRequest::default()).await.err();
        assert_eq!(status.is_none(), tokens);
        let status = status.unwrap();
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::PermissionDenied, "SCOPE")
        );
    }
    let mut components =
        polyaxon_proto::hub::v1::components_client::ComponentsClient::with_interceptor(
            hub.channel().await,
            bearer(&agent),
        );
    let status = components
        .resolve(ResolveRequest {
            reference: "kaniko".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_client_of_this_version_or_of_none_gets_as_far_as_its_token() {
    let hub = TestHub::start().await;
    for version in [env!("CARGO_PKG_VERSION"), "strange"] {
        let bearer = bearer("plx_wrong").with_version(version);
        let mut access = AccessClient::with_interceptor(hub.channel().await, bearer);
        let status = access.who_am_i(WhoAmIRequest {}).await.unwrap_err();
        assert_eq!(reason(&status), "TOKEN_UNKNOWN", "{version}");
    }
}

#[tokio::test]
async fn a_client_that_is_too_far_away_is_refused_before_its_token_counts() {
    let hub = TestHub::start().await;
    let token = hub.admin_token();
    for token in [token.as_str(), "plx_wrong"] {
        let bearer = bearer(token).with_version("99.0.0");
        let mut access = AccessClient::with_interceptor(hub.channel().await, bearer.clone());
        let status = access.who_am_i(WhoAmIRequest {}).await.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::FailedPrecondition, "VERSION_SKEW")
        );
        assert_is_documented(&status);
        let mut runs = RunsClient::with_interceptor(hub.channel().await, bearer);
        let status = runs.list(ListRequest::default()).await.unwrap_err();
        assert_eq!(reason(&status), "VERSION_SKEW");
    }
}

/// The words are those that tests of clients are made with.
fn assert_is_documented(status: &tonic::Status) {
    let text = include_str!("../../../proto/testdata/refusals.json");
    let refusals: serde_json::Value = serde_json::from_str(text).unwrap();
    let expected = &refusals[reason(status)];
    let message = expected["message"].as_str().unwrap();
    assert_eq!(
        status.message(),
        message.replace("HUB_VERSION", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(status.code() as i64, expected["code"]);
}

#[tokio::test]
async fn lists_come_in_pages_and_secrets_never() {
    let hub = TestHub::start().await;
    for name in ["a", "b", "c"] {
        hub.token(name, Scope::User).await;
    }
    let mut access = hub.access(&hub.admin_token()).await;
    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let answer = access
            .list_tokens(ListTokensRequest {
                page_size: 3,
                page_token,
            })
            .await
            .unwrap()
            .into_inner();
        names.extend(answer.tokens.into_iter().map(|token| token.name));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["admin", "a", "b", "c"]);
    let status = access
        .list_tokens(ListTokensRequest {
            page_size: 3,
            page_token: "?".into(),
        })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn tokens_and_projects_with_bad_or_taken_names_are_refused() {
    let hub = TestHub::start().await;
    let mut access = hub.access(&hub.admin_token()).await;
    let token = |name: &str, scope: Scope, seconds: i64| CreateTokenRequest {
        name: name.into(),
        scope: scope.into(),
        expires_in_seconds: seconds,
    };
    for (request, expected) in [
        (token("Bad Name", Scope::User, 0), Code::InvalidArgument),
        (token("x", Scope::Run, 0), Code::InvalidArgument),
        (token("x", Scope::Unspecified, 0), Code::InvalidArgument),
        (token("x", Scope::User, -1), Code::InvalidArgument),
        (token("admin", Scope::User, 0), Code::AlreadyExists),
    ] {
        let status = access.create_token(request.clone()).await.unwrap_err();
        assert_eq!(status.code(), expected, "{request:?}");
    }
    let project = |name: &str| CreateProjectRequest {
        owner: String::new(),
        name: name.into(),
        description: "d".into(),
    };
    let made = access
        .create_project(project("vision"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((made.owner.as_str(), made.uuid.len()), ("default", 32));
    for (name, expected) in [
        ("vision", Code::AlreadyExists),
        ("Vision", Code::InvalidArgument),
        ("", Code::InvalidArgument),
    ] {
        let status = access.create_project(project(name)).await.unwrap_err();
        assert_eq!(status.code(), expected, "{name}");
    }
    let listed = access
        .list_projects(ListProjectsRequest::default())
        .await
        .unwrap()
        .into_inner();
    let names: Vec<&str> = listed.projects.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["default", "vision"]);
}

#[tokio::test]
async fn a_restart_keeps_tokens_and_makes_an_admin_only_where_none_is_left() {
    let hub = TestHub::start().await;
    let first = hub.admin_token();
    let folder = hub.stop().await;
    let hub = TestHub::start_in(folder).await;
    assert_eq!(hub.admin_token(), first);
    let mut access = hub.access(&first).await;
    access
        .revoke_token(RevokeTokenRequest {
            token: "admin".into(),
        })
        .await
        .unwrap();
    let folder = hub.stop().await;
    let hub = TestHub::start_in(folder).await;
    let second = hub.admin_token();
    assert_ne!(second, first);
    let mut access = hub.access(&second).await;
    let tokens = access
        .list_tokens(ListTokensRequest::default())
        .await
        .unwrap()
        .into_inner()
        .tokens;
    assert_eq!(tokens.len(), 2);
    assert!(
        tokens.iter().any(|token| token.last_used_at.is_some()),
        "the last use was noted at the end"
    );
}

#[tokio::test]
async fn calls_that_last_end_with_their_token() {
    let hub = TestHub::start().await;
    let mut agent = FakeAgent::start(&hub, "cluster", &[]).await;
    let ana = hub.token("ana", Scope::User).await;
    let mut user = User::at(hub.channel().await, &ana);
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.push(&item, 0, &["one"], false).await.unwrap();
    let mut runs = RunsClient::with_interceptor(hub.channel().await, bearer(&ana));
    let mut events = runs
        .watch(WatchRequest {
            uuid: run.uuid.clone(),
            from_seq: 1,
        })
        .await
        .unwrap()
        .into_inner();
    let mut transfer = TransferClient::with_interceptor(hub.channel().await, bearer(&ana));
    let mut lines = transfer
        .read_logs(ReadLogsRequest {
            run: run.uuid.clone(),
            follow: true,
            ..ReadLogsRequest::default()
        })
        .await
        .unwrap()
        .into_inner();
    let polling = {
        let mut agent = FakeAgent {
            client: agent.client.clone(),
            session: agent.session.clone(),
        };
        tokio::spawn(async move { agent.try_lease(1, 20_000).await })
    };
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let started = std::time::Instant::now();
    let mut access = hub.access(&hub.admin_token()).await;
    for name in ["ana", "cluster"] {
        access
            .revoke_token(RevokeTokenRequest { token: name.into() })
            .await
            .unwrap();
    }
    let ended = loop {
        if let Err(status) = events.message().await {
            break status;
        }
    };
    assert_eq!(reason(&ended), "TOKEN_REVOKED");
    let ended = loop {
        if let Err(status) = lines.message().await {
            break status;
        }
    };
    assert_eq!(reason(&ended), "TOKEN_REVOKED");
    let polled = polling.await.unwrap().unwrap_err();
    assert_eq!(reason(&polled), "TOKEN_REVOKED");
    assert!(
        started.elapsed() < std::time::Duration::from_secs(4),
        "at once"
    );
}
