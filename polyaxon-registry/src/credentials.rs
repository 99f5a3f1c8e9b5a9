//! Credentials as `config.json` of Docker writes them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use secrecy::SecretString;
use serde::Deserialize;

/// Names of the file: as it is mounted, and as a cluster's Secret has it.
const FILES: [&str; 2] = ["config.json", ".dockerconfigjson"];

/// The only key under which Docker Hub's credentials are found.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// How to speak to a registry.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Nothing is known for the registry.
    Anonymous,
    /// User and password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token that is exchanged for others.
    IdentityToken(SecretString),
}

/// Why credentials cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// There is no readable file.
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable {
        /// Path of the file or folder.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// They come from a program of the executor's image.
    #[error(
        "the credentials for `{registry}` come from the helper `{helper}`, which the agent does not have"
    )]
    Helper {
        /// The registry.
        registry: String,
        /// Name of the helper.
        helper: String,
    },
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    auths: IndexMap<String, Entry>,
    #[serde(rename = "credHelpers")]
    helpers: IndexMap<String, String>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
    identitytoken: Option<SecretString>,
}

/// Credentials for a registry (`host:port`, `docker.io` for Docker Hub) from the folder of a Secret.
pub fn of_folder(folder: &Path, registry: &str) -> Result<Credentials, CredentialsError> {
    let unreadable = |path: &Path, reason: String| CredentialsError::Unreadable {
        path: path.display().to_string(),
        reason,
    };
    let Some(path) = FILES
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
    else {
        return Err(unreadable(
            folder,
            format!("it has neither `{}` nor `{}`", FILES[0], FILES[1]),
        ));
    };
    let text = std::fs::read(&path).map_err(|error| unreadable(&path, error.to_string()))?;
    // What the parser quotes may be secret: only the place is told.
    let file: File = serde_json::from_slice(&text).map_err(|error| {
        unreadable(
            &path,
            format!(
                "not the JSON of Docker's settings, at line {} column {}",
                error.line(),
                error.column()
            ),
        )
    })?;
    of_file(file, registry)
}

fn of_file(mut file: File, registry: &str) -> Result<Credentials, CredentialsError> {
    let helper = |helper: String| CredentialsError::Helper {
        registry: registry.to_owned(),
        helper,
    };
    if let Some(name) = file.helpers.swap_remove(registry) {
        return Err(helper(name));
    }
    let entry = file
        .auths
        .into_iter()
        .find(|(key, _)| names(key, registry))
        .map(|(_, entry)| entry);
    let found = entry.and_then(Entry::into_credentials);
    match (found, file.store) {
        (Some(credentials), _) => Ok(credentials),
        (None, Some(store)) if !store.is_empty() => Err(helper(store)),
        (None, _) => Ok(Credentials::Anonymous),
    }
}

/// Whether the key of an entry names the registry: `host:port`, also as an URL with a path.
fn names(key: &str, registry: &str) -> bool {
    if registry == "docker.io" {
        return key == DOCKER_HUB_KEY;
    }
    let host = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    host.split('/').next() == Some(registry)
}

impl Entry {
    fn into_credentials(self) -> Option<Credentials> {
        use secrecy::ExposeSecret;
        if let Some(token) = self
            .identitytoken
            .filter(|token| !token.expose_secret().is_empty())
        {
            return Some(Credentials::IdentityToken(token));
        }
        if let (Some(user), Some(password)) = (self.username, self.password) {
            return Some(Credentials::Password { user, password });
        }
        let decoded = STANDARD.decode(self.auth?.expose_secret().trim()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Credentials::Password {
            user: user.to_owned(),
            password: password.trim_end_matches('\0').into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn found(json: &str, registry: &str) -> String {
        let file: File = serde_json::from_str(json).expect("JSON");
        match of_file(file, registry) {
            Ok(Credentials::Anonymous) => "anonymous".to_owned(),
            Ok(Credentials::Password { user, password }) => {
                format!("{user}:{}", password.expose_secret())
            }
            Ok(Credentials::IdentityToken(token)) => format!("token {}", token.expose_secret()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn keys_are_found_as_the_executor_finds_them() {
        for (json, registry, expected) in [
            (
                r#"{"auths":{"r:1":{"auth":"bWU6cGE6c3M="}}}"#,
                "r:1",
                "me:pa:ss",
            ),
            (
                r#"{"auths":{"r:1":{"username":"a","password":"b"}}}"#,
                "r:1",
                "a:b",
            ),
            (
                r#"{"auths":{"https://r:1/v2/":{"auth":"bWU6cA=="}}}"#,
                "r:1",
                "me:p",
            ),
            (r#"{"auths":{"r":{"auth":"bWU6cA=="}}}"#, "r:1", "anonymous"),
            (
                r#"{"auths":{"r":{"identitytoken":"t","auth":"bWU6cA=="}}}"#,
                "r",
                "token t",
            ),
            (
                r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cA=="}}}"#,
                "docker.io",
                "me:p",
            ),
            (
                r#"{"auths":{"docker.io":{"auth":"bWU6cA=="}}}"#,
                "docker.io",
                "anonymous",
            ),
            ("{}", "r", "anonymous"),
        ] {
            assert_eq!(found(json, registry), expected, "{json}");
        }
        for json in [
            r#"{"credHelpers":{"r":"ecr-login"}}"#,
            r#"{"credsStore":"ecr-login"}"#,
        ] {
            assert!(found(json, "r").contains("helper `ecr-login`"), "{json}");
        }
    }

    #[test]
    fn a_broken_file_is_not_quoted() {
        let folder = tempfile::tempdir().expect("folder");
        let absent = of_folder(folder.path(), "r").expect_err("absent");
        assert!(absent.to_string().contains("config.json"));
        std::fs::write(
            folder.path().join(".dockerconfigjson"),
            "{\"auths\": s3cret",
        )
        .expect("file");
        let broken = of_folder(folder.path(), "r")
            .expect_err("broken")
            .to_string();
        assert!(
            broken.contains("line 1") && !broken.contains("s3cret"),
            "{broken}"
        );
    }
}
