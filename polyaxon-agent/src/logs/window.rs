//! The part of one container's output that the hub has not acknowledged yet.
//!
//! Offsets count the bytes of the raw output, both streams in the order in which the engine
//! keeps them, line ends included. A reader that starts over is trimmed here to what is new.
//! The window of an attempt that another process may have read before begins with a question to
//! the hub: how far is the log?

use std::collections::VecDeque;

use bytes::Bytes;
use polyaxon_proto::agent::v1::LogRecord;

use super::position::Position;
use crate::attempt::AttemptKey;
use crate::executor::LogPiece;

/// Bytes of data in one message at most, as the protocol says.
pub const MAX_CHUNK: usize = 64 * 1024;

/// Bytes that are kept for sending again; reading waits beyond that.
pub const MAX_UNACKED: u64 = 1024 * 1024;

/// Why a stretch is missing that a node does not have any more.
const ROTATED: &str = "output may be missing here: the log was rotated away, or the container was started anew, before it was read";

/// Longest reason of a mark, in bytes.
const MAX_WHY: usize = 512;

/// Which container's output.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerKey {
    /// The attempt.
    pub attempt: AttemptKey,
    /// Name of the container in its pod.
    pub container: String,
}

/// What is sent in one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Bytes of raw output before it.
    pub offset: u64,
    /// Bytes of raw output in it.
    pub len: u64,
    /// The output.
    pub records: Vec<LogRecord>,
    /// Nothing follows.
    pub eof: bool,
}

impl Chunk {
    fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// What the hub says about a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answer {
    /// Everything before this is durable.
    pub acked: u64,
    /// Time of its first record; 0: there is none, or nobody asked.
    pub first_at_ns: i64,
    /// Time of its last record.
    pub last_at_ns: i64,
    /// Bytes at its end with that time.
    pub last_bytes: u64,
    /// All of it is there: to a question, or to a message with the end.
    pub ended: bool,
}

/// Whether it is known how far the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Start {
    /// It is.
    #[default]
    Known,
    /// The hub has to be asked.
    Unasked,
    /// It was asked on the present stream.
    Asked,
}

/// Output between the engine and the hub.
#[derive(Debug, Clone, Default)]
pub struct Window {
    start: Start,
    /// Where the reader is, and the end of what was taken in.
    position: Position,
    /// End of what is durable in the hub.
    acked: u64,
    /// The hub had all of it when it was asked.
    complete: bool,
    chunks: VecDeque<Chunk>,
    /// How many chunks, from the front, were sent on the present stream.
    sent: usize,
    finished: bool,
    done: bool,
}

impl Window {
    /// A window onto a log of which the hub may have a part.
    pub fn of_adopted() -> Self {
        Self {
            start: Start::Unasked,
            ..Self::default()
        }
    }

    /// Whether the reader may begin.
    pub fn is_ready(&self) -> bool {
        self.start == Start::Known
    }

    /// Whether the hub had all of it, its end included, when it was asked.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The reader starts over.
    pub fn rewind(&mut self) {
        self.position.rewind();
    }

