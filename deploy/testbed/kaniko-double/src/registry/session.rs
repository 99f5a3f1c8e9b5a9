//! A login at one registry for one repository.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use super::challenge::{self, Challenge};
use super::connection::{Call, Connection, Payload, unexpected};
use super::reference::is_private;
use super::{Error, Network, Purpose, Reference, manifest, words};

/// Pauses before the second and the third try of a request.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// A logged in connection.
#[derive(Clone)]
pub(crate) struct Session {
    connection: Connection,
    authorization: Option<SecretString>,
    registry: String,
    repository: String,
    /// Scheme and host: the start of every URL.
    origin: String,
}

/// A blob to upload.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blob<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// On disk.
    File(&'a Path),
}

impl Session {
    pub(super) fn open(
        network: &Network,
        reference: &Reference,
        purpose: Purpose,
    ) -> Result<Self, Error> {
        let registry = &reference.registry;
        let login = network
            .keychain
            .login(registry)
            .map_err(|reason| Error::Authorization {
                host: registry.clone(),
                reason,
            })?;
        let connection = Connection::new(
            &network.roots_for(registry),
            network.verifies(registry, purpose),
        )?;
        let plain = network.is_insecure(registry, purpose) || is_private(registry);
        let (origin, challenge) = retrying(|| ping(&connection, registry, plain))?;
        let authorization = match challenge {
            None => None,
            Some(Challenge::Basic) => login.map(|login| login.header()),
            Some(Challenge::Bearer { realm, service }) => {
                let actions = match purpose {
                    Purpose::Pull => "pull",
                    Purpose::Push => "push,pull",
                };
                let scope = format!("repository:{}:{actions}", reference.repository);
                let header = login.map(|login| login.header());
                let url = token_url(&realm, &service, &scope);
                Some(retrying(|| token(&connection, &url, header.as_ref()))?)
            }
        };
        Ok(Self {
            connection,
            authorization,
            registry: registry.clone(),
            repository: reference.repository.clone(),
            origin,
        })
    }

    /// Registry that the session is with.
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// Repository that the session is for.
    pub(crate) fn repository(&self) -> &str {
        &self.repository
    }

    /// Starts an upload and gives it up again.
    pub(crate) fn check_push(&self) -> Result<(), Error> {
        let url = self.url("blobs/uploads/");
        let call = Call {
            payload: Payload::Bytes(&[]),
            ..Call::new("POST", &url)
        };
        let response = self.expect(&call, &[202, 201])?;
        if let Some(location) = self.location(&response) {
            // What the registry keeps of an upload that nobody continues is its own affair.
            let _ = self
                .connection
                .send(&Call::new("DELETE", &location), self.authorization.as_ref());
        }
        Ok(())
    }

    /// The manifest of a tag or digest, as bytes, with its media type.
    pub(crate) fn manifest(&self, identifier: &str) -> Result<(Vec<u8>, String), Error> {
        let url = self.url(&format!("manifests/{identifier}"));
        let headers = [("Accept", manifest::ACCEPT)];
        let call = Call {
            headers: &headers,
            ..Call::new("GET", &url)
        };
        let mut response = retrying(|| self.expect(&call, &[200]))?;
        let media_type = response
            .headers()
            .get("Content-Type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let bytes = response
            .body_mut()
            .read_to_vec()
            .map_err(|error| stream_error(&error))?;
        if identifier.contains(':') && manifest::digest(&bytes) != identifier {
            return Err(Error::Content(format!(
                "manifest digest: {:?} does not match requested digest: {identifier:?} for {}/{}@{identifier}",
                manifest::digest(&bytes),
                self.registry,
                self.repository
            )));
        }
        Ok((bytes, media_type))
    }

    /// Whether a tag exists; anything but "yes" and "no" is an error.
    pub(crate) fn has_manifest(&self, identifier: &str) -> Result<bool, Error> {
        let headers = [("Accept", manifest::ACCEPT)];
        let url = self.url(&format!("manifests/{identifier}"));
        self.exists(&Call {
            headers: &headers,
            ..Call::new("HEAD", &url)
        })
    }

    /// Whether a blob exists.
    pub(crate) fn has_blob(&self, digest: &str) -> Result<bool, Error> {
        let url = self.url(&format!("blobs/{digest}"));
        self.exists(&Call::new("HEAD", &url))
    }

    fn exists(&self, call: &Call<'_>) -> Result<bool, Error> {
        let response = retrying(|| self.expect(call, &[200, 404]))?;
        Ok(response.status().as_u16() == 200)
    }

    /// The bytes of a blob, unchecked.
    pub(crate) fn blob(&self, digest: &str) -> Result<impl Read + use<>, Error> {
        let url = self.url(&format!("blobs/{digest}"));
        let response = retrying(|| self.expect(&Call::new("GET", &url), &[200]))?;
        Ok(response.into_body().into_reader())
    }

    /// A small blob whose digest was checked.
    pub(crate) fn small_blob(&self, digest: &str) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.blob(digest)?
            .read_to_end(&mut bytes)
            .map_err(|error| Error::Stream(crate::error::errno_text(&error)))?;
        if manifest::digest(&bytes) == digest {
            Ok(bytes)
        } else {
            Err(Error::Content(format!(
                "error verifying sha256 checksum after reading {} bytes; got {:?}, want {:?}",
                bytes.len(),
                manifest::digest(&bytes),
                digest
            )))
        }
    }

    /// Asks the registry to link a blob of another of its repositories; `false`: upload it.
    pub(crate) fn mount(&self, digest: &str, from: &str) -> Result<bool, Error> {
        let url = self.url(&format!(
            "blobs/uploads/?from={}&mount={}&origin={}",
            words::query(from),
            words::query(digest),
            words::query(&self.registry)
        ));
        let call = Call {
            payload: Payload::Bytes(&[]),
            ..Call::new("POST", &url)
        };
        let response = retrying(|| self.expect(&call, &[201, 202]))?;
        Ok(response.status().as_u16() == 201)
    }

