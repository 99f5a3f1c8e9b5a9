//! The fuzz targets for some seconds: their seeds, and changes of them that are the same in every run.
//! `make fuzz` goes on from here, by coverage.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../../fuzz/src/seeds.rs"]
mod seeds;
#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Changed inputs per target.
const CHANGES: usize = 1_000;

/// Numbers that look random and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = self.below(24) + 1;
        start..(start + self.below(longest)).min(length)
    }
}

/// The words of the dictionary that libFuzzer uses.
fn words() -> Vec<Vec<u8>> {
    include_str!("../../fuzz/polyaxon.dict")
        .lines()
        .map(|line| {
            let quoted = line
                .strip_prefix('"')
                .and_then(|line| line.strip_suffix('"'));
            let text = quoted.expect("a word in quotes");
            let mut bytes = Vec::new();
            let mut pieces = text.split("\\x");
            bytes.extend(pieces.next().unwrap_or_default().bytes());
            for piece in pieces {
                let (byte, rest) = piece.split_at(2);
                bytes.push(u8::from_str_radix(byte, 16).unwrap());
                bytes.extend(rest.bytes());
            }
            bytes
        })
        .collect()
}

/// A change of an input: bytes, words, lines, or a part of another input.
fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>], numbers: &mut Numbers) {
    let range = numbers.range(input.len());
    let other = &seeds[numbers.below(seeds.len())];
    let new: Vec<u8> = match numbers.below(6) {
        0 => Vec::new(),
        1 => vec![u8::try_from(numbers.below(256)).unwrap()],
        2 | 3 => words[numbers.below(words.len())].clone(),
        4 => other[numbers.range(other.len())].to_vec(),
        _ => input[range.clone()].repeat(2 + numbers.below(40)),
    };
    input.splice(range, new);
}

#[track_caller]
fn fuzz(name: &str) {
    let target = targets::ALL.iter().find(|target| target.name == name);
    let target = target.expect("a target");
    let seeds = seeds::of(name);
    let words = words();
    assert!(seeds.len() > 2, "{} seeds", seeds.len());
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let changed = (0..CHANGES).map(|_| {
        let mut input = seeds[numbers.below(seeds.len())].clone();
        for _ in 0..=numbers.below(5) {
            change(&mut input, &seeds, &words, &mut numbers);
        }
        input
    });
    let changed: Vec<Vec<u8>> = changed.collect();
    for input in seeds.iter().chain(&changed) {
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        assert!(
            outcome.is_ok(),
            "{name} with {:?}",
            String::from_utf8_lossy(input)
        );
    }
}

#[rstest::rstest]
fn targets_hold(
    #[values(
        "reader",
        "format",
        "component",
        "merge",
        "template",
        "types",
        "legacy",
        "dockerfile",
        "agent",
        "compile"
    )]
    name: &str,
) {
    fuzz(name);
}

#[test]
fn every_target_is_named_here() {
    assert_eq!(targets::ALL.len(), 10, "{}", targets::names());
}
