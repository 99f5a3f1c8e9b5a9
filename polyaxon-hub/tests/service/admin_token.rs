//! An admin's token that the operator gives.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use polyaxon_hub::server::Server;
use polyaxon_hub::settings::Settings;
use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::{ListTokensRequest, RevokeTokenRequest, Scope, WhoAmIRequest};
use tonic::transport::Endpoint;
use tonic::{Code, Status};

use crate::support::{Authorised, bearer, settings};

const FIRST: &str = "first-first-first-first-first-first";
const SECOND: &str = "second-second-second-second-second";

fn give(folder: &Path, token: &str) -> PathBuf {
    let file = folder.join("given.token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn with_file(folder: &Path, token: &str) -> Settings {
    Settings {
        admin_token_file: Some(give(folder, token)),
        ..settings(&folder.join("data"))
    }
}

async fn access(server: &Server, token: &str) -> AccessClient<Authorised> {
    let endpoint = Endpoint::from_shared(server.url()).unwrap();
    AccessClient::with_interceptor(endpoint.connect().await.unwrap(), bearer(token))
}

async fn who(server: &Server, token: &str) -> Result<(String, Scope), Status> {
    let me = access(server, token).await.who_am_i(WhoAmIRequest {}).await;
    me.map(|me| {
        let me = me.into_inner();
        (me.name.clone(), me.scope())
    })
}

#[tokio::test]
async fn it_takes_the_place_of_the_generated_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&with_file(folder.path(), FIRST))
        .await
        .unwrap();
    let (name, scope) = who(&server, FIRST).await.unwrap();
    assert_eq!((name.as_str(), scope), ("admin.file", Scope::Admin));
    server.shutdown().await.unwrap();
    let data = folder.path().join("data");
    assert!(!data.join("admin.token").exists());
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(FIRST.len())
                .any(|part| part == FIRST.as_bytes());
            assert!(!found, "{} holds the token", path.display());
        }
    }
    // The same again, and then without the file: it stays an admin's.
    let server = Server::start(&with_file(folder.path(), FIRST))
        .await
        .unwrap();
    server.shutdown().await.unwrap();
    let server = Server::start(&settings(&data)).await.unwrap();
    let answer = access(&server, FIRST)
        .await
        .list_tokens(ListTokensRequest::default())
        .await
        .unwrap();
    assert_eq!(answer.into_inner().tokens.len(), 1, "no second admin");
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn another_one_in_the_file_revokes_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&with_file(folder.path(), FIRST))
        .await
        .unwrap();
    server.shutdown().await.unwrap();
    let server = Server::start(&with_file(folder.path(), SECOND))
        .await
        .unwrap();
    assert_eq!(who(&server, SECOND).await.unwrap().1, Scope::Admin);
    let refused = who(&server, FIRST).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(refused.message().contains("was revoked"), "{refused}");
    let request = RevokeTokenRequest {
        token: "admin.file".into(),
    };
    let mut admin = access(&server, SECOND).await;
    admin.revoke_token(request).await.unwrap();
    server.shutdown().await.unwrap();
    for token in [FIRST, SECOND] {
        let refused = Server::start(&with_file(folder.path(), token)).await;
        let Err(error) = refused else {
            panic!("a revoked token came back");
        };
        let words = format!("{error:#}");
        assert!(words.contains("write a new one into the file"), "{words}");
        assert!(!words.contains(token), "{words}");
    }
}

#[tokio::test]
async fn the_generated_one_of_before_stays_until_it_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&settings(&data)).await.unwrap();
    server.shutdown().await.unwrap();
    let generated = std::fs::read_to_string(data.join("admin.token")).unwrap();
    let server = Server::start(&with_file(folder.path(), FIRST))
        .await
        .unwrap();
    for token in [generated.trim(), FIRST] {
        assert_eq!(who(&server, token).await.unwrap().1, Scope::Admin);
    }
    server.shutdown().await.unwrap();
}
