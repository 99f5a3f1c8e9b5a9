//! Numbers about the process, in the text form of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use polyaxon_proto::version;
use tonic::Code;

/// Stands for methods that do not exist.
const OTHER: &str = "other";
/// Stands for failures of runs that are not classified.
const UNCLASSIFIED: &str = "unclassified";
/// Longest class in bytes, and classes counted apart; agents know far fewer.
const MAX_CLASS: usize = 64;
const MAX_CLASSES: usize = 100;
/// Methods counted apart; the protocol has far fewer.
const MAX_METHODS: usize = 256;

/// Counts of calls.
#[derive(Debug, Default)]
pub struct Metrics {
    calls: Mutex<BTreeMap<(String, i32), Calls>>,
    failures: Mutex<BTreeMap<String, u64>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    count: u64,
    time: Duration,
}

impl Metrics {
    /// Notes one answered call of a gRPC method, `/package.Service/Method`; of streams the time until their start.
    pub fn called(&self, method: &str, code: Code, time: Duration) {
        self.add(method, code, time);
    }

    /// Notes a call that was turned away at the door, where the method may be any text.
    pub fn refused(&self, code: Code) {
        self.add(OTHER, code, Duration::ZERO);
    }

    fn add(&self, method: &str, code: Code, time: Duration) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let known = code != Code::Unimplemented && calls.len() < MAX_METHODS;
        let method = if known { method } else { OTHER };
        let entry = calls
            .entry((method.to_owned(), i32::from(code)))
            .or_default();
        entry.count += 1;
        entry.time += time;
    }

    /// Notes an attempt that failed, and why; empty: nobody knows.
    pub fn failed(&self, class: &str) {
        let is_class = !class.is_empty()
            && class.len() <= MAX_CLASS
            && class
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let class = match class {
            "" => UNCLASSIFIED,
            class if is_class && (failures.contains_key(class) || failures.len() < MAX_CLASSES) => {
                class
            }
            _ => OTHER,
        };
        let count = failures.entry(class.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// All numbers as text.
    #[must_use]
    pub fn render(&self) -> String {
        let calls = self
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let failures = self
            .failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = render(&mut text, &calls, &failures);
        text
    }
}

fn render(
    text: &mut String,
    calls: &BTreeMap<(String, i32), Calls>,
    failures: &BTreeMap<String, u64>,
) -> std::fmt::Result {
    writeln!(text, "# HELP polyaxon_hub_info Version of the hub.")?;
    writeln!(text, "# TYPE polyaxon_hub_info gauge")?;
    let version = version::current();
    writeln!(text, "polyaxon_hub_info{{version=\"{version}\"}} 1")?;
    writeln!(text, "# HELP polyaxon_hub_calls_total Answered gRPC calls.")?;
    writeln!(text, "# TYPE polyaxon_hub_calls_total counter")?;
    for ((method, code), of) in calls {
        let count = of.count;
        writeln!(
            text,
            "polyaxon_hub_calls_total{{method=\"{method}\",code=\"{code}\"}} {count}"
        )?;
    }
    writeln!(
        text,
        "# HELP polyaxon_hub_call_seconds_total Time until answers of gRPC calls began."
    )?;
    writeln!(text, "# TYPE polyaxon_hub_call_seconds_total counter")?;
    for ((method, code), of) in calls {
        let seconds = of.time.as_secs_f64();
        writeln!(
            text,
            "polyaxon_hub_call_seconds_total{{method=\"{method}\",code=\"{code}\"}} {seconds}"
        )?;
    }
    writeln!(
        text,
        "# HELP polyaxon_hub_failed_attempts_total Attempts that failed, by class."
    )?;
    writeln!(text, "# TYPE polyaxon_hub_failed_attempts_total counter")?;
    for (class, count) in failures {
        writeln!(
            text,
            "polyaxon_hub_failed_attempts_total{{class=\"{class}\"}} {count}"
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_code() {
        let metrics = Metrics::default();
        for _ in 0..2 {
            metrics.called("/a.B/C", Code::Ok, Duration::from_millis(250));
        }
        metrics.called("/a.B/C", Code::NotFound, Duration::ZERO);
        metrics.called("/made.Up/\"", Code::Unimplemented, Duration::ZERO);
        metrics.refused(Code::Unauthenticated);
        let text = metrics.render();
        for line in [
            "polyaxon_hub_calls_total{method=\"/a.B/C\",code=\"0\"} 2",
            "polyaxon_hub_call_seconds_total{method=\"/a.B/C\",code=\"0\"} 0.5",
            "polyaxon_hub_calls_total{method=\"/a.B/C\",code=\"5\"} 1",
            "polyaxon_hub_calls_total{method=\"other\",code=\"12\"} 1",
            "polyaxon_hub_calls_total{method=\"other\",code=\"16\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("made.Up"));
    }

    #[test]
    fn failures_are_counted_by_class() {
        let metrics = Metrics::default();
        for class in ["run_failed", "run_failed", "", "a\"} 1"] {
            metrics.failed(class);
        }
        let text = metrics.render();
        for (class, count) in [("run_failed", 2), ("unclassified", 1), ("other", 1)] {
            let line = format!("polyaxon_hub_failed_attempts_total{{class=\"{class}\"}} {count}");
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
