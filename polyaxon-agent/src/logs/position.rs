//! Where the reader of one container's output stands.
//!
//! An engine hands the output out from its first byte each time it is asked: counting bytes then says what is
//! new. A node that rotates logs hands out its newest file alone. That shows by the time of the first record,
//! and then the times say what is new, and whether something is missing.

use bytes::Bytes;

use crate::executor::LogPiece;

/// How far a log was read.
#[derive(Debug, Clone, Default)]
pub struct Position {
    /// Time of its first record; `None`: nothing was read, or nobody knows.
    first_at_ns: Option<i64>,
    /// Bytes of output before what comes next; a mark counts one.
    taken: u64,
    /// Time of its last record.
    last_at_ns: i64,
    /// Bytes at its end with that time.
    last_bytes: u64,
    reading: Reading,
}

/// What the reader knows since it started over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reading {
    /// Nothing came yet.
    #[default]
    Start,
    /// It began at the first byte, and so many were read.
    Counting(u64),
    /// It began elsewhere. So many bytes with the time of the last record were passed.
    Searching(u64),
    /// Everything is new.
    Following,
}

/// What is new of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Output between this and what was read before may be missing; the mark for it counts one byte.
    pub gap: bool,
    /// The new bytes; may be empty.
    pub data: Bytes,
}

impl Position {
    /// Behind what somebody else has read.
    pub fn behind(taken: u64, first_at_ns: i64, last_at_ns: i64, last_bytes: u64) -> Self {
        Self {
            first_at_ns: Some(first_at_ns).filter(|at| *at != 0),
            taken,
            last_at_ns,
            last_bytes,
            reading: Reading::Start,
        }
    }

    /// Bytes of output before what comes next.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Somebody else has read this far.
    pub fn advance(&mut self, taken: u64) {
        self.taken = self.taken.max(taken);
    }

    /// A mark stands next.
    pub fn mark(&mut self) {
        self.taken += 1;
    }

    /// The reader starts over.
    pub fn rewind(&mut self) {
        self.reading = Reading::Start;
    }

    /// Whether there was output before, and none came since the reader started over: a newer file that is empty.
    pub fn found_nothing(&self) -> bool {
        self.reading == Reading::Start && self.taken > 0
    }

    /// Takes the next piece and says what of it is new.
    pub fn take(&mut self, piece: &LogPiece) -> Fresh {
        if self.reading == Reading::Start {
            self.reading = self.begin(piece.at_ns);
        }
        let length = piece.data.len() as u64;
        let (known, gap) = match self.reading {
            Reading::Counting(read) => {
                self.reading = Reading::Counting(read + length);
                (self.taken.saturating_sub(read), false)
            }
            Reading::Searching(_) if piece.at_ns < self.last_at_ns => (length, false),
            Reading::Searching(passed) if piece.at_ns == self.last_at_ns => {
                let left = self.last_bytes.saturating_sub(passed);
                self.reading = if left < length {
                    Reading::Following
                } else {
                    Reading::Searching(passed + length)
                };
                (left, false)
            }
            Reading::Searching(passed) => {
                self.reading = Reading::Following;
                (0, passed == 0)
            }
            Reading::Following | Reading::Start => (0, false),
        };
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        let data = piece.data.slice(known.min(piece.data.len())..);
        if gap {
            self.mark();
        }
        self.note(piece.at_ns, data.len() as u64);
        Fresh { gap, data }
    }

    fn begin(&mut self, at_ns: i64) -> Reading {
        let first = *self.first_at_ns.get_or_insert(at_ns);
        if first == at_ns || at_ns == 0 {
            Reading::Counting(0)
        } else {
            Reading::Searching(0)
        }
    }

