use polyaxon_spec::format;
use polyaxon_spec::source::Source;
use polyaxon_spec::yaml;

use super::{check_report, text};

/// What is formatted means the same and is formatted already.
pub(crate) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let source = Source::new("fuzz.yaml", text);
    let formatted = match format::format(&source) {
        Ok(formatted) => formatted,
        Err(report) => return check_report(&report),
    };
    let value = |text: &str| {
        let read = yaml::read(&Source::new("fuzz.yaml", text));
        read.map(|(node, _)| node.to_json())
    };
    assert_eq!(value(&formatted).ok(), value(text).ok(), "{formatted}");
    let again = format::format(&Source::new("fuzz.yaml", formatted.as_str()));
    assert_eq!(
        again.as_deref().ok(),
        Some(formatted.as_str()),
        "a second time"
    );
}
