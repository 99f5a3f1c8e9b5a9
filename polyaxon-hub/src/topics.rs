//! Wakes whoever waits for a change of one thing.
//!
//! A wake carries nothing: the one who waits looks again. Wakes that come before it looks are one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Topics that nobody waits for are swept out each time that the number of topics has grown by this.
const SWEEP: usize = 256;

/// Topics by name.
#[derive(Debug, Default)]
pub struct Topics(Mutex<HashMap<String, watch::Sender<()>>>);

impl Topics {
    /// A receiver whose `changed` returns after the next [`Topics::wake`] of this topic.
    pub fn subscribe(&self, topic: &str) -> watch::Receiver<()> {
        let mut topics = self.lock();
        if topics.len() % SWEEP == SWEEP - 1 {
            topics.retain(|_, sender| sender.receiver_count() > 0);
        }
        topics.entry(topic.to_owned()).or_default().subscribe()
    }

    /// Wakes everybody who waits for the topic.
    pub fn wake(&self, topic: &str) {
        let mut topics = self.lock();
        if let Some(sender) = topics.get(topic)
            && sender.send(()).is_err()
        {
            topics.remove(topic);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
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
        first.changed().await.unwrap();
        assert!(!first.has_changed().unwrap(), "two wakes are one");
        assert!(!other.has_changed().unwrap());
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