    fn note(&mut self, at_ns: i64, length: u64) {
        if length == 0 {
            return;
        }
        self.taken += length;
        if at_ns == self.last_at_ns {
            self.last_bytes += length;
        } else {
            (self.last_at_ns, self.last_bytes) = (at_ns, length);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn piece(at_ns: i64, data: &str) -> LogPiece {
        LogPiece {
            at_ns,
            stream: 1,
            data: Bytes::copy_from_slice(data.as_bytes()),
        }
    }

    /// What a reader that starts over gets, with `[gap]` where something is missing.
    fn read(position: &mut Position, pieces: &[(i64, &str)]) -> String {
        position.rewind();
        let mut text = String::new();
        for (at_ns, data) in pieces {
            let fresh = position.take(&piece(*at_ns, data));
            text.push_str(if fresh.gap { "[gap]" } else { "" });
            text.push_str(std::str::from_utf8(&fresh.data).expect("text"));
        }
        text
    }

    #[test]
    fn times_say_what_is_new_once_the_start_is_gone() {
        for (again, wanted) in [
            // From the first byte.
            (vec![(1, "a\n"), (2, "b\n"), (3, "c\n"), (4, "d\n")], "d\n"),
            // A newer file that begins before, at, right behind and far behind the end.
            (vec![(2, "b\n"), (3, "c\n"), (4, "d\n")], "d\n"),
            (vec![(3, "c\n"), (4, "d\n")], "d\n"),
            (vec![(4, "d\n"), (5, "e\n")], "[gap]d\ne\n"),
            (vec![(2, "b\n")], ""),
            (vec![], ""),
            // The last line was half there.
            (vec![(3, "c\nmore\n"), (4, "d\n")], "more\nd\n"),
            (vec![(3, "c"), (3, "\n"), (3, "more\n")], "more\n"),
        ] {
            let mut position = Position::default();
            let first = read(
                &mut position,
                &[(1, "a\n"), (2, "b\n"), (3, "c"), (3, "\n")],
            );
            assert_eq!(first, "a\nb\nc\n");
            assert_eq!(read(&mut position, &again), wanted, "{again:?}");
            assert_eq!(read(&mut position, &again), "", "{again:?} once more");
            let marks = u64::from(wanted.contains("[gap]"));
            let bytes = wanted.replace("[gap]", "").len() as u64;
            assert_eq!(position.taken(), 6 + marks + bytes, "{again:?}");
        }
    }

    #[test]
    fn an_empty_file_is_no_beginning() {
        let mut position = Position::default();
        assert!(!position.found_nothing(), "nothing was written yet");
        read(&mut position, &[(1, "a\n")]);
        assert!(!position.found_nothing());
        read(&mut position, &[]);
        assert!(position.found_nothing());
        assert!(Position::behind(4, 1, 2, 2).found_nothing());
    }

    #[test]
    fn another_process_goes_on_behind_what_the_hub_has() {
        let mut position = Position::behind(4, 1, 2, 2);
        assert_eq!(
            read(&mut position, &[(1, "a\n"), (2, "b\n"), (3, "c\n")]),
            "c\n"
        );
        let mut position = Position::behind(4, 1, 2, 2);
        assert_eq!(read(&mut position, &[(2, "b\n"), (3, "c\n")]), "c\n");
        let mut position = Position::behind(4, 1, 2, 2);
        assert_eq!(read(&mut position, &[(7, "c\n")]), "[gap]c\n");
        // A hub that knows no times: bytes are counted.
        let mut position = Position::behind(4, 0, 0, 0);
        assert_eq!(
            read(&mut position, &[(7, "a\n"), (8, "b\n"), (9, "c\n")]),
            "c\n"
        );
        // An engine that knows none.
        let mut position = Position::behind(4, 1, 2, 2);
        assert_eq!(
            read(&mut position, &[(0, "a\n"), (0, "b\n"), (0, "c\n")]),
            "c\n"
        );
    }

    proptest! {
        /// Whatever a rotation leaves at each look, the reader gets every line that was there at one of them once
        /// and in order, and a mark stands exactly where lines are missing.
        #[test]
        fn what_was_there_comes_once_and_the_rest_is_marked(
            looks in prop::collection::vec((0usize..8, 1usize..8), 1..12),
        ) {
            let line = |number: usize| (i64::try_from(number).expect("small") + 1, format!("{number}\n"));
            let mut position = Position::default();
            let (mut start, mut end, mut read_to) = (0, 0, None);
            let mut wanted = String::new();
            let mut found = String::new();
            for (removed, written) in looks {
                end += written;
                start = (start + removed).min(end);
                // A file that begins right behind what was read looks as one behind missing lines.
                if start < end && read_to.is_some_and(|read_to| start >= read_to) {
                    wanted.push_str("[gap]");
                }
                for number in start.max(read_to.unwrap_or_default())..end {
                    wanted.push_str(&line(number).1);
                }
                if start < end {
                    read_to = Some(end);
                }
                let lines: Vec<(i64, String)> = (start..end).map(line).collect();
                let lines: Vec<(i64, &str)> = lines.iter().map(|(at, text)| (*at, text.as_str())).collect();
                found.push_str(&read(&mut position, &lines));
            }
            prop_assert_eq!(found, wanted);
        }
    }
}
