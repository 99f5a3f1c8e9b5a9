//! TLS that trusts what the executor trusts, and says what it says.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};

/// Bundles that the system may have; the first one that exists is read.
const SYSTEM_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The certificates of the process's environment: `SSL_CERT_FILE` or the system's bundle, and
/// every file in `SSL_CERT_DIR`. To be read before a base image covers them.
pub(super) fn system_roots() -> Vec<CertificateDer<'static>> {
    let mut roots = Vec::new();
    if let Some(file) = std::env::var_os("SSL_CERT_FILE") {
        roots.extend(certificates(Path::new(&file)));
    } else if let Some(file) = SYSTEM_BUNDLES.iter().find(|file| Path::new(file).is_file()) {
        roots.extend(certificates(Path::new(file)));
    }
    let folders = std::env::var("SSL_CERT_DIR").unwrap_or_default();
    for folder in folders.split(':').filter(|folder| !folder.is_empty()) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries.flatten() {
            roots.extend(certificates(&entry.path()));
        }
    }
    roots
}

/// The certificates of a file in PEM form; none when it cannot be read.
pub(super) fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    let Ok(bytes) = std::fs::read(path) else {
        return Vec::new();
    };
    CertificateDer::pem_slice_iter(&bytes).flatten().collect()
}

/// Wraps connections of `https` URLs.
pub(super) struct TlsConnector {
    config: Arc<ClientConfig>,
}

impl TlsConnector {
    /// A connector that trusts some roots; `verify` off: that trusts everybody.
    pub(super) fn new(
        roots: &[CertificateDer<'static>],
        verify: bool,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new(Arc::clone(&provider), roots, verify);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").finish_non_exhaustive()
    }
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(host).map_err(|_| ureq::Error::Tls("invalid host name"))?;
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name)?;
        let mut socket =
            TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        Ok(Some(Either::B(TlsTransport {
            buffers: LazyBuffers::new(
                details.config.input_buffer_size(),
                details.config.output_buffer_size(),
            ),
            stream: StreamOwned::new(connection, socket),
        })))
    }
}

/// A connection inside TLS.
pub(super) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.sock.set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Trust in roots; a root may also be the server's own certificate, as the executor allows.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    chains: Option<Arc<WebPkiServerVerifier>>,
    roots: Vec<CertificateDer<'static>>,
    verify: bool,
}

impl Verifier {
    fn new(provider: Arc<CryptoProvider>, roots: &[CertificateDer<'static>], verify: bool) -> Self {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let chains =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                .build()
                .ok();
        Self {
            provider,
            chains,
            roots: roots.to_vec(),
            verify,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if !self.verify {
            return Ok(ServerCertVerified::assertion());
        }
        let result = match &self.chains {
            Some(chains) => chains.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        let itself_trusted = self
            .roots
            .iter()
            .any(|root| root.as_ref() == end_entity.as_ref());
        match result {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Other(_) | CertificateError::UnknownIssuer,
            )) if itself_trusted => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) => {
                Err(CertificateError::UnknownIssuer.into())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The executor's words for a failed handshake.
pub(super) fn failure_text(error: &rustls::Error, host: &str) -> String {
    const VERIFY: &str = "tls: failed to verify certificate: x509: ";
    match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                format!(
                    "{VERIFY}certificate has expired or is not yet valid: {}",
                    validity(problem)
                )
            }
            CertificateError::NotValidForName => {
                format!(
                    "{VERIFY}certificate is not valid for any names, but wanted to match {host}"
                )
            }
            CertificateError::NotValidForNameContext { presented, .. } => {
                let names: Vec<_> = presented
                    .iter()
                    .map(|name| {
                        name.split_once("(\"")
                            .and_then(|(_, rest)| rest.split_once('"'))
                            .map_or(name.as_str(), |(name, _)| name)
                    })
                    .collect();
                format!(
                    "{VERIFY}certificate is valid for {}, not {host}",
                    names.join(", ")
                )
            }
            _ => format!("{VERIFY}certificate signed by unknown authority"),
        },
        rustls::Error::AlertReceived(alert) => {
            let words = format!("{alert:?}")
                .chars()
                .flat_map(|c| {
                    c.is_ascii_uppercase()
                        .then_some(' ')
                        .into_iter()
                        .chain(c.to_lowercase())
                })
                .collect::<String>();
            format!("remote error: tls:{words}")
        }
        rustls::Error::InvalidMessage(_) => {
            "http: server gave HTTP response to HTTPS client".to_owned()
        }
        other => format!("tls: {other}"),
    }
}

fn validity(problem: &CertificateError) -> String {
    let shown = |time: UnixTime| {
        i64::try_from(time.as_secs())
            .ok()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
            .map_or_else(String::new, |time| {
                time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
            })
    };
    match problem {
        CertificateError::ExpiredContext { time, not_after } => {
            format!(
                "current time {} is after {}",
                shown(*time),
                shown(*not_after)
            )
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!(
                "current time {} is before {}",
                shown(*time),
                shown(*not_before)
            )
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::time::Duration;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[rstest]
    #[case(CertificateError::UnknownIssuer.into(), "tls: failed to verify certificate: x509: certificate signed by unknown authority")]
    #[case(CertificateError::ExpiredContext { time: at(1_795_229_395), not_after: at(1_717_200_000) }.into(),
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-21T02:49:55Z is after 2024-06-01T00:00:00Z")]
    #[case(
        rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired),
        "remote error: tls: certificate required"
    )]
    #[case(
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
        "http: server gave HTTP response to HTTPS client"
    )]
    fn failures_have_the_recorded_words(#[case] error: rustls::Error, #[case] expected: &str) {
        assert_eq!(failure_text(&error, "h.test"), expected);
    }
}
