//! Requests on one registry's connections, and the words for requests without an answer.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::ToSocketAddrs as _;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use secrecy::{ExposeSecret as _, SecretString};
use ureq::http::{Request, Response};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, Body, SendBody};

use super::tls::{self, TlsConnector};
use super::{Error, words};
use crate::error::errno_text;

/// How long the executor waits for a connection.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);

/// What a request carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Payload<'a> {
    /// Nothing.
    None,
    /// Bytes, possibly none.
    Bytes(&'a [u8]),
    /// A file.
    File(&'a Path),
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) payload: Payload<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: &'a str, url: &'a str) -> Self {
        Self {
            method,
            url,
            headers: &[],
            payload: Payload::None,
        }
    }
}

/// An HTTP client.
#[derive(Clone)]
pub(super) struct Connection {
    agent: Agent,
}

impl Connection {
    pub(super) fn new(roots: &[CertificateDer<'static>], verify: bool) -> Result<Self, Error> {
        let tls = TlsConnector::new(roots, verify)
            .map_err(|error| Error::Content(format!("tls: {error}")))?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_connect(Some(DIAL_TIMEOUT))
            .user_agent(concat!("kaniko-double/", env!("CARGO_PKG_VERSION")))
            .build();
        let connector = ().chain(TcpConnector::default()).chain(tls);
        Ok(Self {
            agent: Agent::with_parts(config, connector, DefaultResolver::default()),
        })
    }

    /// Sends a request once; any status is an answer.
    pub(super) fn send(
        &self,
        call: &Call<'_>,
        authorization: Option<&SecretString>,
    ) -> Result<Response<Body>, Error> {
        let mut request = Request::builder().method(call.method).uri(call.url);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        if let Some(value) = authorization {
            request = request.header("Authorization", value.expose_secret());
        }
        let invalid = |error: ureq::http::Error| failure(call, &ureq::Error::Http(error));
        let result = match call.payload {
            Payload::None => self.agent.run(request.body(()).map_err(invalid)?),
            Payload::Bytes(bytes) => self.agent.run(request.body(bytes).map_err(invalid)?),
            Payload::File(path) => {
                let mut file = File::open(path).map_err(|error| {
                    Error::Stream(format!("open {}: {}", path.display(), errno_text(&error)))
                })?;
                let length = file.metadata().map_or(0, |metadata| metadata.len());
                let request = request.header("Content-Length", length.to_string());
                let body = SendBody::from_reader(&mut file);
                self.agent.run(request.body(body).map_err(invalid)?)
            }
        };
        result.map_err(|error| failure(call, &error))
    }
}

/// The error of an answer, with what the answer says.
pub(super) fn unexpected(call: &Call<'_>, mut response: Response<Body>) -> Error {
    let code = response.status().as_u16();
    let body = response.body_mut().read_to_string().unwrap_or_default();
    Error::Status {
        method: call.method.to_owned(),
        url: words::redacted(call.url),
        code,
        text: words::status(call.method, code, &body),
    }
}

fn failure(call: &Call<'_>, error: &ureq::Error) -> Error {
    let (text, transient) = failure_text(call.url, error);
    Error::Connection {
        method: words::capitalized(call.method),
        url: call.url.to_owned(),
        text,
        transient,
    }
}

/// Host, and host with port, of a URL.
fn authority(url: &str) -> (String, String) {
    let uri = url.parse::<ureq::http::Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default().to_owned();
    let default = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    let port = uri.port_u16().unwrap_or(default);
    let full = format!("{host}:{port}");
    (host, full)
}

fn failure_text(url: &str, error: &ureq::Error) -> (String, bool) {
    let (host, full) = authority(url);
    let address = || {
        full.to_socket_addrs()
            .ok()
            .and_then(|mut addresses| addresses.next())
            .map_or_else(|| full.clone(), |address| address.to_string())
    };
    match error {
        ureq::Error::HostNotFound => (no_such_host(&host), false),
        ureq::Error::Timeout(_) => (format!("dial tcp {}: i/o timeout", address()), false),
        ureq::Error::Rustls(error) => (tls::failure_text(error, &host), false),
        ureq::Error::Io(error) => io_text(error, &host, address),
        other => (other.to_string(), false),
    }
}

fn io_text(error: &io::Error, host: &str, address: impl Fn() -> String) -> (String, bool) {
    if let Some(error) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return (tls::failure_text(error, host), false);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => (
            format!("dial tcp {}: connect: {}", address(), errno_text(error)),
            false,
        ),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => (
            format!("read tcp {}: read: connection reset by peer", address()),
            true,
        ),
        ErrorKind::UnexpectedEof => ("EOF".to_owned(), true),
        ErrorKind::TimedOut => (format!("dial tcp {}: i/o timeout", address()), false),
        _ if error.to_string().contains("lookup") => (no_such_host(host), false),
        _ => (errno_text(error), false),
    }
}

fn no_such_host(host: &str) -> String {
    let server = std::fs::read_to_string("/etc/resolv.conf")
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix("nameserver")
                .map(|rest| rest.trim().to_owned())
        });
    match server {
        Some(server) => format!("dial tcp: lookup {host} on {server}:53: no such host"),
        None => format!("dial tcp: lookup {host}: no such host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(url: &str) -> Error {
        let connection = Connection::new(&[], true).unwrap();
        connection.send(&Call::new("GET", url), None).unwrap_err()
    }

    #[test]
    fn a_refused_connection_has_the_recorded_words() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let url = format!("http://127.0.0.1:{port}/v2/");
        assert_eq!(
            call(&url).to_string(),
            format!("Get \"{url}\": dial tcp 127.0.0.1:{port}: connect: connection refused")
        );
    }

    #[test]
    fn plain_http_behind_https_has_the_recorded_words() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let (mut stream, _) = listener.accept().unwrap();
            let mut hello = [0; 16];
            stream.read_exact(&mut hello).unwrap();
            stream
                .write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nno TLS here")
                .unwrap();
        });
        let url = format!("https://127.0.0.1:{port}/v2/");
        assert_eq!(
            call(&url).to_string(),
            format!("Get \"{url}\": http: server gave HTTP response to HTTPS client")
        );
        server.join().unwrap();
    }
}