    /// Takes in what the reader got next; what was taken in before is dropped.
    pub fn push(&mut self, piece: &LogPiece) {
        if self.finished {
            return;
        }
        self.position.advance(self.acked);
        let fresh = self.position.take(piece);
        let mut rest = fresh.data;
        let mut offset = self.position.taken() - rest.len() as u64;
        if fresh.gap {
            self.append(offset - 1, 1, mark(piece.at_ns, ROTATED));
        }
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(MAX_CHUNK));
            let length = part.len() as u64;
            self.append(offset, length, record(piece, &part));
            offset += length;
        }
    }

    /// The container has ended, and the reader came to the end of what there is of its output.
    pub fn end_of_output(&mut self, at_ns: i64) {
        self.position.advance(self.acked);
        if self.position.found_nothing() {
            self.lose_rest(at_ns, ROTATED);
        }
    }

    /// The rest of the output can never be read.
    pub fn lose_rest(&mut self, at_ns: i64, why: &str) {
        if self.finished || self.complete {
            return;
        }
        self.position.advance(self.acked);
        self.append(self.position.taken(), 1, mark(at_ns, why));
        self.position.mark();
    }

    fn append(&mut self, offset: u64, len: u64, record: LogRecord) {
        let open = self.chunks.len() > self.sent;
        match self.chunks.back_mut() {
            Some(last) if open && last.end() == offset && last.len + len <= MAX_CHUNK as u64 => {
                last.len += len;
                last.records.push(record);
            }
            _ => self.chunks.push_back(Chunk {
                offset,
                len,
                records: vec![record],
                eof: false,
            }),
        }
    }

    /// The container has ended and everything was taken in.
    pub fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        self.chunks.push_back(Chunk {
            offset: self.position.taken().max(self.acked),
            len: 0,
            records: Vec::new(),
            eof: true,
        });
    }

    /// A new stream: what is not acknowledged goes again.
    pub fn reconnected(&mut self) {
        self.sent = 0;
        if self.start == Start::Asked {
            self.start = Start::Unasked;
        }
    }

    /// The next message of the present stream.
    pub fn next_chunk(&mut self) -> Option<Chunk> {
        if self.start == Start::Unasked {
            self.start = Start::Asked;
            return Some(Chunk {
                offset: 0,
                len: 0,
                records: Vec::new(),
                eof: false,
            });
        }
        let chunk = self.chunks.get(self.sent)?.clone();
        self.sent += 1;
        Some(chunk)
    }

    /// The hub says how far the log is.
    pub fn acknowledge(&mut self, answer: Answer) {
        if self.start == Start::Asked {
            self.start = Start::Known;
            self.complete = answer.ended;
            self.position = Position::behind(
                answer.acked,
                answer.first_at_ns,
                answer.last_at_ns,
                answer.last_bytes,
            );
        }
        self.acked = self.acked.max(answer.acked);
        while self
            .chunks
            .front()
            .is_some_and(|chunk| !chunk.eof && chunk.end() <= self.acked)
        {
            self.chunks.pop_front();
            self.sent = self.sent.saturating_sub(1);
        }
        let only_eof = self.chunks.front().is_some_and(|chunk| chunk.eof);
        if only_eof && self.sent > 0 && answer.ended && self.acked >= self.position.taken() {
            self.chunks.clear();
            self.sent = 0;
            self.done = true;
        }
    }

    /// Whether the reader should wait.
    pub fn is_full(&self) -> bool {
        self.position.taken().saturating_sub(self.acked) >= MAX_UNACKED
    }

    /// Whether everything, the end included, is durable.
    pub fn is_drained(&self) -> bool {
        self.done
    }
}

/// A mark where output is missing.
fn mark(at_ns: i64, why: &str) -> LogRecord {
    let end = why.floor_char_boundary(MAX_WHY);
    LogRecord {
        at_ns,
        gap: why.get(..end).unwrap_or_default().to_owned(),
        ..LogRecord::default()
    }
}

