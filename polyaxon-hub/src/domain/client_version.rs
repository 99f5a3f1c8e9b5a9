//! Which clients this hub still serves: those of its own and of the previous minor version.

use thiserror::Error;

/// Version of this hub.
pub const HUB_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The client is too old.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "the client has version `{client}`, this hub has `{hub}` and serves its own and the previous minor version: update the client"
)]
pub struct VersionSkew {
    client: String,
    hub: String,
}

/// Checks the `x-client-version` of a call; text that is no version is let through.
///
/// # Errors
/// When the client is older than one minor version.
pub fn check(client: &str, hub: &str) -> Result<(), VersionSkew> {
    let (Some(theirs), Some(ours)) = (major_minor(client), major_minor(hub)) else {
        return Ok(());
    };
    let served = theirs.0 > ours.0 || (theirs.0 == ours.0 && theirs.1.saturating_add(1) >= ours.1);
    if served {
        Ok(())
    } else {
        Err(VersionSkew {
            client: client.into(),
            hub: hub.into(),
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
        for (client, served) in [
            ("1.4.0", true),
            ("1.3.9", true),
            ("1.2.9", false),
            ("0.9.0", false),
            ("1.5.0", true),
            ("2.0.0", true),
            ("dev", true),
        ] {
            assert_eq!(check(client, "1.4.2").is_ok(), served, "{client}");
        }
    }
}
