use polyaxon_spec::component::Component;
use polyaxon_spec::source::{MAX_SOURCE_BYTES, Source};

use super::{check_report, text};

/// The canonical text of a component is read as the same component, with the same digest.
pub(crate) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let component = match Component::read(&Source::new("fuzz.yaml", text)) {
        Ok((component, _)) => component,
        Err(report) => return check_report(&report),
    };
    let canonical = component.canonical_json();
    if canonical.len() > MAX_SOURCE_BYTES {
        return;
    }
    let (again, _) = Component::read(&Source::new("canonical.json", canonical.as_str()))
        .unwrap_or_else(|report| {
            panic!("the canonical text cannot be read: {report}\n{canonical}")
        });
    assert_eq!(again.canonical_json(), canonical, "written anew");
    assert_eq!(again.digest(), component.digest());
    let value: serde_json::Value = serde_json::from_str(&canonical)
        .unwrap_or_else(|error| panic!("the canonical text is no JSON: {error}\n{canonical}"));
    assert!(value.is_object(), "{canonical}");
}
