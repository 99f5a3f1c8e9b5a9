//! What may be shown of messages that hold a secret.

use std::fmt;

use crate::hub::v1::CreateTokenResponse;
use crate::runs::v1::Endpoint;

/// Whether there is a secret, and nothing else of it.
fn redacted(secret: &str) -> &'static str {
    if secret.is_empty() { "" } else { "[REDACTED]" }
}

impl fmt::Debug for CreateTokenResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { token, secret } = self;
        formatter
            .debug_struct("CreateTokenResponse")
            .field("token", token)
            .field("secret", &redacted(secret))
            .finish()
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            token,
            expires_at,
        } = self;
        formatter
            .debug_struct("Endpoint")
            .field("address", address)
            .field("token", &redacted(token))
            .field("expires_at", expires_at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::v1::Token;
    use crate::runs::v1::CreateResponse;

    #[test]
    fn secrets_are_not_shown() {
        let created = CreateTokenResponse {
            token: Some(Token {
                name: "laptop".to_owned(),
                ..Token::default()
            }),
            secret: "plx_s3cret".to_owned(),
        };
        let run = CreateResponse {
            endpoint: Some(Endpoint {
                address: "https://h".to_owned(),
                token: "s3cret".to_owned(),
                expires_at: None,
            }),
            ..CreateResponse::default()
        };
        for (text, shown) in [
            (format!("{created:?}"), "laptop"),
            (format!("{run:#?}"), "https://h"),
        ] {
            assert!(!text.contains("s3cret"), "{text}");
            assert!(text.contains(shown) && text.contains("REDACTED"), "{text}");
        }
    }
}
