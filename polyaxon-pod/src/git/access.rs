//! How the repository is reached: which credentials the connection put into the container.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::environment::Environment;

const DEFAULT_KEY: &str = "id_rsa";

/// User name and password, or a token.
pub(crate) struct Credentials {
    user: SecretString,
    password: SecretString,
}

impl Credentials {
    /// Reads `user:password` or a bare token, percent-encoded as in an address.
    ///
    /// A bare token goes into both places: servers differ in which of them they look at.
    pub(crate) fn parse(text: &str) -> Self {
        let (user, password) = text.split_once(':').unwrap_or((text, text));
        Self {
            user: percent_decode(user).into(),
            password: percent_decode(password).into(),
        }
    }

    /// User name and password.
    pub(crate) fn pair(&self) -> (&str, &str) {
        (self.user.expose_secret(), self.password.expose_secret())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(***)")
    }
}

/// What the container has for the repository.
#[derive(Debug)]
pub(crate) enum Access {
    /// From `POLYAXON_GIT_CREDENTIALS`.
    Credentials(Credentials),
    /// A file in the format of git's credential store, from `POLYAXON_GIT_CREDENTIALS_STORE`.
    Store(PathBuf),
    /// A folder with a private key, from `POLYAXON_SSH_PATH` and `POLYAXON_SSH_PRIVATE_KEY`.
    Ssh {
        /// Where the secret is mounted.
        folder: PathBuf,
        /// Name of the private key in it.
        key: String,
    },
    /// Nothing.
    Anonymous,
}

impl Access {
    /// The first of the three that is there.
    pub(crate) fn of(environment: &Environment) -> Self {
        if let Some(text) = environment.get("POLYAXON_GIT_CREDENTIALS") {
            return Self::Credentials(Credentials::parse(text.trim()));
        }
        let path = |name| environment.get(name).map(Path::new);
        if let Some(store) = path("POLYAXON_GIT_CREDENTIALS_STORE").filter(|path| path.is_file()) {
            return Self::Store(store.to_owned());
        }
        if let Some(folder) = path("POLYAXON_SSH_PATH").filter(|path| path.is_dir()) {
            let key = environment.get("POLYAXON_SSH_PRIVATE_KEY");
            return Self::Ssh {
                folder: folder.to_owned(),
                key: key.unwrap_or(DEFAULT_KEY).to_owned(),
            };
        }
        Self::Anonymous
    }
}

/// Decodes `%XX`; what is no such sequence stays, as in git.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let decoded = match rest {
            [b'%', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        if let Some(byte) = decoded {
            bytes.push(byte);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("user:pass", "user", "pass")]
    #[case("token", "token", "token")]
    #[case("user:p%40s%3as", "user", "p@s:s")]
    #[case("user:100%", "user", "100%")]
    #[case("user:a%zz", "user", "a%zz")]
    #[case("user:a:b@c", "user", "a:b@c")]
    fn credentials_are_read(#[case] text: &str, #[case] user: &str, #[case] password: &str) {
        let credentials = Credentials::parse(text);
        assert_eq!(credentials.pair(), (user, password));
        assert_eq!(format!("{credentials:?}"), "Credentials(***)");
    }

    #[test]
    fn credentials_come_before_the_store_and_the_store_before_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        std::fs::write(&store, "https://u:p@h\n").unwrap();
        let (store, keys) = (store.to_str().unwrap(), folder.path().to_str().unwrap());
        let credentials = ("POLYAXON_GIT_CREDENTIALS", "token");
        let store = ("POLYAXON_GIT_CREDENTIALS_STORE", store);
        let ssh = ("POLYAXON_SSH_PATH", keys);
        let of =
            |variables: &[(&str, &str)]| Access::of(&Environment::new(variables, Path::new("/a")));
        assert!(matches!(
            of(&[credentials, store, ssh]),
            Access::Credentials(_)
        ));
        assert!(matches!(of(&[store, ssh]), Access::Store(_)));
        assert!(matches!(of(&[ssh]), Access::Ssh { key, .. } if key == "id_rsa"));
        assert!(matches!(
            of(&[("POLYAXON_SSH_PATH", "/none")]),
            Access::Anonymous
        ));
    }
}
