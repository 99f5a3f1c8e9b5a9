//! The connection to the hub.

use std::time::Duration;

use polyaxon_proto::hub::v1::access_client::AccessClient;
use polyaxon_proto::hub::v1::components_client::ComponentsClient;
use polyaxon_proto::runs::v1::runs_client::RunsClient;
use polyaxon_proto::transfer::v1::transfer_client::TransferClient;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize as _;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::config::{Config, Key, Origin};
use crate::exit::Exit;
use crate::view::finding::Finding;

/// A channel whose calls carry the token and this program's version.
pub(crate) type Authorised = InterceptedService<Channel, Credentials>;

/// Largest message that the protocol allows, in bytes.
const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A silent connection is probed this often, so that a follower notices a hub that vanished.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What a hub can do to a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HubError {
    /// The setting is not an address.
    #[error("`{host}` is not an address of a hub: write `http://HOST:PORT` or `https://HOST:PORT`")]
    Address { host: String },
    /// The settings forbid it.
    #[error("the hub is not asked: `no_api` is `true` in the {origin}")]
    Forbidden { origin: &'static str },
    /// The token holds characters that a header cannot carry.
    #[error(
        "the token holds characters that no token has; get a new one with `polyaxon admin token create`"
    )]
    Token,
    /// Nothing answers.
    #[error("the hub at `{host}` does not answer: {reason}")]
    Unreachable { host: String, reason: String },
    /// An answer that is an error.
    #[error("{message}")]
    Answer {
        code: Code,
        message: String,
        /// `polyaxon-reason`; may be empty.
        reason: String,
        /// `polyaxon-diagnostics-bin`, the JSON of a report.
        diagnostics: Option<Box<serde_json::Value>>,
        host: String,
    },
}

impl HubError {
    /// The error of a call to `host`.
    pub(crate) fn of_status(host: &str, status: &Status) -> Self {
        let metadata = status.metadata();
        let reason = metadata
            .get("polyaxon-reason")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if status.code() == Code::Unavailable && reason.is_empty() {
            return Self::Unreachable {
                host: host.to_owned(),
                reason: root_cause(status),
            };
        }
        let diagnostics = metadata
            .get_bin("polyaxon-diagnostics-bin")
            .and_then(|value| value.to_bytes().ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self::Answer {
            code: status.code(),
            message: status.message().to_owned(),
            reason,
            diagnostics,
            host: host.to_owned(),
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Address { .. } | Self::Forbidden { .. } => Exit::Usage,
            Self::Token => Exit::NotAllowed,
            Self::Unreachable { .. } => Exit::Unreachable,
            Self::Answer { code, reason, .. } => Exit::of_answer(*code, reason),
        }
    }

    /// What the hub found in a document; empty for other answers.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        match self {
            Self::Answer {
                diagnostics: Some(findings),
                ..
            } => Vec::deserialize(findings.as_ref()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// Whether the same call may work a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Address { .. } | Self::Forbidden { .. } | Self::Token => false,
            Self::Unreachable { .. } => true,
            Self::Answer { code, message, .. } => match code {
                Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Cancelled
                | Code::ResourceExhausted => true,
                // tonic reports a connection that broke in the middle of a stream like this, and the last two where a proxy
                // has ended a call that was silent for too long for it.
                Code::Unknown | Code::Internal => [
                    "transport",
                    "h2 protocol",
                    "grpc-status header missing, mapped from HTTP status code 200",
                    "grpc-status header missing, mapped from HTTP status code 408",
                ]
                .iter()
                .any(|words| message.contains(words)),
                _ => false,
            },
        }
    }

    /// What the user can do next; nothing where the hub's own sentence says it, as those with a reason do.
    pub(crate) fn next_step(&self) -> Option<String> {
        match self {
            Self::Address { .. } | Self::Token => None,
            Self::Forbidden { .. } => {
                Some("allow it with `polyaxon config set --no-api false`, or unset `POLYAXON_NO_API`".to_owned())
            }
            Self::Unreachable { .. } => Some(
                "start one with `polyaxon sandbox`, or choose another with `polyaxon config set --host ADDRESS`"
                    .to_owned(),
            ),
            Self::Answer { code, reason, .. } => match code {
                _ if !reason.is_empty() => None,
                Code::Unauthenticated => {
                    Some("log in with `polyaxon login --token TOKEN`".to_owned())
                }
                Code::PermissionDenied => {
                    Some("see what your token may do with `polyaxon whoami`".to_owned())
                }
                Code::Unimplemented => Some(
                    "the hub does not know this call; compare both with `polyaxon version`".to_owned(),
                ),
                _ => None,
            },
        }
    }
}

