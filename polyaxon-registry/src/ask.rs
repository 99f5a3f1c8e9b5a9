//! Requests for a manifest by its digest.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::credentials::Credentials;
use super::manifest::ImageSize;
use super::reference::Reference;
use super::token::{self, Challenge};

/// Kinds of manifests that an image may have.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// Header with the digest of the manifest that is answered.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(20);

/// What a registry said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has the digest.
    Present,
    /// It does not have it.
    Absent,
    /// It does not tell without other credentials.
    Denied(String),
}

/// It said nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the registry `{registry}` did not answer: {reason}")]
pub struct RegistryError {
    /// The registry.
    pub registry: String,
    /// What went wrong.
    pub reason: String,
}

/// Asks registries.
#[derive(Debug, Clone)]
pub struct Registry {
    client: Client,
    insecure: Vec<String>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The bundle cannot be read.
    #[error("cannot use the certificate authorities of `{path}`: {reason}")]
    Bundle {
        /// Path of the bundle.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl Registry {
    /// A client that trusts the machine's authorities and those of the bundle, and speaks plain
    /// HTTP to the registries of `insecure`.
    pub fn new(ca_bundle: Option<&Path>, insecure: Vec<String>) -> Result<Self, ClientError> {
        let mut builder = Client::builder()
            .timeout(REQUEST)
            .connect_timeout(Duration::from_secs(10))
            .user_agent(concat!("polyaxon/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = ca_bundle {
            let unusable = |reason: String| ClientError::Bundle {
                path: path.display().to_string(),
                reason,
            };
            let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
            let bundle = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|error| unusable(error.to_string()))?;
            builder = builder.tls_certs_merge(bundle);
        }
        let client = builder
            .build()
            .map_err(|error| ClientError::Tls(error.to_string()))?;
        Ok(Self { client, insecure })
    }

    /// Whether the registry of the image has the digest.
    pub async fn has(
        &self,
        image: &Reference,
        digest: &str,
        credentials: &Credentials,
    ) -> Result<Answer, RegistryError> {
        let mut last = String::new();
        for scheme in self.schemes(image.host()) {
            match self.ask(scheme, image, digest, credentials).await {
                Ok(answer) => return Ok(answer),
                Err(reason) => last = reason,
            }
        }
        Err(RegistryError {
            registry: image.registry.clone(),
            reason: last,
        })
    }

    /// As the executor does: plain HTTP is tried by itself on this machine and in private networks.
    fn schemes(&self, host: &str) -> &'static [&'static str] {
        if self.insecure.iter().any(|insecure| insecure == host) {
            return &["http", "https"];
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_near = name == "localhost"
            || matches!(name.parse(), Ok(IpAddr::V4(address))
                if address.is_loopback() || address.is_private());
        if is_near {
            &["https", "http"]
        } else {
            &["https"]
        }
    }

    /// How large the image of this digest is; `None` for one that has parts for several platforms.
    pub async fn size(
        &self,
        image: &Reference,
        digest: &str,
        credentials: &Credentials,
    ) -> Option<ImageSize> {
        for scheme in self.schemes(image.host()) {
            let asked = self
                .send(Method::GET, scheme, image, digest, credentials)
                .await;
            if let Ok(Some(answer)) = asked
                && answer.status().is_success()
            {
                return ImageSize::read(answer).await;
            }
        }
        None
    }

    /// The digest that the registry has under a tag now; `None` if it does not say.
    pub async fn digest(
        &self,
        image: &Reference,
        tag: &str,
        credentials: &Credentials,
    ) -> Option<String> {
        for scheme in self.schemes(image.host()) {
            let asked = self
                .send(Method::HEAD, scheme, image, tag, credentials)
                .await;
            if let Ok(Some(answer)) = asked {
                return answer
                    .status()
                    .is_success()
                    .then(|| answer.headers().get(CONTENT_DIGEST)?.to_str().ok())
                    .flatten()
                    .filter(|digest| digest.starts_with("sha256:"))
                    .map(str::to_owned);
            }
        }
        None
    }

    async fn ask(
        &self,
        scheme: &str,
        image: &Reference,
        digest: &str,
        credentials: &Credentials,
    ) -> Result<Answer, String> {
        let answer = self
            .send(Method::HEAD, scheme, image, digest, credentials)
            .await?;
        match answer {
            Some(answer) => verdict(&answer),
            None => Ok(Answer::Denied(
                "the registry wants credentials and the connection has none that the agent can use"
                    .to_owned(),
            )),
        }
    }

    /// Asks for a manifest; `None`: the registry wants credentials, and there are none.
    async fn send(
        &self,
        method: Method,
        scheme: &str,
        image: &Reference,
        tag_or_digest: &str,
        credentials: &Credentials,
    ) -> Result<Option<Response>, String> {
        let url = format!(
            "{scheme}://{}/v2/{}/manifests/{tag_or_digest}",
            image.host(),
            image.repository
        );
        let first = self.request(method.clone(), &url, None).await?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return Ok(Some(first));
        }
        let challenge = first
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .find_map(|header| token::parse(header.to_str().ok()?));
        let authorization = match challenge {
            Some(Challenge::Basic) => basic(credentials),
            Some(Challenge::Bearer {
                realm,
                service,
                scope,
            }) => {
                let scope =
                    scope.unwrap_or_else(|| format!("repository:{}:pull", image.repository));
                self.token(&realm, service.as_deref(), &scope, credentials)
                    .await?
            }
            None => None,
        };
        match authorization {
            Some(authorization) => self
                .request(method, &url, Some(authorization))
                .await
                .map(Some),
            None => Ok(None),
        }
    }

