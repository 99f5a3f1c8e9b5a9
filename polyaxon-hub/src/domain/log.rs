//! The log of one container: records, offsets and their form on disk.
//!
//! An offset counts bytes of the container's raw output, line ends included. A record without its line end has the
//! mark `partial`.

use bytes::{Buf as _, BufMut as _, Bytes};

/// Most bytes that are kept of one run.
pub const MAX_RUN_BYTES: u64 = 1024 * 1024 * 1024;
/// Largest piece of output in one message.
pub const MAX_CHUNK: usize = 64 * 1024;
/// Longest name of a container.
const MAX_CONTAINER: usize = 63;
/// Bytes before the body of a frame: its length and its checksum.
const FRAME_HEAD: usize = 8;
/// Bytes of a body before its data: kind, offset, span and time.
const BODY_HEAD: usize = 25;

/// Which log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogKey {
    /// Uuid of the run.
    pub run: String,
    /// Attempt, from 1.
    pub attempt: u32,
    /// Name of the container.
    pub container: String,
}

/// Whether a name can be one of a container: a DNS label, which is also good in a file name.
#[must_use]
pub fn is_container_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_CONTAINER
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Output.
    Data {
        /// 1: stdout, 2: stderr.
        stream: u8,
        /// No line end follows.
        partial: bool,
        /// The bytes without the line end.
        data: Bytes,
    },
    /// A stretch that nobody could read.
    Gap {
        /// Its length in bytes.
        span: u64,
        /// Why it is missing.
        why: String,
    },
    /// The limit of the run was reached: nothing follows.
    Limit {
        /// A sentence that says so.
        why: String,
    },
}

/// One record with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Bytes of raw output before it.
    pub offset: u64,
    /// Unix nanoseconds of the runtime.
    pub at_ns: i64,
    /// What it holds.
    pub content: Content,
}

impl Entry {
    /// Bytes of raw output after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        let span = match &self.content {
            Content::Data { partial, data, .. } => data.len() as u64 + u64::from(!partial),
            Content::Gap { span, .. } => *span,
            Content::Limit { .. } => 0,
        };
        self.offset.saturating_add(span)
    }

    /// Whether it says that something is missing.
    #[must_use]
    pub fn is_mark(&self) -> bool {
        !matches!(self.content, Content::Data { .. })
    }

    /// What is left of it from `offset` on; `None`: nothing.
    #[must_use]
    pub fn from(self, offset: u64) -> Option<Self> {
        if self.offset >= offset {
            return Some(self);
        }
        if self.end() <= offset {
            return None;
        }
        let skip = usize::try_from(offset - self.offset).unwrap_or(usize::MAX);
        let content = match self.content {
            Content::Data {
                stream,
                partial,
                data,
            } => Content::Data {
                stream,
                partial,
                data: data.slice(skip.min(data.len())..),
            },
            Content::Gap { span, why } => Content::Gap {
                span: span.saturating_sub(skip as u64),
                why,
            },
            limit @ Content::Limit { .. } => limit,
        };
        Some(Self {
            offset,
            content,
            ..self
        })
    }

    /// Appends the entry in its form on disk.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let (kind, span, data): (u8, u64, &[u8]) = match &self.content {
            Content::Data {
                stream,
                partial,
                data,
            } => ((stream & 0x0f) | (u8::from(*partial) << 7), 0, data),
            Content::Gap { span, why } => (0x10, *span, why.as_bytes()),
            Content::Limit { why } => (0x20, 0, why.as_bytes()),
        };
        let mut body = Vec::with_capacity(BODY_HEAD + data.len());
        body.put_u8(kind);
        body.put_u64_le(self.offset);
        body.put_u64_le(span);
        body.put_i64_le(self.at_ns);
        body.extend_from_slice(data);
        into.put_u32_le(u32::try_from(body.len()).unwrap_or(u32::MAX));
        into.put_u32_le(checksum(&body));
        into.extend_from_slice(&body);
    }

    /// Takes the next entry; `None` when the rest is not a whole, sound one.
    pub fn decode(from: &mut Bytes) -> Option<Self> {
        let mut head = from.get(..FRAME_HEAD)?;
        let length = usize::try_from(head.get_u32_le()).ok()?;
        let sum = head.get_u32_le();
        let end = FRAME_HEAD.checked_add(length)?;
        let body = from.get(FRAME_HEAD..end)?;
        if length < BODY_HEAD || checksum(body) != sum {
            return None;
        }
        let mut body = from.split_to(end).slice(FRAME_HEAD..);
        let kind = body.get_u8();
        let offset = body.get_u64_le();
        let span = body.get_u64_le();
        let at_ns = body.get_i64_le();
        let why = |body: Bytes| String::from_utf8_lossy(&body).into_owned();
        let content = match kind {
            0x10 => Content::Gap {
                span,
                why: why(body),
            },
            0x20 => Content::Limit { why: why(body) },
            _ => Content::Data {
                stream: kind & 0x0f,
                partial: kind & 0x80 != 0,
                data: body,
            },
        };
        Some(Self {
            offset,
            at_ns,
            content,
        })
    }
}

