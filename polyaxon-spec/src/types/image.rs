//! The syntax rule for image references.

use thiserror::Error;

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImageError {
    /// Nothing was given.
    #[error("an image is required; write it as `name:tag`")]
    Missing,
    /// The text has a blank in it.
    #[error("`{0}` is not an image: it has a space in it; write it as `name:tag`")]
    Space(String),
    /// The text has colons where none belong.
    #[error("`{0}` is not an image: it has too many colons; write it as `host:port/name:tag`")]
    Colons(String),
}

/// Checks an image reference as the reference does; a template is accepted as it is.
///
/// A leading `http://` or `https://` is looked past, and stays in the value.
pub fn check(image: &str) -> Result<(), ImageError> {
    if image.is_empty() {
        return Err(ImageError::Missing);
    }
    if is_template(image) {
        return Ok(());
    }
    if image.contains(' ') {
        return Err(ImageError::Space(image.to_owned()));
    }
    let scheme = |c: char| "https://".contains(c);
    let parts: Vec<&str> = image.trim_matches(scheme).split(':').collect();
    let valid = match parts.as_slice() {
        [_] | [_, _] => true,
        [_, port_and_name, _] => port_and_name.find('/').is_some_and(|at| at > 0),
        _ => false,
    };
    if valid {
        Ok(())
    } else {
        Err(ImageError::Colons(image.to_owned()))
    }
}

/// Whether the text holds `{{ ... }}`.
pub fn is_template(text: &str) -> bool {
    text.find("{{")
        .and_then(|at| text.get(at..))
        .is_some_and(|rest| rest.contains("}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_and_rejects_as_the_reference() {
        for (image, accepted) in [
            ("", false),
            ("busybox", true),
            ("h:5000/x:1", true),
            ("a:b:c", false),
            ("a b", false),
            ("https://reg/a:1", true),
            ("a:/b:c", false),
            ("a:1:2:3", false),
            ("{{ any thing }}", true),
            ("python@sha256:0011", true),
        ] {
            assert_eq!(check(image).is_ok(), accepted, "{image}");
        }
    }
}
