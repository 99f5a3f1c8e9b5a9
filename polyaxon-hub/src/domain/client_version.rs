//! Which clients this hub still serves: those of its own and of the previous minor version.

use thiserror::Error;

/// The client is too old or too new.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the client has version `{client}`, this hub has `{hub}` and serves its own and the previous minor version: update the {older}"
)]
pub struct VersionSkew {
    client: String,
    hub: String,
    /// Which of the two has to be updated.
    older: &'static str,
}

/// Checks the `x-client-version` of a call; text that is no version is let through.
///
/// # Errors
/// When the client is newer than this hub, which is upgraded first, or older than one minor version.
pub fn check(client: &str, hub: &str) -> Result<(), VersionSkew> {
    let (Some(theirs), Some(ours)) = (major_minor(client), major_minor(hub)) else {
        return Ok(());
    };
    let served =
        theirs.0 == ours.0 && (theirs.1 == ours.1 || theirs.1.checked_add(1) == Some(ours.1));
    if served {
        Ok(())
    } else {
        Err(VersionSkew {
            client: client.into(),
            hub: hub.into(),
            older: if theirs < ours { "client" } else { "hub" },
        })
    }
}

fn major_minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_previous_minor_version_is_served() {
        for (client, older) in [
            ("1.4.0", None),
            ("1.4.9", None),
            ("1.3.9", None),
            ("dev", None),
            ("1.2.9", Some("client")),
            ("0.4.0", Some("client")),
            ("1.5.0", Some("hub")),
            ("2.4.0", Some("hub")),
            ("1.18446744073709551615.0", Some("hub")),
        ] {
            let refused = check(client, "1.4.2").err();
            assert_eq!(refused.map(|skew| skew.older), older, "{client}");
        }
    }
}