/// Enough to notice a frame that was torn by a crash.
fn checksum(body: &[u8]) -> u32 {
    let hash = blake3::hash(body);
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Decides what of `entries`, which begin at `offset`, is new in a log that ends at `end`.
///
/// What is known is dropped, a missing stretch becomes a mark.
#[must_use]
pub fn new_part(end: u64, entries: Vec<Entry>) -> Vec<Entry> {
    let mut fresh = Vec::with_capacity(entries.len());
    let mut at = end;
    for entry in entries {
        if entry.offset > at {
            let span = entry.offset - at;
            fresh.push(Entry {
                offset: at,
                at_ns: entry.at_ns,
                content: Content::Gap {
                    span,
                    why: format!("{span} bytes of the output could not be read"),
                },
            });
            at = entry.offset;
        }
        if let Some(rest) = entry.from(at).filter(|rest| rest.end() > at) {
            at = rest.end();
            fresh.push(rest);
        }
    }
    fresh
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(offset: u64, text: &str, partial: bool) -> Entry {
        Entry {
            offset,
            at_ns: 7,
            content: Content::Data {
                stream: 1,
                partial,
                data: Bytes::copy_from_slice(text.as_bytes()),
            },
        }
    }

    #[test]
    fn entries_survive_the_disk_and_torn_ones_do_not() {
        let entries = [
            data(0, "one", false),
            data(4, "", false),
            Entry {
                offset: 5,
                at_ns: -1,
                content: Content::Gap {
                    span: 10,
                    why: "gone".into(),
                },
            },
            Entry {
                offset: 15,
                at_ns: 0,
                content: Content::Limit { why: "full".into() },
            },
        ];
        let mut disk = Vec::new();
        for entry in &entries {
            entry.encode(&mut disk);
        }
        let mut bytes = Bytes::from(disk.clone());
        for entry in &entries {
            assert_eq!(Entry::decode(&mut bytes).as_ref(), Some(entry));
        }
        assert_eq!(Entry::decode(&mut bytes), None);
        for cut in 1..35 {
            let mut torn = Bytes::from(disk.clone()).slice(..disk.len() - cut);
            let whole = std::iter::from_fn(|| Entry::decode(&mut torn)).count();
            assert_eq!(whole, 3, "{cut} bytes missing");
        }
        let mut bent = disk;
        bent[20] ^= 1;
        assert_eq!(Entry::decode(&mut Bytes::from(bent)), None);
    }

    #[test]
    fn known_parts_are_dropped_and_missing_ones_marked() {
        assert_eq!(new_part(4, vec![data(0, "one", false)]), []);
        assert_eq!(
            new_part(2, vec![data(0, "one", false), data(4, "two", false)]),
            [data(2, "e", false), data(4, "two", false)]
        );
        let fresh = new_part(0, vec![data(3, "x", true)]);
        assert!(matches!(
            fresh.first(),
            Some(Entry {
                offset: 0,
                content: Content::Gap { span: 3, .. },
                ..
            })
        ));
        assert_eq!(fresh.get(1), Some(&data(3, "x", true)));
    }

    proptest! {
        /// However the pieces are repeated and cut, the log is the output.
        #[test]
        fn repeats_change_nothing(lines in prop::collection::vec("[a-z]{0,6}", 1..12), again in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
            let mut all = Vec::new();
            let mut offset = 0;
            for line in &lines {
                let entry = data(offset, line, false);
                offset = entry.end();
                all.push(entry);
            }
            let mut log: Vec<Entry> = Vec::new();
            let mut end = 0;
            let mut sent = 0;
            for index in again {
                let from = index.index(sent + 1);
                let to = (sent + 1).min(all.len());
                let fresh = new_part(end, all[from..to].to_vec());
                end = fresh.last().map_or(end, Entry::end);
                log.extend(fresh);
                sent = to;
            }
            log.extend(new_part(end, all.clone()));
            prop_assert_eq!(log, all);
        }
    }

    #[test]
    fn names_of_containers_are_labels() {
        for (name, good) in [
            ("polyaxon-main", true),
            ("", false),
            ("../x", false),
            ("A", false),
        ] {
            assert_eq!(is_container_name(name), good, "{name}");
        }
    }
}
