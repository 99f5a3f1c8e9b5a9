//! The attempts of a run: why there was more than one, and when the next one comes.

use polyaxon_proto::runs::v1::{EarlierAttempt, Run};
use serde::Serialize;

use super::failure::outlook;
use super::result::FailureView;
use crate::ui::{BOLD, time};

/// An attempt that was followed by another one, for programs.
#[derive(Serialize)]
pub(crate) struct EarlierView {
    attempt: u32,
    ended_at: Option<String>,
    failure: Option<FailureView>,
}

impl From<&EarlierAttempt> for EarlierView {
    fn from(earlier: &EarlierAttempt) -> Self {
        Self {
            attempt: earlier.attempt,
            ended_at: time::exact(earlier.ended_at.as_ref()),
            failure: earlier.failure.as_ref().map(FailureView::from),
        }
    }
}

/// Which attempt it is; of how many, once the first one has failed.
pub(crate) fn number(run: &Run) -> String {
    if run.earlier_attempts.is_empty() {
        return run.attempt.to_string();
    }
    format!("{} of at most {}", run.attempt, run.max_attempts)
}

/// Fields and values for the table of a run.
pub(crate) fn rows(run: &Run) -> Vec<(String, String)> {
    let next = time::exact(run.next_attempt_at.as_ref());
    next.map(|at| ("next attempt".to_owned(), at))
        .into_iter()
        .chain(
            run.earlier_attempts
                .iter()
                .map(|earlier| (format!("attempt {}", earlier.attempt), why(earlier))),
        )
        .chain(advice(run).map(|hint| ("fix".to_owned(), hint)))
        .collect()
}

/// Lines for people who followed the run or ask for its history.
pub(crate) fn lines(run: &Run) -> Vec<String> {
    let mut lines: Vec<String> = run
        .earlier_attempts
        .iter()
        .map(|earlier| {
            let (attempt, why) = (earlier.attempt, why(earlier));
            format!("{BOLD}before{BOLD:#}  attempt {attempt} {why}")
        })
        .collect();
    if let Some(at) = time::exact(run.next_attempt_at.as_ref()) {
        let number = number(run);
        lines.push(format!(
            "{BOLD}next{BOLD:#}    attempt {number} begins at {at}"
        ));
        lines.extend(advice(run).map(|hint| format!("{BOLD}fix{BOLD:#}     {hint}")));
    }
    lines
}

/// What to change meanwhile, of the attempt that failed last.
fn advice(run: &Run) -> Option<String> {
    run.next_attempt_at.as_ref()?;
    let failure = run.earlier_attempts.last()?.failure.as_ref()?;
    Some(failure.hint.clone()).filter(|hint| !hint.is_empty())
}

fn why(earlier: &EarlierAttempt) -> String {
    let failure = earlier.failure.clone().unwrap_or_default();
    let mut text = "failed".to_owned();
    if !failure.message.is_empty() {
        text = format!("{text}: {}", failure.message);
    }
    match (failure.class.as_str(), outlook(&failure.retry)) {
        ("", _) => text,
        (class, None) => format!("{text} ({class})"),
        (class, Some(outlook)) => format!("{text} ({class}: {outlook})"),
    }
}

#[cfg(test)]
mod tests {
    use polyaxon_proto::runs::v1::Failure;

    use super::*;

    fn plain(lines: &[String]) -> String {
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    #[test]
    fn a_run_that_waits_says_why_and_until_when() {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let mut run = Run {
            attempt: 2,
            max_attempts: 3,
            next_attempt_at: at(60),
            earlier_attempts: vec![EarlierAttempt {
                attempt: 1,
                ended_at: at(50),
                failure: Some(Failure {
                    class: "registry_network".to_owned(),
                    retry: "yes".to_owned(),
                    message: "`r.test` could not be reached".to_owned(),
                    hint: "check the host's name".to_owned(),
                    ..Failure::default()
                }),
            }],
            ..Run::default()
        };
        assert_eq!(number(&run), "2 of at most 3");
        insta::assert_snapshot!(plain(&lines(&run)), @r"
        before  attempt 1 failed: `r.test` could not be reached (registry_network: another attempt may pass)
        next    attempt 2 of at most 3 begins at 1970-01-01T00:01:00Z
        fix     check the host's name
        ");
        run.next_attempt_at = None;
        run.earlier_attempts[0].failure = None;
        assert_eq!(plain(&lines(&run)), "before  attempt 1 failed");
        run.earlier_attempts.clear();
        run.attempt = 1;
        assert_eq!(number(&run), "1");
        assert!(lines(&run).is_empty() && rows(&run).is_empty());
    }
}
