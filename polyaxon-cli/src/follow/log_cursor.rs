//! Where reading a log stands, so that it can go on after the connection broke.

use std::collections::BTreeMap;

use polyaxon_proto::transfer::v1::LogChunk;

/// What has been read, for each attempt and container.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogCursor {
    /// Bytes of raw output before the first byte that is still wanted.
    next: BTreeMap<(u32, String), u64>,
    /// Newest attempt of which something was read.
    attempt: u32,
    /// Marks of missing stretches that were shown: attempt, container, offset.
    gaps: Vec<(u32, String, u64)>,
}

/// Where a request starts reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// 0: every attempt.
    pub(crate) attempt: u32,
    pub(crate) offset: u64,
}

impl LogCursor {
    /// Takes what is new of a chunk; `None` when all of it was there before.
    ///
    /// A chunk that overlaps the known part loses its beginning. Its line end, which the offset counts as one
    /// byte, is known together with its last byte.
    pub(crate) fn accept(&mut self, mut chunk: LogChunk) -> Option<LogChunk> {
        let place = (chunk.attempt, chunk.container.clone());
        self.attempt = self.attempt.max(chunk.attempt);
        if !chunk.gap.is_empty() {
            let mark = (chunk.attempt, chunk.container.clone(), chunk.offset);
            if self.gaps.contains(&mark) {
                return None;
            }
            self.gaps.push(mark);
            return Some(chunk);
        }
        let next = self.next.entry(place).or_default();
        let end = chunk.offset + raw_length(&chunk);
        if end <= *next {
            return None;
        }
        let known = next.saturating_sub(chunk.offset);
        if known > 0 {
            let known = usize::try_from(known)
                .unwrap_or(usize::MAX)
                .min(chunk.data.len());
            chunk.data = chunk.data.slice(known..);
            chunk.offset = *next;
        }
        *next = end;
        Some(chunk)
    }

    /// Where to go on. With one container the newest attempt goes on at its offset; with several, each has an
    /// offset of its own, which a request cannot say: the attempt is read again and [`Self::accept`] leaves
    /// out what is known.
    pub(crate) fn start(&self, all_containers: bool) -> Start {
        let offset = if all_containers {
            0
        } else {
            self.next
                .iter()
                .filter(|((attempt, _), _)| *attempt == self.attempt)
                .map(|(_, next)| *next)
                .max()
                .unwrap_or_default()
        };
        Start {
            attempt: self.attempt,
            offset,
        }
    }

    /// Goes on with an attempt of which nothing was read yet.
    pub(crate) fn begin_attempt(&mut self, attempt: u32) {
        self.attempt = self.attempt.max(attempt);
    }
}

/// Bytes of raw output that a chunk stands for.
fn raw_length(chunk: &LogChunk) -> u64 {
    let line_end = !chunk.partial && chunk.data.last() != Some(&b'\n');
    chunk.data.len() as u64 + u64::from(line_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(offset: u64, data: &str) -> LogChunk {
        LogChunk {
            attempt: 1,
            container: "polyaxon-main".to_owned(),
            offset,
            data: data.as_bytes().to_vec().into(),
            ..LogChunk::default()
        }
    }

    fn text(chunk: Option<LogChunk>) -> Option<String> {
        chunk.map(|chunk| String::from_utf8(chunk.data.to_vec()).unwrap())
    }

    #[test]
    fn a_repeated_chunk_is_left_out_and_an_overlap_is_cut() {
        let mut cursor = LogCursor::default();
        assert_eq!(text(cursor.accept(chunk(0, "one"))).as_deref(), Some("one"));
        assert_eq!(text(cursor.accept(chunk(0, "one"))), None);
        assert_eq!(
            text(cursor.accept(chunk(2, "e\ntwo"))).as_deref(),
            Some("two")
        );
        assert_eq!(
            cursor.start(false),
            Start {
                attempt: 1,
                offset: 8
            }
        );
    }

    #[test]
    fn empty_lines_count() {
        let mut cursor = LogCursor::default();
        assert_eq!(text(cursor.accept(chunk(0, ""))).as_deref(), Some(""));
        assert_eq!(text(cursor.accept(chunk(1, ""))).as_deref(), Some(""));
        assert_eq!(text(cursor.accept(chunk(1, ""))), None);
    }

    #[test]
    fn attempts_and_containers_have_offsets_of_their_own() {
        let mut cursor = LogCursor::default();
        cursor.accept(chunk(0, "long first attempt"));
        let second = LogChunk {
            attempt: 2,
            ..chunk(0, "a")
        };
        assert!(cursor.accept(second).is_some());
        let other = LogChunk {
            container: "sidecar".to_owned(),
            ..chunk(0, "b")
        };
        assert!(cursor.accept(other).is_some());
        let expected = Start {
            attempt: 2,
            offset: 2,
        };
        assert_eq!(cursor.start(false), expected);
        assert_eq!(cursor.start(true).offset, 0);
    }

    #[test]
    fn a_missing_stretch_is_shown_once() {
        let gap = LogChunk {
            gap: "rotated away".to_owned(),
            ..chunk(7, "")
        };
        let mut cursor = LogCursor::default();
        assert!(cursor.accept(gap.clone()).is_some());
        assert!(cursor.accept(gap).is_none());
    }

    #[test]
    fn wherever_the_connection_breaks_the_text_is_whole() {
        let lines = ["first", "", "third line", "x"];
        let whole = lines.join("\n") + "\n";
        for broken_at in 0..=whole.len() {
            let mut cursor = LogCursor::default();
            let mut read = String::new();
            // What arrived before the break, then everything once more.
            for stop in [broken_at, whole.len()] {
                let mut offset = 0;
                for line in lines {
                    let end = offset + line.len() + 1;
                    if end > stop {
                        break;
                    }
                    if let Some(piece) = text(cursor.accept(chunk(offset as u64, line))) {
                        read.push_str(&piece);
                        read.push('\n');
                    }
                    offset = end;
                }
            }
            assert_eq!(read, whole, "broken at {broken_at}");
        }
    }
}
