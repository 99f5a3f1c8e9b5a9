//! The classifier on recorded runs of the real executor, and its words as prose.

#![expect(clippy::unwrap_used, reason = "a broken fixture fails the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

#[path = "classify/mutations.rs"]
mod mutations;
#[path = "classify/recorded.rs"]
mod recorded;
#[path = "classify/words.rs"]
mod words;

use polyaxon_agent::classify::{Class, Verdict};
use recorded::{recorded, verdict};

#[test]
fn every_recorded_run_gets_its_class() {
    let mut wrong = Vec::new();
    for run in recorded() {
        let (_, verdict) = verdict(&run);
        let instruction = verdict.failed_instruction.map(|failed| failed.text);
        if (verdict.class.as_str(), verdict.retry.as_str()) != (&run.class, &run.retry)
            || instruction != run.failed_instruction
        {
            wrong.push(format!(
                "{}: {} {} {instruction:?}",
                run.name,
                verdict.class,
                verdict.retry.as_str()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Runs whose log does not hold what their registry knew: nothing is logged at level `warn`,
/// the digest of an image that was not pushed is in a file only.
const NOT_IN_THE_LOG: [&str; 1] = ["success-68"];

#[test]
fn cache_and_digest_are_read_from_the_log() {
    for run in recorded() {
        let (log, _) = verdict(&run);
        assert_eq!(log.cache_hits(), run.cache_hits, "{}", run.name);
        assert_eq!(log.cache_misses(), run.cache_misses, "{}", run.name);
        let cached = log.steps().iter().filter(|step| step.cached).count();
        if run.exit_code == Some(0) {
            assert_eq!(cached, run.cache_hits.len(), "{}", run.name);
        }
        if run.exit_code == Some(0) && !NOT_IN_THE_LOG.contains(&run.name.as_str()) {
            assert_eq!(
                log.digest(&run.destinations),
                run.digest.as_deref(),
                "{}",
                run.name
            );
        }
    }
}

/// Every class with each of its pieces of advice and one example of what is said to have happened,
/// reviewed as prose.
#[test]
fn the_words_of_every_class() {
    let mut words = BTreeMap::new();
    for run in recorded() {
        let (_, verdict) = verdict(&run);
        words
            .entry((verdict.class.as_str(), verdict.hint))
            .or_insert(verdict.message);
    }
    let unconfirmed = Verdict::of(
        Class::PushUnconfirmed,
        "the registry `r.test` does not have `sha256:11` in `team/app`",
    );
    words.insert(
        (unconfirmed.class.as_str(), unconfirmed.hint),
        unconfirmed.message,
    );
    let mut text = String::new();
    for ((class, hint), message) in &words {
        writeln!(text, "{class}\n    {message}\n    {hint}").unwrap();
    }
    for class in Class::ALL {
        let is_told = words.keys().any(|(told, _)| *told == class.as_str());
        assert!(is_told, "{class} has no example");
    }
    insta::assert_snapshot!(text);
}

/// The page for users names every class with its verdict.
#[test]
fn the_page_of_failures_is_complete() {
    let page = include_str!("../../docs/failures.md");
    for class in Class::ALL {
        let row = format!("| `{class}` | ");
        let line = page.lines().find(|line| line.starts_with(&row));
        let verdict = format!("| {} |", class.retry().as_str());
        assert!(
            line.is_some_and(|line| line.ends_with(&verdict)),
            "{class}: {line:?}"
        );
    }
}
