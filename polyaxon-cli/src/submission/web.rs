//! Polyaxonfiles behind addresses.

use std::time::Duration;

use polyaxon_spec::source::{MAX_SOURCE_BYTES, Source};

use super::files;
use crate::error::CommandError;

/// How long an address may take to send a file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fetches a file; its name is the address.
pub(super) async fn fetch(address: &str) -> Result<Source, CommandError> {
    let failed =
        |reason: String| CommandError::Usage(format!("cannot fetch `{address}`: {reason}"));
    let url = reqwest::Url::parse(address).map_err(|error| failed(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(failed(
            "only `http://` and `https://` addresses are fetched".to_owned(),
        ));
    }
    let mut client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .user_agent(concat!("polyaxon/", env!("CARGO_PKG_VERSION")));
    if is_local(&url) {
        client = client.no_proxy();
    }
    let client = client.build().map_err(|error| failed(deepest(&error)))?;
    let mut answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| failed(deepest(&error)))?;
    let status = answer.status();
    if !status.is_success() {
        return Err(failed(format!("the server answers {status}")));
    }
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| failed(deepest(&error)))?
    {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_SOURCE_BYTES {
            break;
        }
    }
    files::source(address, &bytes)
}

/// Addresses of this machine, which no proxy can reach.
fn is_local(url: &reqwest::Url) -> bool {
    matches!(
        url.host_str(),
        Some("localhost" | "127.0.0.1" | "[::1]" | "::1")
    )
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
