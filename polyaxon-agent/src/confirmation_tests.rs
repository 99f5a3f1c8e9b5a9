//! Against a registry of a few lines over plain HTTP.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::executor::{Created, ExecutorError, Found, LogPiece, Sights};
use crate::planning::{AttemptPlan, KeptPlan};
use polyaxon_registry::ImageSize;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// What the tag `base/image:3` points at.
const BASE_DIGEST: &str = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Answers to the requests for the manifest, one after the other, the last one again and again;
/// `cut` closes the connection.
async fn registry(answers: &'static [&'static str]) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("address").to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            if request.starts_with("GET ") {
                let body = r#"{"config":{"size":10},"layers":[{"size":5}]}"#;
                let text = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(text.as_bytes()).await;
                continue;
            }
            // The first byte of a TLS handshake is no request.
            if !request.starts_with("HEAD ") {
                continue;
            }
            if request.starts_with("HEAD /v2/base/image/manifests/3 ") {
                let text = format!(
                    "HTTP/1.1 200 OK\r\nDocker-Content-Digest: {BASE_DIGEST}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(text.as_bytes()).await;
                continue;
            }
            if request.starts_with("HEAD /v2/base/") {
                let text =
                    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(text.as_bytes()).await;
                continue;
            }
            assert!(
                request.starts_with(&format!("HEAD /v2/team/app/manifests/{DIGEST} ")),
                "{request}"
            );
            let at = count.fetch_add(1, Ordering::SeqCst);
            let answer = answers.get(at).or(answers.last()).expect("an answer");
            let authorized = request
                .to_lowercase()
                .contains("authorization: basic bwu6cgfzcw==");
            if *answer == "cut" {
                continue;
            }
            let answer = match (*answer, authorized) {
                ("private", true) => "200 OK\r\n",
                ("private", false) => "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n",
                (answer, _) => answer,
            };
            let text = format!("HTTP/1.1 {answer}Content-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    (address, asked)
}

/// An executor that has only the file of a digest.
struct OneFile(Option<&'static str>);

#[async_trait::async_trait]
impl Executor for OneFile {
    async fn create(&self, _: &AttemptPlan) -> Result<Created, ExecutorError> {
        unreachable!()
    }
    async fn run(&self, _: Arc<KeptPlan>, _: Sights) -> Result<(), ExecutorError> {
        unreachable!()
    }
    async fn stop(&self, _: &AttemptKey) -> Result<(), ExecutorError> {
        unreachable!()
    }
    async fn remove(&self, _: &AttemptKey) -> Result<(), ExecutorError> {
        unreachable!()
    }
    async fn inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        unreachable!()
    }
    fn logs(
        &self,
        _: &AttemptKey,
        _: &str,
        _: bool,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>> {
        futures::stream::empty().boxed()
    }
    async fn read_file(
        &self,
        _: &AttemptKey,
        _: &str,
        path: &str,
    ) -> Result<Option<Vec<u8>>, ExecutorError> {
        assert_eq!(path, "/out/digest");
        Ok(self.0.map(|text| Bytes::from(text).to_vec()))
    }
}

fn confirmer(secrets_dir: Option<&Path>) -> Confirmer {
    Confirmer {
        registry: Registry::new(None, Vec::new()).expect("client"),
        secrets_dir: secrets_dir.map(Path::to_owned),
        pause: Duration::from_millis(1),
    }
}

fn plan(address: &str, secret: Option<&str>) -> BuildPlan {
    BuildPlan {
        image: format!("{address}/team/app:1"),
        secret: secret.map(str::to_owned),
        digest_file: "/out/digest".to_owned(),
        pushes: true,
    }
}

async fn confirmed(
    file: Option<&'static str>,
    address: &str,
    secret: Option<(&Path, &str)>,
) -> Confirmation {
    let confirmer = confirmer(secret.map(|(folder, _)| folder));
    let build = plan(address, secret.map(|(_, name)| name));
    let key = AttemptKey::new("ab", 1);
    confirmer
        .confirm(&OneFile(file), &key, "polyaxon-main", &build)
        .await
}

#[tokio::test]
async fn a_digest_counts_when_the_registry_has_it() {
    let (address, _) = registry(&["200 OK\r\n"]).await;
    let found = confirmed(Some(DIGEST), &address, None).await;
    assert_eq!(
        found,
        Confirmation::Confirmed {
            digest: DIGEST.to_owned(),
            size: Some(ImageSize {
                layers: 1,
                bytes: 15,
            }),
        }
    );
}

#[tokio::test]
async fn an_absence_counts_only_when_it_stays() {
    let (address, asked) = registry(&["404 Not Found\r\n"]).await;
    let found = confirmed(Some(DIGEST), &address, None).await;
    assert!(
        matches!(&found, Confirmation::Absent { digest, .. } if digest.as_deref() == Some(DIGEST)),
        "{found:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
    let (address, _) = registry(&["404 Not Found\r\n", "503 Busy\r\n", "200 OK\r\n"]).await;
    let found = confirmed(Some(DIGEST), &address, None).await;
    assert!(matches!(found, Confirmation::Confirmed { .. }), "{found:?}");
}

#[tokio::test]
async fn without_a_digest_nothing_is_asked() {
    for file in [None, Some("sha256:short"), Some("")] {
        let found = confirmed(file, "127.0.0.1:1", None).await;
        assert!(
            matches!(&found, Confirmation::Absent { digest: None, .. }),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn the_connections_credentials_are_used() {
    let (address, _) = registry(&["private"]).await;
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("reg")).expect("folder");
    let json = format!(r#"{{"auths":{{"{address}":{{"auth":"bWU6cGFzcw=="}}}}}}"#);
    std::fs::write(folder.path().join("reg/config.json"), json).expect("file");
    let found = confirmed(Some(DIGEST), &address, Some((folder.path(), "reg"))).await;
    assert!(matches!(found, Confirmation::Confirmed { .. }), "{found:?}");
    for secret in [None, Some((folder.path(), "none"))] {
        let found = confirmed(Some(DIGEST), &address, secret).await;
        assert!(
            matches!(&found, Confirmation::NoCredentials { digest, .. } if digest.as_deref() == Some(DIGEST)),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn a_registry_that_was_away_is_asked_again() {
    let (address, asked) = registry(&[
        "cut",
        "500 Internal Server Error\r\n",
        "429 Too Many Requests\r\n",
        "cut",
        "200 OK\r\n",
    ])
    .await;
    let found = confirmed(Some(DIGEST), &address, None).await;
    assert!(matches!(found, Confirmation::Confirmed { .. }), "{found:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}

/// The clock stands still but for the pauses, so that five minutes take none.
#[tokio::test(start_paused = true)]
async fn a_registry_that_stays_away_leaves_it_undecided() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("address").to_string();
    drop(listener);
    let before = Instant::now();
    let found = confirmed(Some(DIGEST), &address, None).await;
    assert!(
        matches!(&found, Confirmation::Undecided { digest, reason }
            if digest.as_deref() == Some(DIGEST) && reason.contains(&address)),
        "{found:?}"
    );
    let waited = before.elapsed();
    assert!(
        waited + LONGEST_PAUSE * 2 > PATIENCE && waited <= PATIENCE,
        "{waited:?}"
    );
}

#[tokio::test]
async fn refused_credentials_decide_nothing() {
    for answer in [&["401 Unauthorized\r\n"], &["403 Forbidden\r\n"]] {
        let (address, asked) = registry(answer).await;
        let found = confirmed(Some(DIGEST), &address, None).await;
        assert!(
            matches!(&found, Confirmation::NoCredentials { digest, .. } if digest.as_deref() == Some(DIGEST)),
            "{found:?}"
        );
        assert_eq!(asked.load(Ordering::SeqCst), 1, "asking again is no use");
    }
}

#[tokio::test]
async fn credentials_of_a_helper_are_none_that_the_agent_can_use() {
    let (address, asked) = registry(&["200 OK\r\n"]).await;
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("reg")).expect("folder");
    let json = format!(r#"{{"credHelpers":{{"{address}":"ecr-login"}}}}"#);
    std::fs::write(folder.path().join("reg/config.json"), json).expect("file");
    let found = confirmed(Some(DIGEST), &address, Some((folder.path(), "reg"))).await;
    assert!(
        matches!(&found, Confirmation::NoCredentials { reason, .. } if reason.contains("ecr-login")),
        "{found:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn base_images_are_asked_for_by_their_tag() {
    let (address, asked) = registry(&["200 OK\r\n"]).await;
    let known = format!("{address}/base/image:3");
    let names = [
        known.clone(),
        format!("{address}/base/gone:1"),
        format!("{address}/base/image@{DIGEST}"),
        "scratch".to_owned(),
        "not a name".to_owned(),
    ];
    let found = confirmer(None)
        .base_digests(&plan(&address, None), &names)
        .await;
    assert_eq!(found, [(known, BASE_DIGEST.to_owned())]);
    assert_eq!(
        asked.load(Ordering::SeqCst),
        0,
        "the image itself is another question"
    );
}
