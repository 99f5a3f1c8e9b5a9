//! Tokens for one run: short-lived, signed by the hub, kept nowhere.
//!
//! `plxr_<run>.<expiry in milliseconds>.<signature>`, the signature a keyed hash over what stands before it.

use std::time::Duration;

use secrecy::SecretString;

use super::access::Refused;
use super::time::Millis;

/// What every such token starts with.
pub const PREFIX: &str = "plxr_";
/// How long one is good.
pub const LIFETIME: Duration = Duration::from_mins(15);

/// Makes a token for a run.
#[must_use]
pub fn sign(key: &[u8; 32], run: &str, expires_at: Millis) -> SecretString {
    let body = format!("{run}.{}", expires_at.0);
    SecretString::from(format!(
        "{PREFIX}{body}.{}",
        blake3::keyed_hash(key, body.as_bytes()).to_hex()
    ))
}

/// Reads what follows the prefix and answers the run's uuid.
///
/// # Errors
/// When the signature is not ours or the time is over.
pub fn verify(key: &[u8; 32], token: &str, now: Millis) -> Result<String, Refused> {
    let (body, signature) = token.rsplit_once('.').ok_or(Refused::Unknown)?;
    let signature = blake3::Hash::from_hex(signature).map_err(|_| Refused::Unknown)?;
    // Comparing two hashes of this type takes the same time for every input.
    if blake3::keyed_hash(key, body.as_bytes()) != signature {
        return Err(Refused::Unknown);
    }
    let (run, expiry) = body.split_once('.').ok_or(Refused::Unknown)?;
    let expiry = expiry.parse().map(Millis).map_err(|_| Refused::Unknown)?;
    if expiry <= now {
        return Err(Refused::Expired {
            name: format!("of run {run}"),
        });
    }
    Ok(run.to_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_token_is_good_for_its_run_and_time_only() {
        let token = sign(&[1; 32], "abc", Millis(100));
        let rest = token.expose_secret().strip_prefix(PREFIX).unwrap();
        assert_eq!(verify(&[1; 32], rest, Millis(99)), Ok("abc".into()));
        assert!(matches!(
            verify(&[1; 32], rest, Millis(100)),
            Err(Refused::Expired { .. })
        ));
        assert_eq!(verify(&[2; 32], rest, Millis(99)), Err(Refused::Unknown));
        assert_eq!(
            verify(&[1; 32], &rest.replace("abc", "abd"), Millis(99)),
            Err(Refused::Unknown)
        );
        assert_eq!(verify(&[1; 32], "", Millis(99)), Err(Refused::Unknown));
    }
}
