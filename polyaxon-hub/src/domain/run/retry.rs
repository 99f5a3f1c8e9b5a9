//! Whether another attempt follows a failed one, and when.

use std::time::Duration;

use super::{Failure, Retry};
use crate::domain::time::Millis;

/// Further attempts where neither the user nor the agent says a number.
pub const DEFAULT_RETRIES: u32 = 2;
/// Attempts that the cluster may take away before the run fails.
const MAX_DISRUPTIONS: u32 = 5;
/// Classes of failure that are nobody's fault and count apart.
const DISRUPTIONS: [&str; 3] = ["evicted", "preempted", "node_lost"];
/// First and longest pause before an attempt that may pass.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(1));
/// First and longest pause where the other side asks for one.
const LONG_PAUSE: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(10));

/// How many attempts a run may have and has had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// What the user wrote, `termination.maxRetries`; 0: none, whatever happens.
    pub written: Option<u32>,
    /// The agent's number for runs that say nothing, when the run was created.
    pub default: u32,
    /// Further attempts so far, without disruptions.
    pub used: u32,
    /// Attempts that the cluster took away.
    pub disruptions: u32,
    /// When the next attempt begins; set while the run waits for it.
    pub at: Option<Millis>,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            written: None,
            default: DEFAULT_RETRIES,
            used: 0,
            disruptions: 0,
            at: None,
        }
    }
}

/// Another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextAttempt {
    /// Time until it begins.
    pub after: Duration,
    /// It takes nothing from the budget.
    pub is_free: bool,
}

impl Retries {
    /// Attempts that the run has at most, as it stands.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.written
            .unwrap_or(self.default)
            .saturating_add(self.disruptions)
            .saturating_add(1)
    }

    /// What follows a failure; `None`: nothing, the run has failed. `spread` shifts the pause, so that runs that
    /// failed together do not come back together.
    #[must_use]
    pub fn next(&self, failure: &Failure, spread: u32) -> Option<NextAttempt> {
        if self.written == Some(0) {
            return None;
        }
        if DISRUPTIONS.contains(&failure.class.as_str()) {
            return (self.disruptions < MAX_DISRUPTIONS).then(|| NextAttempt {
                after: pause(PAUSE, self.disruptions, spread),
                is_free: true,
            });
        }
        let (budget, pauses) = match failure.retry {
            Some(Retry::Yes) => (self.written.unwrap_or(self.default), PAUSE),
            Some(Retry::Wait) => (self.written.unwrap_or(self.default), LONG_PAUSE),
            Some(Retry::No | Retry::Once) => return None,
            // Nobody knows why it failed: another attempt is made only if the user asked for it.
            None => (self.written.unwrap_or_default(), PAUSE),
        };
        (self.used < budget).then(|| NextAttempt {
            after: pause(pauses, self.used, spread),
            is_free: false,
        })
    }
}

/// Doubles with every attempt, and is up to half longer by `spread`.
fn pause((first, longest): (Duration, Duration), attempts: u32, spread: u32) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(attempts.min(16)));
    let share = f64::from(spread) / f64::from(u32::MAX) / 2.0;
    doubled.min(longest).mul_f64(1.0 + share).min(longest)
}

/// A number that differs from run to run and from attempt to attempt.
#[must_use]
pub(super) fn spread(uuid: &str, attempt: u32) -> u32 {
    let digest = blake3::hash(format!("{uuid}/{attempt}").as_bytes());
    let first = digest.as_bytes().first_chunk().copied();
    u32::from_le_bytes(first.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn failure(class: &str, retry: Option<Retry>) -> Failure {
        Failure {
            class: class.into(),
            retry,
            ..Failure::default()
        }
    }

    /// Further attempts until a run that always fails in the same way has failed.
    fn attempts(written: Option<u32>, failure: &Failure) -> u32 {
        let mut retries = Retries {
            written,
            ..Retries::default()
        };
        let mut count = 0;
        while let Some(next) = retries.next(failure, 0) {
            count += 1;
            if next.is_free {
                retries.disruptions += 1;
            } else {
                retries.used += 1;
            }
        }
        count
    }

    #[rstest]
    #[case("registry_network", Some(Retry::Yes), None, 2)]
    #[case("registry_network", Some(Retry::Yes), Some(0), 0)]
    #[case("registry_network", Some(Retry::Yes), Some(7), 7)]
    #[case("registry_rate_limit", Some(Retry::Wait), None, 2)]
    #[case("run_failed", Some(Retry::No), Some(7), 0)]
    #[case("oom", Some(Retry::Once), Some(7), 0)]
    #[case("evicted", Some(Retry::Yes), None, 5)]
    #[case("preempted", Some(Retry::Yes), Some(1), 5)]
    #[case("node_lost", Some(Retry::Yes), Some(0), 0)]
    #[case("", None, None, 0)]
    #[case("", None, Some(3), 3)]
    fn budgets(
        #[case] class: &str,
        #[case] retry: Option<Retry>,
        #[case] written: Option<u32>,
        #[case] expected: u32,
    ) {
        assert_eq!(attempts(written, &failure(class, retry)), expected);
    }

    #[test]
    fn what_the_cluster_takes_away_does_not_count() {
        let most = |written, disruptions| {
            Retries {
                written,
                disruptions,
                ..Retries::default()
            }
            .most()
        };
        assert_eq!(
            (most(None, 0), most(Some(0), 0), most(Some(4), 2)),
            (3, 1, 7)
        );
    }

    proptest! {
        #[test]
        fn pauses_stay_within_their_bounds(used in 0..40u32, spread: u32) {
            let retries = Retries { written: Some(100), used, ..Retries::default() };
            let after = |retry| retries.next(&failure("x", Some(retry)), spread).unwrap().after.as_secs_f64();
            prop_assert!((5.0..=60.0).contains(&after(Retry::Yes)));
            prop_assert!((60.0..=600.0).contains(&after(Retry::Wait)));
        }
    }

    #[test]
    fn runs_that_fail_together_come_back_apart() {
        let pauses: std::collections::BTreeSet<Duration> = (0..20)
            .map(|n| pause(LONG_PAUSE, 0, spread(&format!("{n:032x}"), 1)))
            .collect();
        assert!(pauses.len() > 15, "{pauses:?}");
    }
}
