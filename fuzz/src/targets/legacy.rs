use polyaxon_spec::legacy;
use polyaxon_spec::source::{MAX_SOURCE_BYTES, Source};
use polyaxon_spec::yaml;

use super::{check_report, text};

/// A translated file is of today's format, and says the same when it is written and read.
pub(crate) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let conversion = match legacy::convert(&Source::new("fuzz.yaml", text)) {
        Ok(Some(conversion)) => conversion,
        Ok(None) => return,
        Err(report) => return check_report(&report),
    };
    let written = yaml::write(&conversion.operation);
    if written.len() > MAX_SOURCE_BYTES {
        return;
    }
    let source = Source::new("new.yaml", written);
    match legacy::convert(&source) {
        Ok(None) => {}
        Ok(Some(_)) => panic!("of the old format still:\n{}", source.text()),
        Err(report) => panic!("{report}\n{}", source.text()),
    }
    let (node, _) = yaml::read(&source).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(node.to_json(), conversion.operation);
}
