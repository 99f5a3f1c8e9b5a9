//! The part of one container's output that the hub has not acknowledged yet.
//!
//! Offsets count the bytes of the raw output, both streams in the order in which the engine
//! keeps them, line ends included. The engine hands the output out from its start each time it
//! is asked, so a reader that starts over is trimmed here to what is new.

use std::collections::VecDeque;

use bytes::Bytes;
use polyaxon_proto::agent::v1::LogRecord;

use crate::attempt::AttemptKey;
use crate::executor::LogPiece;

/// Bytes of data in one message at most, as the protocol says.
pub const MAX_CHUNK: usize = 64 * 1024;

/// Bytes that are kept for sending again; reading waits beyond that.
pub const MAX_UNACKED: u64 = 1024 * 1024;

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

/// Output between the engine and the hub.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Where the reader is.
    read: u64,
    /// End of what was taken in.
    taken: u64,
    /// End of what is durable in the hub.
    acked: u64,
    chunks: VecDeque<Chunk>,
    /// How many chunks, from the front, were sent on the present stream.
    sent: usize,
    finished: bool,
    done: bool,
}

impl Window {
    /// The reader starts over at the first byte.
    pub fn rewind(&mut self) {
        self.read = 0;
    }

    /// Takes in what the reader got next; what was taken in before is dropped.
    pub fn push(&mut self, piece: &LogPiece) {
        let start = self.read;
        self.read += piece.data.len() as u64;
        let from = self.taken.max(self.acked);
        if self.read <= from || self.finished {
            self.taken = self.taken.max(self.read.min(from));
            return;
        }
        let skip = usize::try_from(from.saturating_sub(start)).unwrap_or(usize::MAX);
        let mut rest = piece.data.slice(skip.min(piece.data.len())..);
        self.taken = from.max(start);
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(MAX_CHUNK));
            self.append(piece, &part);
        }
    }

    fn append(&mut self, piece: &LogPiece, part: &Bytes) {
        let len = part.len() as u64;
        let record = record(piece, part);
        let open = self.chunks.len() > self.sent;
        match self.chunks.back_mut() {
            Some(last)
                if open && last.end() == self.taken && last.len + len <= MAX_CHUNK as u64 =>
            {
                last.len += len;
                last.records.push(record);
            }
            _ => self.chunks.push_back(Chunk {
                offset: self.taken,
                len,
                records: vec![record],
                eof: false,
            }),
        }
        self.taken += len;
    }

    /// The container has ended and everything was taken in.
    pub fn finish(&mut self) {
        if self.finished {
            return;
        }
        self.finished = true;
        self.chunks.push_back(Chunk {
            offset: self.taken,
            len: 0,
            records: Vec::new(),
            eof: true,
        });
    }

    /// A new stream: what is not acknowledged goes again.
    pub fn reconnected(&mut self) {
        self.sent = 0;
    }

    /// The next message of the present stream.
    pub fn next_chunk(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.get(self.sent)?.clone();
        self.sent += 1;
        Some(chunk)
    }

    /// The hub says that everything before `offset` is durable.
    pub fn acknowledge(&mut self, offset: u64) {
        self.acked = self.acked.max(offset);
        while self
            .chunks
            .front()
            .is_some_and(|chunk| !chunk.eof && chunk.end() <= self.acked)
        {
            self.chunks.pop_front();
            self.sent = self.sent.saturating_sub(1);
        }
        let only_eof = self.chunks.front().is_some_and(|chunk| chunk.eof);
        if only_eof && self.sent > 0 && self.acked >= self.taken {
            self.chunks.clear();
            self.sent = 0;
            self.done = true;
        }
    }

    /// Whether the reader should wait.
    pub fn is_full(&self) -> bool {
        self.taken.saturating_sub(self.acked) >= MAX_UNACKED
    }

    /// Whether everything, the end included, is durable.
    pub fn is_drained(&self) -> bool {
        self.done
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
        window.acknowledge(6);
        window.push(&piece(b"one\n"));
        window.push(&piece(b"two\n"));
        let chunk = window.next_chunk().expect("a chunk");
        assert_eq!((chunk.offset, chunk.len), (6, 2));
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
        window.acknowledge(0);
        assert!(!window.is_drained(), "nothing was sent yet");
        assert!(window.next_chunk().is_some_and(|chunk| chunk.eof));
        window.acknowledge(0);
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
                    2 => window.acknowledge(hub.bytes.len() as u64),
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
            window.acknowledge(hub.bytes.len() as u64);
            prop_assert!(window.is_drained());
            prop_assert_eq!(&hub.bytes, &all);
            prop_assert!(hub.eof);
        }
    }
}
