//! The executor's words for answers and connection failures of registries.

use std::fmt::Write as _;

use serde_json::Value;

/// What follows `METHOD URL: ` for an answer with an unexpected status.
pub(super) fn status(method: &str, code: u16, body: &str) -> String {
    let diagnostics = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|value| value.get("errors").and_then(Value::as_array).cloned())
        .unwrap_or_default();
    match diagnostics.as_slice() {
        [] => {
            let mut text = format!("unexpected status code {code} {}", reason(code));
            if !body.is_empty() {
                let _ = write!(text, ": {body}");
            } else if method == "HEAD" {
                text.push_str(" (HEAD responses have no body, use GET for details)");
            }
            text
        }
        [one] => diagnostic(one),
        many => format!(
            "multiple errors returned: {}",
            many.iter().map(diagnostic).collect::<Vec<_>>().join("; ")
        ),
    }
}

fn diagnostic(value: &Value) -> String {
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("{}: {}", field("code"), field("message"));
    if let Some(detail) = value.get("detail").filter(|detail| !detail.is_null()) {
        let _ = write!(text, "; {}", shown(detail));
    }
    text
}

/// A JSON value as the executor's language prints it: `map[Tag:9.9]`.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(shown).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{name}:{}", shown(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
        other => other.to_string(),
    }
}

fn reason(code: u16) -> &'static str {
    ureq::http::StatusCode::from_u16(code)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

/// A URL as error texts quote it: values of the query are hidden, but for those of a login.
pub(super) fn redacted(url: &str) -> String {
    let Some((path, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let query: Vec<_> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if !["scope", "service"].contains(&name) => {
                format!("{name}=REDACTED")
            }
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", query.join("&"))
}

/// A method as connection failures write it.
pub(super) fn capitalized(method: &str) -> String {
    let mut letters = method.chars();
    let first = letters.next().map(String::from).unwrap_or_default();
    first + &letters.as_str().to_lowercase()
}

/// Percent encoding of a query value.
pub(super) fn query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("POST", 401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":[{"Type":"repository","Class":"","Name":"team/app","Action":"pull"},{"Type":"repository","Class":"","Name":"team/app","Action":"push"}]}]}"#,
        "UNAUTHORIZED: authentication required; [map[Action:pull Class: Name:team/app Type:repository] map[Action:push Class: Name:team/app Type:repository]]")]
    #[case("GET", 404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"9.9"}}]}"#,
        "MANIFEST_UNKNOWN: manifest unknown; map[Tag:9.9]")]
    #[case(
        "GET",
        401,
        r#"{"details":"incorrect username or password"}"#,
        r#"unexpected status code 401 Unauthorized: {"details":"incorrect username or password"}"#
    )]
    #[case(
        "HEAD",
        401,
        "",
        "unexpected status code 401 Unauthorized (HEAD responses have no body, use GET for details)"
    )]
    #[case(
        "PUT",
        503,
        r#"{"errors":[{"code":"UNAVAILABLE","message":"service unavailable"}]}"#,
        "UNAVAILABLE: service unavailable"
    )]
    #[case(
        "PATCH",
        502,
        "<html></html>",
        "unexpected status code 502 Bad Gateway: <html></html>"
    )]
    fn answers_have_the_recorded_words(
        #[case] method: &str,
        #[case] code: u16,
        #[case] body: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(status(method, code, body), expected);
    }

    #[test]
    fn upload_state_is_hidden_and_a_scope_is_not() {
        assert_eq!(
            redacted("http://h/v2/x?_state=abc"),
            "http://h/v2/x?_state=REDACTED"
        );
        let token = "https://h/token?scope=repository%3Aa%3Apull&service=s";
        assert_eq!(redacted(token), token);
        assert_eq!(
            query("repository:team/api:push,pull"),
            "repository%3Ateam%2Fapi%3Apush%2Cpull"
        );
    }
}
