//! Types whose values say where something is.

use serde_json::Value;

use super::{TypeError, mismatch};

fn split(value: &Value) -> Option<(&str, &str)> {
    value.as_str()?.split_once("://")
}

/// An absolute URL; the host in lower case, default ports left out.
pub(super) fn uri(value: &Value) -> Result<Value, TypeError> {
    let wrong = || mismatch(value, "a URL; write it as `scheme://host/path`");
    let is_scheme = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    };
    let Some((scheme, rest)) = split(value) else {
        // `mailto:ana@host` has no host of its own.
        let opaque = value.as_str().and_then(|text| text.split_once(':'));
        let needs_host = |scheme: &str| matches!(scheme, "http" | "https" | "ws" | "wss" | "ftp");
        return match opaque {
            Some((scheme, rest))
                if is_scheme(scheme)
                    && !needs_host(&scheme.to_ascii_lowercase())
                    && !rest.contains(char::is_whitespace) =>
            {
                Ok(value.clone())
            }
            _ => Err(wrong()),
        };
    };
    let scheme = scheme.to_ascii_lowercase();
    let valid_scheme = is_scheme(&scheme);
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(authority_end).ok_or_else(wrong)?;
    let (user, host) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(user, host)| (Some(user), host));
    if !valid_scheme || host.is_empty() || rest.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let default_port = match scheme.as_str() {
        "http" | "ws" => ":80",
        "https" | "wss" => ":443",
        "ftp" => ":21",
        _ => return Ok(value.clone()),
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(default_port).unwrap_or(&host);
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(Value::String(format!(
        "{scheme}://{user}{host}{slash}{path}"
    )))
}

/// A place in a bucket of one of the given schemes.
pub(super) fn bucket(value: &Value, schemes: &[&str], example: &str) -> Result<Value, TypeError> {
    match split(value) {
        Some((scheme, rest))
            if schemes.contains(&scheme)
                && rest.split('/').next().is_some_and(|name| !name.is_empty()) =>
        {
            Ok(value.clone())
        }
        _ => Err(mismatch(value, &format!("a bucket; write it as {example}"))),
    }
}

/// A place in an Azure container.
pub(super) fn wasb(value: &Value) -> Result<Value, TypeError> {
    const SUFFIX: &str = ".blob.core.windows.net";
    let valid = match split(value) {
        Some(("wasb" | "wasbs", rest)) => {
            let authority = rest.split('/').next().unwrap_or_default();
            authority.split_once('@').is_some_and(|(container, host)| {
                !container.is_empty()
                    && host
                        .strip_suffix(SUFFIX)
                        .is_some_and(|name| !name.is_empty())
            })
        }
        Some(("https", rest)) => rest.split_once('/').is_some_and(|(host, path)| {
            host.strip_suffix(SUFFIX)
                .is_some_and(|name| !name.is_empty())
                && !path.is_empty()
        }),
        Some(("abfs" | "abfss" | "az", rest)) => !rest.is_empty(),
        _ => false,
    };
    if valid {
        Ok(value.clone())
    } else {
        Err(mismatch(
            value,
            "an Azure blob; write it as `wasbs://container@account.blob.core.windows.net/path`",
        ))
    }
}