    /// Uploads a blob in one piece.
    pub(crate) fn upload(&self, digest: &str, blob: Blob<'_>) -> Result<(), Error> {
        retrying(|| self.upload_once(digest, blob))
    }

    fn upload_once(&self, digest: &str, blob: Blob<'_>) -> Result<(), Error> {
        let url = self.url("blobs/uploads/");
        let start = Call {
            payload: Payload::Bytes(&[]),
            ..Call::new("POST", &url)
        };
        let location = self.next_location(&self.expect(&start, &[202])?)?;
        let headers = [("Content-Type", "application/octet-stream")];
        let payload = match blob {
            Blob::Bytes(bytes) => Payload::Bytes(bytes),
            Blob::File(path) => Payload::File(path),
        };
        let patch = Call {
            headers: &headers,
            payload,
            ..Call::new("PATCH", &location)
        };
        let location = self.next_location(&self.expect(&patch, &[201, 202, 204])?)?;
        let separator = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{separator}digest={}", words::query(digest));
        let commit = Call {
            payload: Payload::Bytes(&[]),
            ..Call::new("PUT", &url)
        };
        self.expect(&commit, &[201]).map(drop)
    }

    /// Stores a manifest under a tag or digest.
    pub(crate) fn put_manifest(
        &self,
        identifier: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let url = self.url(&format!("manifests/{identifier}"));
        let headers = [("Content-Type", media_type)];
        let payload = Payload::Bytes(bytes);
        let call = Call {
            headers: &headers,
            payload,
            ..Call::new("PUT", &url)
        };
        retrying(|| self.expect(&call, &[200, 201, 202])).map(drop)
    }

    fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.origin, self.repository)
    }

    fn expect(&self, call: &Call<'_>, statuses: &[u16]) -> Result<Response<Body>, Error> {
        let response = self.connection.send(call, self.authorization.as_ref())?;
        if statuses.contains(&response.status().as_u16()) {
            Ok(response)
        } else {
            Err(unexpected(call, response))
        }
    }

    fn location(&self, response: &Response<Body>) -> Option<String> {
        let location = response.headers().get("Location")?.to_str().ok()?;
        Some(if location.starts_with('/') {
            format!("{}{location}", self.origin)
        } else {
            location.to_owned()
        })
    }

    fn next_location(&self, response: &Response<Body>) -> Result<String, Error> {
        self.location(response)
            .ok_or_else(|| Error::Content("missing Location header".to_owned()))
    }
}

/// Scheme and host that answer, and what they ask for.
fn ping(
    connection: &Connection,
    registry: &str,
    plain: bool,
) -> Result<(String, Option<Challenge>), Error> {
    let mut failures = Vec::new();
    let schemes: &[&str] = if plain {
        &["https", "http"]
    } else {
        &["https"]
    };
    for scheme in schemes {
        let origin = format!("{scheme}://{registry}");
        let url = format!("{origin}/v2/");
        let call = Call::new("GET", &url);
        match connection.send(&call, None) {
            Ok(response) if response.status().as_u16() == 200 => return Ok((origin, None)),
            Ok(response) if response.status().as_u16() == 401 => {
                let challenge = response
                    .headers()
                    .get_all("WWW-Authenticate")
                    .iter()
                    .filter_map(|value| value.to_str().ok())
                    .find_map(challenge::parse);
                return Ok((origin, challenge));
            }
            Ok(response) => failures.push(unexpected(&call, response)),
            Err(error) => failures.push(error),
        }
    }
    if failures.len() == 1 {
        return Err(failures.remove(0));
    }
    Err(Error::Ping(failures))
}

fn token_url(realm: &str, service: &str, scope: &str) -> String {
    let separator = if realm.contains('?') { '&' } else { '?' };
    let mut url = format!("{realm}{separator}scope={}", words::query(scope));
    if !service.is_empty() {
        url.push_str("&service=");
        url.push_str(&words::query(service));
    }
    url
}

fn token(
    connection: &Connection,
    url: &str,
    login: Option<&SecretString>,
) -> Result<SecretString, Error> {
    let call = Call::new("GET", url);
    let mut response = connection.send(&call, login)?;
    if response.status().as_u16() != 200 {
        return Err(unexpected(&call, response));
    }
    let body = response
        .body_mut()
        .read_to_string()
        .map_err(|error| stream_error(&error))?;
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    ["token", "access_token"]
        .iter()
        .find_map(|name| answer.get(name).and_then(Value::as_str))
        .filter(|token| !token.is_empty())
        .map(|token| SecretString::from(format!("Bearer {token}")))
        .ok_or_else(|| Error::Content("no token in bearer response".to_owned()))
}

fn stream_error(error: &ureq::Error) -> Error {
    Error::Stream(match error {
        ureq::Error::Io(error) => crate::error::errno_text(error),
        other => other.to_string(),
    })
}

/// Tries again after an answer or a break that may heal by itself.
fn retrying<T>(mut attempt: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    for pause in PAUSES {
        match attempt() {
            Err(error) if error.is_transient() => std::thread::sleep(pause),
            other => return other,
        }
    }
    attempt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_url_has_the_recorded_form() {
        assert_eq!(
            token_url(
                "https://auth.docker.io/token",
                "registry.docker.io",
                "repository:acme/app:push,pull"
            ),
            "https://auth.docker.io/token?scope=repository%3Aacme%2Fapp%3Apush%2Cpull&service=registry.docker.io"
        );
    }
}
