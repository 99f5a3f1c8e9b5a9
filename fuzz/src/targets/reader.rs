use polyaxon_spec::source::{MAX_SOURCE_BYTES, Source};
use polyaxon_spec::yaml;

use super::check_report;

/// Bytes to a value, to text, to the same value: in the same order, and to the same text.
pub(crate) fn run(data: &[u8]) {
    let read = Source::from_bytes("fuzz.yaml", data).and_then(|source| yaml::read(&source));
    let node = match read {
        Ok((node, _)) => node,
        Err(report) => return check_report(&report),
    };
    let value = node.to_json();
    let written = yaml::write(&value);
    if written.len() > MAX_SOURCE_BYTES {
        return;
    }
    let (again, warnings) = yaml::read(&Source::new("written.yaml", written.as_str()))
        .unwrap_or_else(|report| panic!("what was written cannot be read: {report}\n{written}"));
    let again = again.to_json();
    assert_eq!(again.to_string(), value.to_string(), "{written}");
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(yaml::write(&again), written, "written anew");
}
