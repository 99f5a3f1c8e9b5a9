//! Names as typed: `NAME` or `OWNER/NAME`.

/// A name with or without its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) owner: Option<String>,
    pub(crate) name: String,
}

/// Reads `NAME` or `OWNER/NAME`; a dot may stand for the slash.
pub(crate) fn parse_name(text: &str) -> Result<Named, String> {
    let slashed = text.replace('.', "/");
    let parts: Vec<&str> = slashed.split('/').collect();
    let (owner, name) = match parts.as_slice() {
        [name] => (None, *name),
        [owner, name] => (Some(*owner), *name),
        _ => return Err("write `NAME` or `OWNER/NAME`".to_owned()),
    };
    if !is_word(name) || owner.is_some_and(|owner| !is_word(owner)) {
        return Err(
            "a name has 1 to 128 letters, digits, `-` and `_`; write `NAME` or `OWNER/NAME`"
                .to_owned(),
        );
    }
    Ok(Named {
        owner: owner.map(ToOwned::to_owned),
        name: name.to_owned(),
    })
}

fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.chars().count())
        && text
            .chars()
            .all(|character| character.is_alphanumeric() || matches!(character, '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("images", None, "images")]
    #[case("acme/images", Some("acme"), "images")]
    #[case("acme.images", Some("acme"), "images")]
    fn accepted(#[case] text: &str, #[case] owner: Option<&str>, #[case] name: &str) {
        let named = parse_name(text).unwrap();
        assert_eq!((named.owner.as_deref(), named.name.as_str()), (owner, name));
    }

    #[rstest::rstest]
    #[case("")]
    #[case("/images")]
    #[case("acme/")]
    #[case("a/b/c")]
    #[case("two words")]
    fn refused(#[case] text: &str) {
        assert!(parse_name(text).is_err());
    }
}
