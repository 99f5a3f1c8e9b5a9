//! Against a registry of a few lines over plain HTTP.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;
use crate::executor::{Created, ExecutorError, Found, LogPiece, Seen};
use crate::planning::AttemptPlan;
use polyaxon_registry::ImageSize;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Answers to the requests for the manifest, one after the other, the last one again and again.
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
            assert!(
                request.starts_with(&format!("HEAD /v2/team/app/manifests/{DIGEST} ")),
                "{request}"
            );
            let at = count.fetch_add(1, Ordering::SeqCst);
            let answer = answers.get(at).or(answers.last()).expect("an answer");
            let authorized = request
                .to_lowercase()
                .contains("authorization: basic bwu6cgfzcw==");
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
    async fn run(&self, _: Arc<AttemptPlan>, _: mpsc::Sender<Seen>) -> Result<(), ExecutorError> {
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

async fn confirmed(
    file: Option<&'static str>,
    address: &str,
    secret: Option<(&Path, &str)>,
) -> Confirmation {
    let confirmer = Confirmer {
        registry: Registry::new(None, Vec::new()).expect("client"),
        secrets_dir: secret.map(|(folder, _)| folder.to_owned()),
        pause: Duration::from_millis(1),
    };
    let build = BuildPlan {
        image: format!("{address}/team/app:1"),
        secret: secret.map(|(_, name)| name.to_owned()),
        digest_file: "/out/digest".to_owned(),
        pushes: true,
    };
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
