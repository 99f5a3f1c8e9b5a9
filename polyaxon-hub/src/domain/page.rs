//! Pages of lists: sizes and opaque cursors.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// Rows of a page when the caller does not say.
pub const DEFAULT_SIZE: u32 = 50;
/// Most rows of a page.
pub const MAX_SIZE: u32 = 200;

/// The token is not one that the hub gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("`page_token` is not a token that this hub gave out: start again without one")]
pub struct BadPageToken;

/// One page of a list in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Rows wanted.
    pub size: u32,
    /// Key of the last row that the caller has.
    pub after: Option<String>,
}

impl Page {
    /// Reads the two fields of a list request.
    ///
    /// # Errors
    /// When the token was not made by [`next_token`].
    pub fn read(size: i32, token: &str) -> Result<Self, BadPageToken> {
        let size = match u32::try_from(size) {
            Ok(0) | Err(_) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
        };
        let after = if token.is_empty() {
            None
        } else {
            let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadPageToken)?;
            Some(String::from_utf8(bytes).map_err(|_| BadPageToken)?)
        };
        Ok(Self { size, after })
    }
}

/// Token of the page after `rows`, empty at the end of the list.
#[must_use]
pub fn next_token<T>(rows: &[T], size: u32, key: impl Fn(&T) -> String) -> String {
    match rows.last() {
        Some(last) if rows.len() >= size as usize => URL_SAFE_NO_PAD.encode(key(last)),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_row_after_the_last_one() {
        let token = next_token(&["a", "b"], 2, ToString::to_string);
        assert_eq!(
            Page::read(2, &token),
            Ok(Page {
                size: 2,
                after: Some("b".into())
            })
        );
        assert_eq!(next_token(&["a"], 2, ToString::to_string), "");
        assert_eq!(Page::read(0, "").map(|page| page.size), Ok(DEFAULT_SIZE));
        assert_eq!(Page::read(9999, "").map(|page| page.size), Ok(MAX_SIZE));
        assert_eq!(Page::read(1, "?"), Err(BadPageToken));
    }
}
