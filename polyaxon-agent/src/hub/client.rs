//! Calls to the hub, with the agent's token.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Request as HttpRequest, Response as HttpResponse};
use polyaxon_proto::agent::v1::agent_client::AgentClient;
use polyaxon_proto::agent::v1::{
    AckLaunchRequest, AckLaunchResponse, CloseSessionRequest, Hint, HintsRequest, LeaseRequest,
    LeaseResponse, OpenSessionRequest, OpenSessionResponse, PushLogsRequest, PushLogsResponse,
    RenewRequest, RenewResponse, ReportRequest, ReportResponse, SyncRequest, SyncResponse,
};
use secrecy::{ExposeSecret, SecretString};
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::transport::{ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use crate::ambience::Ambience;

/// How long a call may take that the hub answers at once.
const CALL: Duration = Duration::from_secs(15);

/// What a long poll may take beyond the time that it asks for.
const POLL_GRACE: Duration = Duration::from_secs(10);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The address cannot be used.
    #[error("`{url}` is not an address of a hub: {reason}")]
    Address {
        /// As given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another session of this agent is newer, or the hub does not know this one any more.
    #[error("the session is not valid any more: {0}")]
    Fenced(String),
    /// Another process of this agent speaks for it and is heard.
    #[error("{0}")]
    Taken(String),
    /// The token is not accepted; trying again is useless.
    #[error("the hub refuses this agent: {0}; check the token and its scope")]
    Denied(String),
    /// It may work later.
    #[error("the hub cannot be reached or is busy: {0}")]
    Unavailable(String),
    /// The hub does not accept the call as it is.
    #[error("the hub refused: {0}")]
    Refused(String),
}

impl From<Status> for HubError {
    fn from(status: Status) -> Self {
        let said = format!("{} ({:?})", status.message(), status.code());
        match status.code() {
            Code::Aborted => Self::Fenced(said),
            Code::FailedPrecondition if status.message().contains("NOT_SYNCED") => {
                Self::Fenced(said)
            }
            Code::FailedPrecondition if is_taken(&status) => {
                Self::Taken(status.message().to_owned())
            }
            Code::Unauthenticated | Code::PermissionDenied => Self::Denied(said),
            Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::AlreadyExists
            | Code::OutOfRange
            | Code::Unimplemented => Self::Refused(said),
            _ => Self::Unavailable(said),
        }
    }
}

fn bearer(token: &SecretString) -> Result<Bearer, HubError> {
    let mut value: Bearer = format!("Bearer {}", token.expose_secret().trim())
        .parse()
        .map_err(|_| HubError::Denied("the token has characters that no token has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_taken(status: &Status) -> bool {
    let reason = status.metadata().get("polyaxon-reason");
    reason.is_some_and(|reason| reason == "SESSION_TAKEN")
}

/// What carries calls.
pub type Transport = BoxCloneSyncService<HttpRequest<Body>, HttpResponse<Body>, Status>;

/// A connection that opens itself again.
#[derive(Clone)]
pub struct HubClient {
    transport: Transport,
    ambience: Ambience,
    token: Arc<RwLock<Bearer>>,
    /// Where the token came from.
    token_file: Option<PathBuf>,
}

type Bearer = MetadataValue<tonic::metadata::Ascii>;

impl HubClient {
    /// A client for the hub at `url`; nothing is sent yet.
    pub fn new(url: &str, token: &SecretString) -> Result<Self, HubError> {
        let wrong = |reason: String| HubError::Address {
            url: url.to_owned(),
            reason,
        };
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|error| wrong(error.to_string()))?
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(15))
            .keep_alive_timeout(Duration::from_secs(10));
        if url.starts_with("https://") {
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().with_native_roots())
                .map_err(|error| wrong(error.to_string()))?;
        }
        let channel = endpoint.connect_lazy();
        let channel = channel.map_err(|error| Status::from_error(error.into()));
        Self::over(Transport::new(channel), token, Ambience::default())
    }

    /// A client that calls over any transport.
    pub fn over(
        transport: Transport,
        token: &SecretString,
        ambience: Ambience,
    ) -> Result<Self, HubError> {
        Ok(Self {
            transport,
            ambience,
            token: Arc::new(RwLock::new(bearer(token)?)),
            token_file: None,
        })
    }

    /// The same with a file that is read again when the token is refused.
    #[must_use]
    pub fn with_token_file(self, path: &Path) -> Self {
        Self {
            token_file: Some(path.to_owned()),
            ..self
        }
    }

    /// Reads the token anew; says whether there is another one.
    pub fn renew_token(&self) -> bool {
        let Some(text) = self
            .token_file
            .as_ref()
            .and_then(|path| std::fs::read_to_string(path).ok())
            .filter(|text| !text.trim().is_empty())
        else {
            return false;
        };
        let Ok(fresh) = bearer(&SecretString::from(text)) else {
            return false;
        };
        let mut token = self.token.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *token != fresh;
        *token = fresh;
        changed
    }

    /// Time and chance.
    pub fn ambience(&self) -> &Ambience {
        &self.ambience
    }

    fn client(&self) -> AgentClient<Transport> {
        AgentClient::new(self.transport.clone()).max_decoding_message_size(16 * 1024 * 1024)
    }

    fn request<T>(&self, message: T, timeout: Option<Duration>) -> Request<T> {
        let mut request = Request::new(message);
        let metadata = request.metadata_mut();
        let token = self.token.read().unwrap_or_else(PoisonError::into_inner);
        metadata.insert("authorization", token.clone());
        metadata.insert(
            "x-client-version",
            MetadataValue::from_static(polyaxon_proto::version::current()),
        );
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        request
    }

    /// `OpenSession`.
    pub async fn open_session(
        &self,
        request: OpenSessionRequest,
    ) -> Result<OpenSessionResponse, HubError> {
        let request = self.request(request, Some(CALL));
        Ok(self.client().open_session(request).await?.into_inner())
    }

    /// `Renew`.
    pub async fn renew(&self, request: RenewRequest) -> Result<RenewResponse, HubError> {
        let request = self.request(request, Some(CALL));
        Ok(self.client().renew(request).await?.into_inner())
    }

    /// `Sync`.
    pub async fn sync(&self, request: SyncRequest) -> Result<SyncResponse, HubError> {
        let request = self.request(request, Some(CALL * 2));
        Ok(self.client().sync(request).await?.into_inner())
    }

    /// `Lease`: answers after `wait_ms` at the latest.
    pub async fn lease(&self, request: LeaseRequest) -> Result<LeaseResponse, HubError> {
        let timeout = Duration::from_millis(request.wait_ms.into()) + POLL_GRACE;
        let request = self.request(request, Some(timeout));
        Ok(self.client().lease(request).await?.into_inner())
    }

    /// `AckLaunch`.
    pub async fn ack_launch(
        &self,
        request: AckLaunchRequest,
    ) -> Result<AckLaunchResponse, HubError> {
        let request = self.request(request, Some(CALL));
        Ok(self.client().ack_launch(request).await?.into_inner())
    }

    /// `Report`.
    pub async fn report(&self, request: ReportRequest) -> Result<ReportResponse, HubError> {
        let request = self.request(request, Some(CALL));
        Ok(self.client().report(request).await?.into_inner())
    }

    /// `PushLogs`.
    pub async fn push_logs(
        &self,
        requests: impl Stream<Item = PushLogsRequest> + Send + 'static,
    ) -> Result<Streaming<PushLogsResponse>, HubError> {
        let request = self.request(requests, None);
        Ok(self.client().push_logs(request).await?.into_inner())
    }

    /// `Hints`.
    pub async fn hints(&self, request: HintsRequest) -> Result<Streaming<Hint>, HubError> {
        let request = self.request(request, None);
        Ok(self.client().hints(request).await?.into_inner())
    }

    /// `CloseSession`.
    pub async fn close_session(&self, request: CloseSessionRequest) -> Result<(), HubError> {
        let request = self.request(request, Some(Duration::from_secs(2)));
        self.client().close_session(request).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_read_again_from_its_file() {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("token");
        let client = HubClient::new("http://127.0.0.1:1", &SecretString::from("old"));
        let client = client.expect("client").with_token_file(&file);
        let sent = |client: &HubClient| {
            let request = client.request((), None);
            let value = request.metadata().get("authorization").cloned();
            value.expect("a token").to_str().expect("ASCII").to_owned()
        };
        for (text, changed, token) in [
            (None, false, "old"),
            (Some("\n"), false, "old"),
            (Some("new\n"), true, "new"),
            (Some("new"), false, "new"),
        ] {
            if let Some(text) = text {
                std::fs::write(&file, text).expect("written");
            }
            let copy = client.clone();
            assert_eq!(client.renew_token(), changed, "{text:?}");
            assert_eq!(sent(&copy), format!("Bearer {token}"), "all copies have it");
        }
    }
}
