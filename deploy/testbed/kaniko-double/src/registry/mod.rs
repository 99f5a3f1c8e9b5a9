//! Registries: references, credentials, connections, pull and push of blobs and manifests.

use rustls::pki_types::CertificateDer;

use crate::flags::TransportFlags;
use crate::log::Log;

mod auth;
mod challenge;
mod connection;
pub(crate) mod manifest;
pub(crate) mod pull;
mod reference;
mod session;
mod tls;
mod words;

pub(crate) use auth::Keychain;
pub(crate) use reference::{DEFAULT_REGISTRY, Reference};
pub(crate) use session::{Blob, Session};

/// Why a request to a registry failed, in the words of the executor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// An answer that was not hoped for.
    #[error("{method} {url}: {text}")]
    Status {
        /// Method of the request.
        method: String,
        /// Its URL, values of the query hidden.
        url: String,
        /// Status of the answer.
        code: u16,
        /// What the answer says.
        text: String,
    },
    /// No answer.
    #[error("{method} \"{url}\": {text}")]
    Connection {
        /// Method of the request, capitalised.
        method: String,
        /// Its URL.
        url: String,
        /// Why.
        text: String,
        /// Whether another try may help: reset or end in the middle.
        transient: bool,
    },
    /// All ways to reach a registry failed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Ping(Vec<Error>),
    /// Credentials cannot be read.
    #[error("resolving authorization for {host} failed: {reason}")]
    Authorization {
        /// The registry.
        host: String,
        /// Why.
        reason: auth::Error,
    },
    /// A stream of bytes broke off.
    #[error("{0}")]
    Stream(String),
    /// Something that a registry sent makes no sense.
    #[error("{0}")]
    Content(String),
}

impl Error {
    /// Whether the executor tries a request again after this.
    fn is_transient(&self) -> bool {
        match self {
            Self::Status { code, .. } => [429, 500, 502, 503].contains(code),
            Self::Connection { transient, .. } => *transient,
            _ => false,
        }
    }
}

/// Which way the images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Base images and cache lookups.
    Pull,
    /// Permission check, image and cache layers.
    Push,
}

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Network {
    /// How connections are made.
    pub flags: TransportFlags,
    /// Trusted certificates, read before a base image covers them.
    pub roots: Vec<CertificateDer<'static>>,
    /// Credentials.
    pub keychain: Keychain,
    /// Credential helpers that are on; they are only named in the log.
    pub helpers: Vec<String>,
    /// The log.
    pub log: Log,
}

impl Network {
    /// The network of the process's environment.
    pub(crate) fn from_environment(flags: TransportFlags, helpers: Vec<String>, log: Log) -> Self {
        Self {
            flags,
            roots: tls::system_roots(),
            keychain: Keychain::from_environment(),
            helpers,
            log,
        }
    }

    /// A connection to the registry of a reference, logged in for its repository.
    pub(crate) fn session(
        &self,
        reference: &Reference,
        purpose: Purpose,
    ) -> Result<Session, Error> {
        let mut providers = self.keychain.providers();
        providers.extend(self.helpers.iter().cloned());
        self.log.info(format_args!(
            "credential providers by priority: [{}]",
            providers.join(", ")
        ));
        Session::open(self, reference, purpose)
    }

    fn is_insecure(&self, registry: &str, purpose: Purpose) -> bool {
        let flags = &self.flags;
        let all = match purpose {
            Purpose::Pull => flags.insecure_pull,
            Purpose::Push => flags.insecure_push,
        };
        all || flags
            .insecure_registries
            .iter()
            .any(|host| host == registry)
    }

    fn verifies(&self, registry: &str, purpose: Purpose) -> bool {
        let flags = &self.flags;
        let none = match purpose {
            Purpose::Pull => flags.skip_verify_pull,
            Purpose::Push => flags.skip_verify_push,
        };
        !(none
            || flags
                .skip_verify_registries
                .iter()
                .any(|host| host == registry))
    }

    fn roots_for(&self, registry: &str) -> Vec<CertificateDer<'static>> {
        let mut roots = self.roots.clone();
        if let Some(path) = self.flags.certificates.get(registry) {
            roots.extend(tls::certificates(path));
        }
        roots
    }
}
