//! Wakes whoever waits for a change of one thing.
//!
//! A wake carries nothing: the one who waits looks again. Wakes that come before it looks are one.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Topics that nobody waits for are swept out each time that the number of topics has grown by this.
const SWEEP: usize = 256;

/// Topics by name.
#[derive(Debug, Default)]
pub struct Topics(Mutex<HashMap<String, Arc<Topic>>>);

#[derive(Debug, Default)]
struct Topic {
    wakes: AtomicU64,
    /// Wakes in the order in which they began to wait.
    waiting: Notify,
}

/// One who looks at a topic.
#[derive(Debug)]
pub struct Subscription {
    topic: Arc<Topic>,
    seen: Option<u64>,
}

impl Subscription {
    /// Returns once there was a wake since the last call or since it was marked.
    pub async fn changed(&mut self) {
        loop {
            let mut woken = pin!(self.topic.waiting.notified());
            woken.as_mut().enable();
            let wakes = self.topic.wakes.load(Ordering::Acquire);
            if self.seen.replace(wakes) != Some(wakes) {
                return;
            }
            woken.await;
        }
    }

    /// Whether `changed` would return at once.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.seen != Some(self.topic.wakes.load(Ordering::Acquire))
    }

    /// Forgets the wakes until now.
    pub fn mark_unchanged(&mut self) {
        self.seen = Some(self.topic.wakes.load(Ordering::Acquire));
    }

    /// As if there had been a wake.
    pub fn mark_changed(&mut self) {
        self.seen = None;
    }
}

impl Topics {
    /// A subscription whose `changed` returns after the next [`Topics::wake`] of this topic.
    pub fn subscribe(&self, topic: &str) -> Subscription {
        let mut topics = self.lock();
        if topics.len() % SWEEP == SWEEP - 1 {
            topics.retain(|_, topic| Arc::strong_count(topic) > 1);
        }
        let topic = Arc::clone(topics.entry(topic.to_owned()).or_default());
        let seen = Some(topic.wakes.load(Ordering::Acquire));
        Subscription { topic, seen }
    }

    /// Wakes everybody who waits for the topic.
    pub fn wake(&self, topic: &str) {
        let mut topics = self.lock();
        let Some(found) = topics.get(topic) else {
            return;
        };
        if Arc::strong_count(found) == 1 {
            topics.remove(topic);
            return;
        }
        found.wakes.fetch_add(1, Ordering::AcqRel);
        found.waiting.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Topic>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_reaches_those_who_wait_for_it() {
        let topics = Topics::default();
        let mut first = topics.subscribe("a");
        let other = topics.subscribe("b");
        topics.wake("a");
        topics.wake("a");
        first.changed().await;
        assert!(!first.has_changed(), "two wakes are one");
        assert!(!other.has_changed());
        first.mark_changed();
        first.changed().await;
        topics.wake("a");
        first.mark_unchanged();
        assert!(!first.has_changed());
    }

    #[test]
    fn nobody_is_remembered_for_ever() {
        let topics = Topics::default();
        for n in 0..10 * SWEEP {
            drop(topics.subscribe(&n.to_string()));
        }
        assert!(topics.lock().len() <= SWEEP);
        drop(topics.subscribe("x"));
        topics.wake("x");
        assert!(!topics.lock().contains_key("x"));
    }
}