    async fn request(
        &self,
        method: Method,
        url: &str,
        authorization: Option<HeaderValue>,
    ) -> Result<Response, String> {
        let mut request = self.client.request(method, url).header(ACCEPT, MANIFESTS);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send().await.map_err(|error| reason(&error))
    }

    /// A token for the scope; `None` when the credentials are not good for one.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        credentials: &Credentials,
    ) -> Result<Option<HeaderValue>, String> {
        #[derive(Deserialize)]
        struct Granted {
            token: Option<SecretString>,
            access_token: Option<SecretString>,
        }
        let mut fields = vec![("scope", scope)];
        fields.extend(service.map(|service| ("service", service)));
        let url = |fields: &[(&str, &str)]| {
            reqwest::Url::parse_with_params(realm, fields).map_err(|error| error.to_string())
        };
        let request = match credentials {
            Credentials::IdentityToken(token) => {
                let mut form = fields.clone();
                form.push(("grant_type", "refresh_token"));
                form.push(("refresh_token", token.expose_secret()));
                form.push(("client_id", "polyaxon"));
                let body = url(&form)?.query().unwrap_or_default().to_owned();
                self.client
                    .post(realm)
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(body)
            }
            Credentials::Password { user, password } => self
                .client
                .get(url(&fields)?)
                .basic_auth(user, Some(password.expose_secret())),
            Credentials::Anonymous => self.client.get(url(&fields)?),
        };
        let answer = request.send().await.map_err(|error| reason(&error))?;
        let status = answer.status();
        if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(format!("the token service answered {status}"));
        }
        let granted: Granted = answer.json().await.map_err(|error| reason(&error))?;
        let Some(token) = granted.token.or(granted.access_token) else {
            return Err("the token service answered without a token".to_owned());
        };
        Ok(header(&format!("Bearer {}", token.expose_secret())))
    }
}

fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    use base64::Engine as _;
    let Credentials::Password { user, password } = credentials else {
        return None;
    };
    let pair = format!("{user}:{}", password.expose_secret());
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    header(&format!("Basic {encoded}"))
}

fn header(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn verdict(answer: &Response) -> Result<Answer, String> {
    match answer.status() {
        status if status.is_success() => Ok(Answer::Present),
        StatusCode::NOT_FOUND => Ok(Answer::Absent),
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Ok(Answer::Denied(format!(
            "the registry answers {status} with the credentials of the connection"
        ))),
        status => Err(format!("it answered {status}")),
    }
}

/// The innermost cause, which says what happened; never the address, which may hold secrets.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_near_and_named_registries() {
        let registry = Registry::new(None, vec!["r.example:80".to_owned()]).expect("client");
        for (host, schemes) in [
            ("127.0.0.1:5000", &["https", "http"][..]),
            ("localhost:5000", &["https", "http"]),
            ("10.1.2.3", &["https", "http"]),
            ("r.example", &["https"]),
            ("8.8.8.8:5000", &["https"]),
            ("r.example:80", &["http", "https"]),
        ] {
            assert_eq!(registry.schemes(host), schemes, "{host}");
        }
    }
}
