//! The names of the settings, and where a value comes from.

/// A setting's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Home,
    Host,
    Token,
    Owner,
    Project,
    NoApi,
    VerifySsl,
    Debug,
}

impl Key {
    pub(crate) const ALL: [Self; 8] = [
        Self::Home,
        Self::Host,
        Self::Token,
        Self::Owner,
        Self::Project,
        Self::NoApi,
        Self::VerifySsl,
        Self::Debug,
    ];

    /// The name in the file and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Host => "host",
            Self::Token => "token",
            Self::Owner => "owner",
            Self::Project => "project",
            Self::NoApi => "no_api",
            Self::VerifySsl => "verify_ssl",
            Self::Debug => "debug",
        }
    }

    /// The variable that overrides the file.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Home => "POLYAXON_HOME",
            Self::Host => "POLYAXON_HOST",
            Self::Token => "POLYAXON_AUTH_TOKEN",
            Self::Owner => "POLYAXON_OWNER",
            Self::Project => "POLYAXON_PROJECT",
            Self::NoApi => "POLYAXON_NO_API",
            Self::VerifySsl => "POLYAXON_VERIFY_SSL",
            Self::Debug => "POLYAXON_DEBUG",
        }
    }

    /// The key of a name, with `-` and `_` taken as equal.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.replace('-', "_");
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// Whether its values are `true` and `false`.
    pub(crate) fn is_switch(self) -> bool {
        matches!(self, Self::NoApi | Self::VerifySsl | Self::Debug)
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Environment,
    File,
    Default,
    /// It cannot be changed.
    Always,
}

impl Origin {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
            Self::Always => "always",
        }
    }
}

/// `true` or `false` of a switch, in the words that a command line takes.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("host", Some(Key::Host))]
    #[case("verify-ssl", Some(Key::VerifySsl))]
    #[case("no_api", Some(Key::NoApi))]
    #[case("no-apis", None)]
    fn names_may_have_hyphens(#[case] name: &str, #[case] key: Option<Key>) {
        assert_eq!(Key::parse(name), key);
    }

    #[rstest::rstest]
    #[case("True", Some(true))]
    #[case("off", Some(false))]
    #[case("0", Some(false))]
    #[case("2", None)]
    #[case("", None)]
    fn switches(#[case] text: &str, #[case] value: Option<bool>) {
        assert_eq!(switch(text), value);
    }
}