/// A record without its line end, which `partial` speaks of.
fn record(piece: &LogPiece, part: &Bytes) -> LogRecord {
    let (data, partial) = match part.strip_suffix(b"\n") {
        Some(line) => (part.slice_ref(line), false),
        None => (part.clone(), true),
    };
    LogRecord {
        at_ns: piece.at_ns,
        stream: piece.stream,
        partial,
        data,
        gap: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(data: &[u8]) -> LogPiece {
        LogPiece {
            at_ns: 7,
            stream: 1,
            data: Bytes::copy_from_slice(data),
        }
    }

    fn acked(acked: u64) -> Answer {
        Answer {
            acked,
            ..Answer::default()
        }
    }

    fn ended(acked: u64) -> Answer {
        Answer {
            acked,
            ended: true,
            ..Answer::default()
        }
    }

    /// What a hub keeps that trusts nothing but offsets.
    #[derive(Default)]
    struct Hub {
        bytes: Vec<u8>,
        eof: bool,
    }

    impl Hub {
        fn take(&mut self, chunk: &Chunk) {
            let mut offset = usize::try_from(chunk.offset).expect("small");
            assert!(offset <= self.bytes.len(), "a gap before {offset}");
            for record in &chunk.records {
                let mut raw = record.data.to_vec();
                if !record.partial {
                    raw.push(b'\n');
                }
                for byte in raw {
                    if offset == self.bytes.len() {
                        self.bytes.push(byte);
                    } else {
                        assert_eq!(self.bytes[offset], byte, "at {offset}");
                    }
                    offset += 1;
                }
            }
            self.eof |= chunk.eof;
        }
    }

    #[test]
    fn offsets_count_line_ends() {
        let mut window = Window::default();
        window.push(&piece(b"one\n"));
        window.push(&piece(b"tw"));
        window.push(&piece(b"o\n"));
        let chunk = window.next_chunk().expect("a chunk");
        assert_eq!((chunk.offset, chunk.len), (0, 8));
        let shown: Vec<_> = chunk
            .records
            .iter()
            .map(|record| (record.data.as_ref(), record.partial))
            .collect();
        assert_eq!(
            shown,
            [(&b"one"[..], false), (&b"tw"[..], true), (&b"o"[..], false)]
        );
        window.push(&piece(b"more\n"));
        assert_eq!(window.next_chunk().expect("a chunk").offset, 8);
    }

    #[test]
    fn a_reader_that_starts_over_adds_nothing_old() {
        let mut window = Window::default();
        window.push(&piece(b"one\n"));
        window.rewind();
        window.push(&piece(b"one\n"));
        window.push(&piece(b"two\n"));
        let chunk = window.next_chunk().expect("a chunk");
        assert_eq!(chunk.len, 8);
    }

    #[test]
    fn what_the_hub_has_already_is_skipped() {
        let mut window = Window::default();
        window.acknowledge(acked(6));
        window.push(&piece(b"one\n"));
        window.push(&piece(b"two\n"));
        let chunk = window.next_chunk().expect("a chunk");
        assert_eq!((chunk.offset, chunk.len), (6, 2));
    }

    fn at(at_ns: i64, data: &[u8]) -> LogPiece {
        LogPiece {
            at_ns,
            ..piece(data)
        }
    }

    #[test]
    fn another_process_asks_first_and_goes_on_from_there() {
        let mut window = Window::of_adopted();
        assert!(!window.is_ready());
        let asked = window.next_chunk().expect("a question");
        assert!(asked.records.is_empty() && !asked.eof);
        assert_eq!(window.next_chunk(), None);
        window.reconnected();
        assert!(window.next_chunk().is_some(), "the answer did not come");
        window.acknowledge(Answer {
            acked: 8,
            first_at_ns: 1,
            last_at_ns: 2,
            last_bytes: 4,
            ended: false,
        });
        assert!(window.is_ready());
        let mut rotated = window.clone();
        for piece in [at(1, b"one\n"), at(2, b"two\n"), at(3, b"three\n")] {
            window.push(&piece);
        }
        let chunk = window.next_chunk().expect("a chunk");
        assert_eq!((chunk.offset, chunk.len), (8, 6));
        rotated.push(&at(9, b"four\n"));
        let chunk = rotated.next_chunk().expect("a chunk");
        assert_eq!(
            (chunk.offset, chunk.len),
            (8, 6),
            "the mark counts one byte"
        );
        assert_eq!(chunk.records[0].gap, ROTATED);
        assert_eq!(chunk.records[1].data.as_ref(), b"four");
    }

    #[test]
    fn an_end_that_nobody_can_read_is_marked_once() {
        let mut window = Window::default();
        window.push(&at(1, b"one\n"));
        window.lose_rest(5, "the node is gone");
        window.finish();
        window.lose_rest(5, "the node is gone");
        let chunk = window.next_chunk().expect("a chunk");
        let gaps: Vec<&str> = chunk.records.iter().map(|record| &record.gap[..]).collect();
        assert_eq!(gaps, ["", "the node is gone"]);
        assert_eq!(
            window.next_chunk().map(|chunk| (chunk.offset, chunk.eof)),
            Some((5, true))
        );
        window.acknowledge(acked(5));
        assert!(!window.is_drained(), "that was for the output alone");
        window.acknowledge(ended(5));
        assert!(window.is_drained());
        // All that is left of the log is an empty file.
        let mut window = Window::default();
        window.push(&at(1, b"one\n"));
        window.end_of_output(5);
        window.rewind();
        window.end_of_output(5);
        window.finish();
        let chunk = window.next_chunk().expect("a chunk");
        let gaps: Vec<&str> = chunk.records.iter().map(|record| &record.gap[..]).collect();
        assert_eq!(gaps, ["", ROTATED]);
        // The hub has all of it already.
        let mut window = Window::of_adopted();
        let _question = window.next_chunk();
        window.acknowledge(ended(4));
        window.lose_rest(5, "the pod is gone");
        window.finish();
        let end = window.next_chunk().expect("the end");
        assert_eq!((end.offset, end.records.len(), end.eof), (4, 0, true));
        window.acknowledge(ended(4));
        assert!(window.is_drained());
    }

    #[test]
    fn large_pieces_are_cut() {
        let mut window = Window::default();
        window.push(&piece(&vec![b'x'; MAX_CHUNK + 10]));
        assert_eq!(
            window.next_chunk().map(|chunk| chunk.len),
            Some(MAX_CHUNK as u64)
        );
        assert_eq!(window.next_chunk().map(|chunk| chunk.len), Some(10));
    }

    #[test]
    fn an_empty_log_is_drained_by_the_answer_to_its_end() {
        let mut window = Window::default();
        window.finish();
        window.acknowledge(acked(0));
        assert!(!window.is_drained(), "nothing was sent yet");
        assert!(window.next_chunk().is_some_and(|chunk| chunk.eof));
        window.acknowledge(ended(0));
        assert!(window.is_drained());
    }

    proptest! {
        /// Streams break, answers get lost, the reader starts over: the hub ends up with the
        /// output, byte for byte.
        #[test]
        fn the_hub_gets_every_byte_once(
            lines in prop::collection::vec(prop::collection::vec(0u8..255, 0..30), 0..30),
            faults in prop::collection::vec(0u8..6, 0..200),
        ) {
            let pieces: Vec<LogPiece> = lines.iter().map(|line| piece(line)).collect();
            let all: Vec<u8> = lines.concat();
            let (mut window, mut hub, mut at) = (Window::default(), Hub::default(), 0);
            for fault in faults {
                match fault {
                    0 => if let Some(next) = pieces.get(at) {
                        window.push(next);
                        at += 1;
                    },
                    1 => if let Some(chunk) = window.next_chunk() {
                        hub.take(&chunk);
                    },
                    2 => window.acknowledge(acked(hub.bytes.len() as u64)),
                    3 => window.reconnected(),
                    4 => { let _lost = window.next_chunk(); window.reconnected(); }
                    _ => { window.rewind(); at = 0; }
                }
            }
            for next in pieces.get(at..).unwrap_or_default() {
                window.push(next);
            }
            window.finish();
            window.reconnected();
            while let Some(chunk) = window.next_chunk() {
                hub.take(&chunk);
            }
            window.acknowledge(ended(hub.bytes.len() as u64));
            prop_assert!(window.is_drained());
            prop_assert_eq!(&hub.bytes, &all);
            prop_assert!(hub.eof);
        }
    }
}
