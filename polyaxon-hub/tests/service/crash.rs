//! Runs and logs of a hub that is killed.

use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::{CreateTokenRequest, Scope};
use polyaxon_proto::runs::v1::{ListRequest, Status as RunStatus};
use tonic::transport::{Channel, Endpoint};

use super::process::Process;
use crate::support::agent::{FakeAgent, inventory};
use crate::support::bearer;
use crate::support::runs::{OPERATION, User};

async fn channel(process: &Process) -> Channel {
    let endpoint = Endpoint::from_shared(process.address.clone()).unwrap();
    endpoint.connect().await.unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_of_runs_and_logs_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::start(folder.path());
    let admin = std::fs::read_to_string(folder.path().join("admin.token")).unwrap();
    let admin = admin.trim();
    let mut access = AccessClient::with_interceptor(channel(&process).await, bearer(admin));
    let request = CreateTokenRequest {
        name: "cluster".into(),
        scope: Scope::Agent.into(),
        expires_in_seconds: 0,
    };
    let token = access
        .create_token(request)
        .await
        .unwrap()
        .into_inner()
        .secret;
    let mut agent = FakeAgent::at(channel(&process).await, &token, &[]).await;
    agent.sync(Vec::new()).await.unwrap();
    let mut user = User::at(channel(&process).await, admin);
    let run = user.create().await;
    let item = agent.lease(1, 1000).await.remove(0);
    agent.launched(&item).await;
    agent.report(&item, 1, RunStatus::Running).await;

    let mut creations = tokio::task::JoinSet::new();
    for n in 0..100 {
        let mut user = User::at(channel(&process).await, admin);
        creations.spawn(async move {
            let created = user.try_create(OPERATION, &format!("k{n}")).await;
            (n, created.ok().map(|created| created.run.unwrap().uuid))
        });
    }
    let mut accepted = Vec::new();
    let mut acked = 0;
    while let Some(created) = creations.join_next().await {
        let (n, uuid) = created.unwrap();
        accepted.extend(uuid.map(|uuid| (n, uuid)));
        if let Ok(offset) = agent.push(&item, acked, &["0123456"], false).await {
            acked = offset;
        }
        if accepted.len() == 30 {
            process.signal("-KILL");
        }
    }
    assert!(!process.wait().success());
    assert!(
        accepted.len() >= 30 && acked >= 8 * 29,
        "{} {acked}",
        accepted.len()
    );

    let process = Process::start(folder.path());
    let mut user = User::at(channel(&process).await, admin);
    for (n, uuid) in &accepted {
        // The client that lost the answer asks again with its key and finds the same run.
        let again = user.try_create(OPERATION, &format!("k{n}")).await.unwrap();
        assert_eq!(again.run.unwrap().uuid, *uuid);
    }
    let listed = user.runs.list(ListRequest {
        page_size: 200,
        ..ListRequest::default()
    });
    let listed = listed.await.unwrap().into_inner().runs;
    assert!(listed.len() > accepted.len());
    assert_eq!(user.status(&run).await, RunStatus::Running);
    let log = user.log(&run, false).await;
    assert!(log.len() as u64 >= acked, "{} of {acked} bytes", log.len());
    assert!(log.lines().all(|line| line == "0123456"));

    let mut agent = FakeAgent::at(channel(&process).await, &token, &[]).await;
    let synced = agent.sync(vec![inventory(&item)]).await.unwrap();
    let kept = synced.directives[0].item.clone().unwrap();
    let end = log.len() as u64;
    assert_eq!(
        agent.push(&kept, end, &["end"], true).await.unwrap(),
        end + 4
    );
    agent.report(&kept, 1, RunStatus::Succeeded).await;
    assert_eq!(user.log(&run, true).await, format!("{log}end\n"));
}
