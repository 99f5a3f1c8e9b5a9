//! Whether this process still speaks for its agent, as far as it can know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Time between two looks of somebody who waits.
const LOOK: Duration = Duration::from_millis(200);

/// Until when the newest answer of the hub is trusted. A process that stood still for a while does not know what others
/// did meanwhile: it asks before it launches anything.
#[derive(Debug, Clone, Default)]
pub struct Standing(Arc<Mutex<Answers>>);

#[derive(Debug, Default)]
struct Answers {
    trusted_until: Option<Instant>,
    last_contact: Option<Instant>,
}

impl Standing {
    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hub has answered a question that was asked at `asked`; the answer is good for `time`.
    pub(super) fn confirm(&self, asked: Instant, time: Duration) {
        let until = asked + time;
        let mut answers = self.lock();
        answers.trusted_until = answers.trusted_until.max(Some(until));
        answers.last_contact = answers.last_contact.max(Some(asked));
    }

    /// The session is over.
    pub(super) fn end(&self) {
        self.lock().trusted_until = None;
    }

    /// Whether the newest answer is still trusted.
    pub fn is_good(&self) -> bool {
        let trusted = self.lock().trusted_until;
        trusted.is_some_and(|until| until > Instant::now())
    }

    /// When the newest question was asked that the hub has answered, in this session or an earlier one.
    pub fn last_contact(&self) -> Option<Instant> {
        self.lock().last_contact
    }

    /// Returns once an answer is trusted.
    pub async fn good(&self) {
        while !self.is_good() {
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_trusted_for_a_while_from_the_question_on() {
        let now = Instant::now();
        let standing = Standing::default();
        assert!(!standing.is_good(), "nobody was asked");
        standing.confirm(now - Duration::from_mins(1), Duration::from_secs(8));
        assert!(!standing.is_good(), "it stood still for a minute");
        standing.confirm(now, Duration::from_secs(8));
        standing.confirm(now - Duration::from_secs(5), Duration::from_secs(8));
        assert!(standing.is_good(), "an older answer takes nothing away");
        standing.end();
        assert!(!standing.is_good());
        assert_eq!(
            standing.last_contact(),
            Some(now),
            "it is known all the same"
        );
    }
}
