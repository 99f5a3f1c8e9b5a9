//! Tokens: their form, their hash and what their scopes allow.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::time::Millis;

/// What every secret starts with, so that scanners recognise a leaked one.
pub const SECRET_PREFIX: &str = "plx_";

/// Longest name of a token, in characters.
pub const MAX_NAME: usize = 128;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Components and runs.
    User,
    /// The agent protocol, as the agent of the token's name.
    Agent,
    /// Read one run, its events and its log.
    Run,
}

impl Scope {
    /// The word that the database keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Agent => "agent",
            Self::Run => "run",
        }
    }

    /// Reads the word of [`Scope::as_str`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Admin, Self::User, Self::Agent, Self::Run]
            .into_iter()
            .find(|scope| scope.as_str() == word)
    }

    /// Whether a holder of this scope may do what `needed` names.
    #[must_use]
    pub fn covers(self, needed: Self) -> bool {
        match self {
            Self::Admin => needed != Self::Agent,
            other => other == needed,
        }
    }
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name of the token.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The only run it may touch; set for [`Scope::Run`].
    pub run: Option<String>,
    /// Hash of the token, by which it is looked up again; `None` for [`Scope::Run`].
    pub token_hash: Option<String>,
}

/// A token as the database keeps it: never with its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// 32 hex digits.
    pub id: String,
    /// Unique among the tokens that are not revoked.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// Hash of the secret, see [`hash`].
    pub hash: String,
    /// When it was made.
    pub created_at: Millis,
    /// From when on it is refused.
    pub expires_at: Option<Millis>,
    /// Last use, to about a minute.
    pub last_used_at: Option<Millis>,
    /// When it was taken back.
    pub revoked_at: Option<Millis>,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// No token of this secret.
    #[error(
        "the token is not known to this hub: ask an admin for a new one and log in with `polyaxon login --token TOKEN`"
    )]
    Unknown,
    /// Its time is over.
    #[error(
        "the token `{name}` has expired: ask an admin for a new one and log in with `polyaxon login --token TOKEN`"
    )]
    Expired {
        /// Name of the token.
        name: String,
    },
    /// It was taken back.
    #[error(
        "the token `{name}` was revoked: ask an admin for a new one and log in with `polyaxon login --token TOKEN`"
    )]
    Revoked {
        /// Name of the token.
        name: String,
    },
}

/// Turns 32 random bytes into a secret.
#[must_use]
pub fn secret(random: [u8; 32]) -> SecretString {
    SecretString::from(format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
}

/// Hash under which a secret is stored. The secret has 256 random bits, so a fast hash is enough.
#[must_use]
pub fn hash(secret: &SecretString) -> String {
    blake3::hash(secret.expose_secret().as_bytes())
        .to_hex()
        .to_string()
}

/// Decides whether the record of a secret lets its holder in at `now`.
///
/// # Errors
/// Says why not; never more than the name of the token.
pub fn admit(record: Option<&TokenRecord>, hash: &str, now: Millis) -> Result<Principal, Refused> {
    let record = record.ok_or(Refused::Unknown)?;
    if !bool::from(record.hash.as_bytes().ct_eq(hash.as_bytes())) {
        return Err(Refused::Unknown);
    }
    if record.revoked_at.is_some() {
        return Err(Refused::Revoked {
            name: record.name.clone(),
        });
    }
    if record.expires_at.is_some_and(|end| end <= now) {
        return Err(Refused::Expired {
            name: record.name.clone(),
        });
    }
    Ok(Principal {
        name: record.name.clone(),
        scope: record.scope,
        run: None,
        token_hash: Some(record.hash.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(hash: &str) -> TokenRecord {
        TokenRecord {
            id: "0".repeat(32),
            name: "ci".into(),
            scope: Scope::User,
            hash: hash.into(),
            created_at: Millis(0),
            expires_at: None,
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn a_secret_has_the_documented_form() {
        let secret = secret([7; 32]);
        assert_eq!(secret.expose_secret().len(), SECRET_PREFIX.len() + 43);
        assert!(
            !format!("{secret:?}").contains("Bwc"),
            "debug output hides it"
        );
        assert_ne!(hash(&secret), hash(&super::secret([8; 32])));
    }

    #[test]
    fn only_a_live_token_is_admitted() {
        let now = Millis(1000);
        let good = record("h");
        assert_eq!(
            admit(Some(&good), "h", now).map(|p| p.name),
            Ok("ci".into())
        );
        assert_eq!(admit(None, "h", now), Err(Refused::Unknown));
        assert_eq!(admit(Some(&good), "other", now), Err(Refused::Unknown));
        let expired = TokenRecord {
            expires_at: Some(now),
            ..good.clone()
        };
        assert_eq!(
            admit(Some(&expired), "h", now),
            Err(Refused::Expired { name: "ci".into() })
        );
        let revoked = TokenRecord {
            revoked_at: Some(Millis(1)),
            ..good
        };
        assert_eq!(
            admit(Some(&revoked), "h", now),
            Err(Refused::Revoked { name: "ci".into() })
        );
    }

    #[test]
    fn scopes_cover_what_they_should() {
        let all = [Scope::Admin, Scope::User, Scope::Agent, Scope::Run];
        for scope in all {
            for needed in all {
                let expected = scope == needed || (scope == Scope::Admin && needed != Scope::Agent);
                assert_eq!(scope.covers(needed), expected, "{scope:?} {needed:?}");
            }
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
    }
}
