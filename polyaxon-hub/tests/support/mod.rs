//! A hub on a port of its own, and clients of it.

pub(crate) mod agent;
pub(crate) mod runs;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use polyaxon_hub::clock::Clock;
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::server::Server;
use polyaxon_hub::settings::{LogFormat, Settings};
use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::components_client::ComponentsClient;
use polyaxon_proto::hub::v1::{CreateTokenRequest, Scope};
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Time that a test moves by hand.
#[derive(Debug)]
pub(crate) struct ManualClock {
    now: AtomicI64,
    was_set_by: AtomicI64,
}

impl ManualClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Somebody sets the machine's clock.
    pub(crate) fn set_by(&self, seconds: i64) {
        self.was_set_by.store(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        Millis(self.now.load(Ordering::SeqCst))
    }

    fn was_set_by(&self) -> i64 {
        self.was_set_by.load(Ordering::SeqCst)
    }

    fn follow(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Ordering::SeqCst);
        self.was_set_by.fetch_sub(milliseconds, Ordering::SeqCst);
    }
}

/// A running hub.
pub(crate) struct TestHub {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: TempDir,
    server: Server,
}

pub(crate) type Authorised = InterceptedService<Channel, Bearer>;

/// Adds a token and a version to each call.
#[derive(Clone)]
pub(crate) struct Bearer {
    token: Option<MetadataValue<Ascii>>,
    version: MetadataValue<Ascii>,
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.token {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        request
            .metadata_mut()
            .insert("x-client-version", self.version.clone());
        Ok(request)
    }
}

impl TestHub {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    pub(crate) async fn start_in(folder: TempDir) -> Self {
        let clock = Arc::new(ManualClock {
            now: AtomicI64::new(1_700_000_000_000),
            was_set_by: AtomicI64::new(0),
        });
        let settings = settings(folder.path());
        let server = Server::start_at(&settings, clock.clone()).await.unwrap();
        Self {
            clock,
            folder,
            server,
        }
    }

    /// Ends it and gives its folder back.
    pub(crate) async fn stop(self) -> TempDir {
        self.server.shutdown().await.unwrap();
        self.folder
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url())
            .unwrap()
            .connect()
            .await
            .unwrap()
    }

    pub(crate) fn admin_token(&self) -> String {
        let file = self.folder.path().join("admin.token");
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    }

    pub(crate) async fn access(&self, token: &str) -> AccessClient<Authorised> {
        AccessClient::with_interceptor(self.channel().await, bearer(token))
    }

    pub(crate) async fn components(&self) -> ComponentsClient<Authorised> {
        let token = self.admin_token();
        ComponentsClient::with_interceptor(self.channel().await, bearer(&token))
    }

    /// A fresh token of a scope.
    pub(crate) async fn token(&self, name: &str, scope: Scope) -> String {
        let mut access = self.access(&self.admin_token()).await;
        let request = CreateTokenRequest {
            name: name.into(),
            scope: scope.into(),
            expires_in_seconds: 0,
        };
        access
            .create_token(request)
            .await
            .unwrap()
            .into_inner()
            .secret
    }
}

pub(crate) fn settings(folder: &Path) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: folder.to_owned(),
        log_store: None,
        log_format: LogFormat::Text,
        print_address: false,
        print_admin_token: false,
        tls_cert: None,
        tls_key: None,
        insecure_behind_proxy: false,
        admin_token_file: None,
    }
}

pub(crate) fn bearer(token: &str) -> Bearer {
    Bearer {
        token: (!token.is_empty()).then(|| format!("Bearer {token}").parse().unwrap()),
        version: env!("CARGO_PKG_VERSION").parse().unwrap(),
    }
}

impl Bearer {
    pub(crate) fn with_version(mut self, version: &str) -> Self {
        self.version = version.parse().unwrap();
        self
    }
}

/// The reason that a refusal carries.
pub(crate) fn reason(status: &Status) -> &str {
    status
        .metadata()
        .get("polyaxon-reason")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