fn root_cause(status: &Status) -> String {
    use std::error::Error as _;
    let Some(first) = status.source() else {
        return status.message().to_owned();
    };
    deepest(first)
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Adds `authorization` and `x-client-version` to each call.
#[derive(Clone)]
pub(crate) struct Credentials {
    authorization: Option<MetadataValue<Ascii>>,
}

impl Credentials {
    fn new(token: Option<&SecretString>) -> Result<Self, HubError> {
        let authorization = token
            .map(|token| {
                let mut value: MetadataValue<Ascii> = format!("Bearer {}", token.expose_secret())
                    .parse()
                    .map_err(|_| HubError::Token)?;
                value.set_sensitive(true);
                Ok(value)
            })
            .transpose()?;
        Ok(Self { authorization })
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        if let Some(authorization) = &self.authorization {
            metadata.insert("authorization", authorization.clone());
        }
        metadata.insert(
            "x-client-version",
            MetadataValue::from_static(polyaxon_proto::version::current()),
        );
        Ok(request)
    }
}

/// A hub, or an agent that serves `transfer.v1`.
#[derive(Clone)]
pub(crate) struct Hub {
    host: String,
    channel: Authorised,
}

impl Hub {
    /// The configured hub, with the configured token.
    pub(crate) fn of_config(config: &Config) -> Result<Self, HubError> {
        if let Some((_, origin)) = config.value(Key::NoApi)
            && config.is_on(Key::NoApi)
        {
            let origin = match origin {
                Origin::Environment => "environment",
                _ => "settings",
            };
            return Err(HubError::Forbidden { origin });
        }
        Self::lazy(config.host(), config.token().as_ref())
    }

    /// A hub that is connected to when it is first called.
    pub(crate) fn lazy(host: &str, token: Option<&SecretString>) -> Result<Self, HubError> {
        let credentials = Credentials::new(token)?;
        let channel = endpoint(host)?.connect_lazy();
        Ok(Self {
            host: host.to_owned(),
            channel: InterceptedService::new(channel, credentials),
        })
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn access(&self) -> AccessClient<Authorised> {
        AccessClient::new(self.channel.clone())
    }

    pub(crate) fn components(&self) -> ComponentsClient<Authorised> {
        ComponentsClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn runs(&self) -> RunsClient<Authorised> {
        RunsClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    pub(crate) fn transfer(&self) -> TransferClient<Authorised> {
        TransferClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The content of an answer, or the error in this program's words.
    pub(crate) fn answer<T>(
        &self,
        result: Result<tonic::Response<T>, Status>,
    ) -> Result<T, HubError> {
        result
            .map(tonic::Response::into_inner)
            .map_err(|status| HubError::of_status(&self.host, &status))
    }
}

/// Whether a setting can be the address of a hub.
pub(crate) fn check_address(host: &str) -> Result<(), HubError> {
    plain_endpoint(host).map(|_| ())
}

fn address_error(host: &str) -> HubError {
    HubError::Address {
        host: host.to_owned(),
    }
}

fn plain_endpoint(host: &str) -> Result<Endpoint, HubError> {
    if !host.starts_with("http://") && !host.starts_with("https://") {
        return Err(address_error(host));
    }
    Endpoint::from_shared(host.to_owned()).map_err(|_| address_error(host))
}

fn endpoint(host: &str) -> Result<Endpoint, HubError> {
    let endpoint = plain_endpoint(host)?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    if host.starts_with("https://") {
        return endpoint
            .tls_config(ClientTlsConfig::new().with_native_roots())
            .map_err(|_| address_error(host));
    }
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("hub.test:80")]
    #[case("ftp://hub.test")]
    #[case("http://")]
    fn an_address_without_scheme_is_refused(#[case] host: &str) {
        assert!(matches!(endpoint(host), Err(HubError::Address { .. })));
        assert!(check_address(host).is_err());
    }

    #[rstest::rstest]
    #[case(Status::unavailable("no hub"), true)]
    #[case(
        Status::unknown("h2 protocol error: error reading a body from connection"),
        true
    )]
    #[case(
        Status::unknown("grpc-status header missing, mapped from HTTP status code 200"),
        true
    )]
    #[case(
        Status::unknown("grpc-status header missing, mapped from HTTP status code 408"),
        true
    )]
    #[case(
        Status::unknown("grpc-status header missing, mapped from HTTP status code 413"),
        false
    )]
    #[case(Status::internal("a bug"), false)]
    fn what_passes_is_asked_again(#[case] status: Status, #[case] passes: bool) {
        let error = HubError::of_status("http://hub.test", &status);
        assert_eq!(error.is_passing(), passes, "{status}");
    }

    #[test]
    fn reason_and_diagnostics_travel_in_metadata() {
        let mut status = Status::invalid_argument("two mistakes");
        status
            .metadata_mut()
            .insert("polyaxon-reason", MetadataValue::from_static("INVALID"));
        status.metadata_mut().insert_bin(
            "polyaxon-diagnostics-bin",
            tonic::metadata::MetadataValue::from_bytes(br#"[{"code":"PX0101"}]"#),
        );
        let HubError::Answer {
            reason,
            diagnostics,
            ..
        } = HubError::of_status("http://hub.test", &status)
        else {
            panic!("not an answer")
        };
        assert_eq!(reason, "INVALID");
        assert_eq!(diagnostics.unwrap()[0]["code"], "PX0101");
    }

    #[test]
    fn a_token_with_a_line_end_is_refused_without_being_shown() {
        let token = SecretString::from("plx_a\nb".to_owned());
        let error = Hub::lazy("http://hub.test", Some(&token)).err().unwrap();
        assert!(!error.to_string().contains("plx_a"));
    }
}
