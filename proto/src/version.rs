//! The version that a program tells others.

use std::sync::OnceLock;

static STANDS_FOR: OnceLock<&str> = OnceLock::new();

/// Version of this program: that of the workspace, unless it stands for another one.
#[must_use]
pub fn current() -> &'static str {
    STANDS_FOR
        .get()
        .copied()
        .unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// Says at the start of a program that it was built to stand for another version, so that tests of upgrades have an
/// older one: `stand_for(option_env!("POLYAXON_BUILD_VERSION"))`. It counts once.
pub fn stand_for(built_as: Option<&'static str>) {
    if let Some(version) = built_as {
        STANDS_FOR.get_or_init(|| version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_stands_for_itself_unless_it_was_built_otherwise() {
        stand_for(None);
        assert_eq!(current(), env!("CARGO_PKG_VERSION"));
        stand_for(Some("0.0.1"));
        stand_for(Some("0.0.2"));
        assert_eq!(current(), "0.0.1");
    }
}
