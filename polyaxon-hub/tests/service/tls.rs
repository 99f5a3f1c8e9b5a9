//! TLS on the one port.

use std::path::PathBuf;
use std::time::Duration;

use polyaxon_hub::server::Server;
use polyaxon_hub::settings::Settings;
use polyaxon_proto::hub::v1::WhoAmIRequest;
use polyaxon_proto::hub::v1::access_client::AccessClient;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::support::{bearer, settings};

/// Settings with a certificate for `localhost`, and the certificate.
fn with_tls(folder: &TempDir) -> (Settings, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let certificate = made.cert.pem();
    let settings = Settings {
        tls_cert: Some(write("cert.pem", certificate.clone())),
        tls_key: Some(write("key.pem", made.signing_key.serialize_pem())),
        ..settings(&folder.path().join("data"))
    };
    (settings, certificate)
}

#[tokio::test]
async fn calls_are_encrypted_and_a_silent_client_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (settings, certificate) = with_tls(&folder);
    let server = Server::start(&settings).await.unwrap();
    assert!(server.url().starts_with("https://"));
    let silent = TcpStream::connect(server.address()).await.unwrap();

    let token = std::fs::read_to_string(folder.path().join("data/admin.token")).unwrap();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(certificate))
        .domain_name("localhost");
    let channel = Endpoint::from_shared(server.url())
        .unwrap()
        .tls_config(tls)
        .unwrap()
        .timeout(Duration::from_secs(5))
        .connect()
        .await
        .unwrap();
    let mut access = AccessClient::with_interceptor(channel, bearer(token.trim()));
    access.who_am_i(WhoAmIRequest {}).await.unwrap();

    let plain = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
    if let Ok(channel) = plain.connect().await {
        let mut access = AccessClient::with_interceptor(channel, bearer(token.trim()));
        access.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    }
    drop(silent);
    server.shutdown().await.unwrap();
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (good, _) = with_tls(&folder);
    let key = good.tls_key.clone();
    for (settings, expected) in [
        (
            Settings {
                tls_cert: Some(folder.path().join("absent.pem")),
                ..good.clone()
            },
            "absent.pem",
        ),
        (
            Settings {
                tls_cert: key,
                ..good.clone()
            },
            "holds no certificate",
        ),
        (
            Settings {
                tls_key: good.tls_cert.clone(),
                ..good.clone()
            },
            "cert.pem",
        ),
    ] {
        let error = Server::start(&settings).await.err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
