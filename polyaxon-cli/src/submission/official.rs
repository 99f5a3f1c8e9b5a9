//! The official components, for checking without a hub.

#[path = "../../../components/embedded.rs"]
mod embedded;

use embedded::EMBEDDED;
use polyaxon_spec::refs::{DEFAULT_OWNER, DEFAULT_VERSION, HubRef};
use polyaxon_spec::source::Source;

/// What is known of a reference without a hub.
#[derive(Debug)]
pub(crate) enum Known {
    /// An official component.
    Component(Source),
    /// The owner is official, and there is no such component or version; the text says what there is.
    Absent(String),
    /// Another owner's: only a hub knows.
    OfTheHub,
}

/// Looks a reference up.
pub(crate) fn find(hub_ref: &HubRef) -> Known {
    if hub_ref.owner != DEFAULT_OWNER {
        return Known::OfTheHub;
    }
    let versions: Vec<(&str, &str)> = EMBEDDED
        .iter()
        .filter(|(name, ..)| *name == hub_ref.name)
        .map(|(_, version, text)| (*version, *text))
        .collect();
    let Some((newest, _)) = versions.first() else {
        return Known::Absent(format!(
            "there is no component `{DEFAULT_OWNER}/{}`{}",
            hub_ref.name,
            nearest(&hub_ref.name)
        ));
    };
    let wanted = if hub_ref.version == DEFAULT_VERSION {
        newest
    } else {
        hub_ref.version.as_str()
    };
    if let Some((_, text)) = versions.iter().find(|(version, _)| *version == wanted) {
        return Known::Component(Source::new(hub_ref.to_string(), *text));
    }
    let names: Vec<String> = std::iter::once(DEFAULT_VERSION)
        .chain(versions.iter().map(|(version, _)| *version))
        .map(|version| format!("`{version}`"))
        .collect();
    Known::Absent(format!(
        "`{DEFAULT_OWNER}/{}` has no version `{}`; there are {}",
        hub_ref.name,
        hub_ref.version,
        names.join(", ")
    ))
}

fn nearest(name: &str) -> String {
    EMBEDDED
        .iter()
        .map(|(known, ..)| (strsim::damerau_levenshtein(name, known), *known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map_or_else(String::new, |(_, known)| {
            format!("; did you mean `{known}`?")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absent(reference: &str) -> String {
        match find(&HubRef::parse(reference).unwrap()) {
            Known::Absent(text) => text,
            other => panic!("{reference}: {other:?}"),
        }
    }

    #[test]
    fn every_embedded_text_is_a_component() {
        for (name, version, text) in EMBEDDED {
            let source = Source::new(format!("{name}:{version}"), text);
            let (component, warnings) = polyaxon_spec::component::Component::read(&source).unwrap();
            assert_eq!(component.name(), Some(name));
            assert!(warnings.is_empty(), "{warnings:?}");
        }
    }

    #[test]
    fn names_and_versions_are_suggested() {
        assert!(absent("kanik").contains("did you mean `kaniko`?"));
        assert!(absent("kaniko:9").contains("`latest`, `0.1`"));
        assert!(!absent("something").contains("did you mean"));
        for reference in ["kaniko", "kaniko:0.1", "polyaxon/kaniko:latest"] {
            let known = find(&HubRef::parse(reference).unwrap());
            assert!(matches!(known, Known::Component(_)), "{reference}");
        }
        assert!(matches!(
            find(&HubRef::parse("acme/kaniko").unwrap()),
            Known::OfTheHub
        ));
    }
}
