//! Records of a log.

use polyaxon_proto::transfer::v1::LogChunk;
use serde::Serialize;

/// A record as one line of JSON.
#[derive(Serialize)]
pub(crate) struct LogView {
    attempt: u32,
    container: String,
    offset: u64,
    at: Option<String>,
    stream: &'static str,
    partial: bool,
    text: String,
    /// Why a stretch is missing here.
    #[serde(skip_serializing_if = "String::is_empty")]
    gap: String,
}

impl From<&LogChunk> for LogView {
    fn from(chunk: &LogChunk) -> Self {
        let at = jiff::Timestamp::from_nanosecond(i128::from(chunk.at_ns)).ok();
        Self {
            attempt: chunk.attempt,
            container: chunk.container.clone(),
            offset: chunk.offset,
            at: at.filter(|_| chunk.at_ns != 0).map(|at| at.to_string()),
            stream: if chunk.stream == 2 {
                "stderr"
            } else {
                "stdout"
            },
            partial: chunk.partial,
            text: String::from_utf8_lossy(&chunk.data).into_owned(),
            gap: chunk.gap.clone(),
        }
    }
}
