//! Credentials from `config.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::reference::DEFAULT_REGISTRY;

/// The only key that is used for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";
/// Environment variable with a whole `config.json`, read only when the file exists.
const OVERRIDE_VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// A login.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    user: String,
    password: SecretString,
}

impl Login {
    /// Value of an `Authorization` header.
    pub(crate) fn header(&self) -> SecretString {
        let pair = format!("{}:{}", self.user, self.password.expose_secret());
        SecretString::from(format!("Basic {}", STANDARD.encode(pair)))
    }
}

/// Why credentials cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The file is not JSON of the expected shape.
    #[error("parsing config file ({path}): {reason}")]
    Parse {
        /// The file.
        path: String,
        /// What is wrong, without any value.
        reason: String,
    },
    /// A kind of credential that the double does not know.
    #[error("kaniko-double: not supported: {0} in config.json")]
    Unsupported(&'static str),
}

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize, Clone)]
struct Entry {
    auth: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
    identitytoken: Option<SecretString>,
}

/// Where credentials are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Keychain {
    /// `config.json`.
    path: PathBuf,
    /// Content of the environment variable that wins over the file.
    from_environment: Option<SecretString>,
}

impl Keychain {
    /// The keychain of the process's environment: `DOCKER_CONFIG`, else `HOME/.docker`.
    pub(crate) fn from_environment() -> Self {
        let folder = std::env::var_os("DOCKER_CONFIG")
            .filter(|folder| !folder.is_empty())
            .map_or_else(
                || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".docker"),
                PathBuf::from,
            );
        Self {
            path: folder.join("config.json"),
            from_environment: std::env::var(OVERRIDE_VARIABLE)
                .ok()
                .filter(|text| !text.is_empty())
                .map(SecretString::from),
        }
    }

    /// A keychain of one file.
    #[cfg(test)]
    pub(crate) fn of_file(path: &Path, from_environment: Option<&str>) -> Self {
        Self {
            path: path.to_owned(),
            from_environment: from_environment.map(SecretString::from),
        }
    }

    /// The providers before the credential helpers, as the log names them.
    pub(crate) fn providers(&self) -> Vec<String> {
        let mut providers = Vec::new();
        if self.from_environment.is_some() {
            providers.push(format!("env:{OVERRIDE_VARIABLE}"));
        }
        if self.path.is_file() {
            providers.push(format!("file:{}", self.path.display()));
        }
        providers
    }

    /// The login for a registry, `host` or `host:port`; nothing: anonymous.
    pub(crate) fn login(&self, registry: &str) -> Result<Option<Login>, Error> {
        if !self.path.is_file() {
            return Ok(None);
        }
        if let Some(text) = &self.from_environment {
            let file = parse(text.expose_secret(), Path::new(OVERRIDE_VARIABLE))?;
            if let Some(entry) = file.find(registry) {
                return entry.login();
            }
        }
        let text = std::fs::read_to_string(&self.path).map_err(|error| Error::Parse {
            path: self.path.display().to_string(),
            reason: crate::error::errno_text(&error),
        })?;
        match parse(&text, &self.path)?.find(registry) {
            Some(entry) => entry.login(),
            None => Ok(None),
        }
    }
}

fn parse(text: &str, path: &Path) -> Result<File, Error> {
    serde_json::from_str(text).map_err(|error| Error::Parse {
        path: path.display().to_string(),
        reason: format!(
            "invalid character at line {} column {}",
            error.line(),
            error.column()
        ),
    })
}

impl File {
    fn find(&self, registry: &str) -> Option<&Entry> {
        if registry == DEFAULT_REGISTRY {
            return self.auths.get(DOCKER_HUB_KEY);
        }
        self.auths.get(registry).or_else(|| {
            self.auths
                .iter()
                .find(|(key, _)| host_of(key) == registry)
                .map(|(_, entry)| entry)
        })
    }
}

/// Host and port of a key, which may be a URL with a path.
fn host_of(key: &str) -> &str {
    let rest = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    rest.split('/').next().unwrap_or_default()
}

impl Entry {
    fn login(&self) -> Result<Option<Login>, Error> {
        if self
            .identitytoken
            .as_ref()
            .is_some_and(|token| !token.expose_secret().is_empty())
        {
            return Err(Error::Unsupported("identitytoken"));
        }
        if let Some(auth) = &self.auth {
            let text = auth.expose_secret().trim();
            let decoded = STANDARD
                .decode(text)
                .or_else(|_| STANDARD_NO_PAD.decode(text))
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            if let Some((user, password)) = decoded.as_deref().and_then(|pair| pair.split_once(':'))
            {
                return Ok(Some(Login {
                    user: user.to_owned(),
                    password: SecretString::from(password.to_owned()),
                }));
            }
        }
        match (&self.username, &self.password) {
            (Some(user), Some(password)) => Ok(Some(Login {
                user: user.clone(),
                password: password.clone(),
            })),
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn header(text: &str, environment: Option<&str>, registry: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        Keychain::of_file(&path, environment)
            .login(registry)
            .unwrap()
            .map(|login| login.header().expose_secret().to_owned())
    }

    #[rstest]
    #[case(
        r#"{"auths":{"a.test:5443":{"auth":"YnVpbGRlcjpzM2NyZXQ="}}}"#,
        "a.test:5443",
        true
    )]
    #[case(
        r#"{"auths":{"a.test:5443":{"username":"builder","password":"s3cret"}}}"#,
        "a.test:5443",
        true
    )]
    #[case(
        r#"{"auths":{"https://a.test:5443/v2/":{"auth":"YnVpbGRlcjpzM2NyZXQ="}}}"#,
        "a.test:5443",
        true
    )]
    #[case(
        r#"{"auths":{"a.test":{"auth":"YnVpbGRlcjpzM2NyZXQ="}}}"#,
        "a.test:5443",
        false
    )]
    #[case(
        r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YnVpbGRlcjpzM2NyZXQ="}}}"#,
        "index.docker.io",
        true
    )]
    #[case(
        r#"{"auths":{"docker.io":{"auth":"YnVpbGRlcjpzM2NyZXQ="}}}"#,
        "index.docker.io",
        false
    )]
    #[case("{}", "a.test", false)]
    fn keys_are_matched(#[case] text: &str, #[case] registry: &str, #[case] found: bool) {
        let expected = found.then(|| "Basic YnVpbGRlcjpzM2NyZXQ=".to_owned());
        assert_eq!(header(text, None, registry), expected);
    }

    #[test]
    fn the_environment_wins_for_the_hosts_that_it_names() {
        let file = r#"{"auths":{"a.test":{"auth":"YTpi"},"b.test":{"auth":"YTpi"}}}"#;
        let environment = r#"{"auths":{"a.test":{"auth":"Yzpk"}}}"#;
        assert_eq!(
            header(file, Some(environment), "a.test").unwrap(),
            "Basic Yzpk"
        );
        assert_eq!(
            header(file, Some(environment), "b.test").unwrap(),
            "Basic YTpi"
        );
    }

    #[test]
    fn the_environment_alone_is_ignored() {
        let keychain = Keychain::of_file(
            Path::new("/nonexistent/config.json"),
            Some(r#"{"auths":{"a.test":{"auth":"Yzpk"}}}"#),
        );
        assert!(keychain.login("a.test").unwrap().is_none());
    }

    #[test]
    fn debug_output_hides_the_password() {
        let login = Login {
            user: "u".to_owned(),
            password: SecretString::from("hunter2".to_owned()),
        };
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
