//! The way from the picture of an attempt to those who wait until it changes. There are as many as attempts, and a
//! `tokio::sync::watch` channel takes several times the room.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Shared {
    count: AtomicU64,
    notify: Notify,
}

/// Tells that something has changed.
#[derive(Debug, Default)]
pub(super) struct Changes(Arc<Shared>);

/// Waits for changes that it has not heard of.
#[derive(Debug)]
pub(super) struct Listener {
    shared: Arc<Shared>,
    heard: u64,
}

impl Changes {
    /// To all who listen, also if they do not wait now.
    pub(super) fn tell(&self) {
        self.0.count.fetch_add(1, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    /// Hears of what changes from now on.
    pub(super) fn listen(&self) -> Listener {
        Listener {
            heard: self.0.count.load(Ordering::Acquire),
            shared: Arc::clone(&self.0),
        }
    }

    pub(super) fn is_heard(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Listener {
    /// Whoever looks now needs not hear of earlier changes.
    pub(super) fn catch_up(&mut self) {
        self.heard = self.shared.count.load(Ordering::Acquire);
    }

    /// Returns when something has changed since the last call, or since it has caught up.
    pub(super) async fn changed(&mut self) {
        loop {
            let mut told = pin!(self.shared.notify.notified());
            // Heard from here on, also before it is waited for.
            told.as_mut().enable();
            let count = self.shared.count.load(Ordering::Acquire);
            if count != self.heard {
                self.heard = count;
                return;
            }
            told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::poll;

    use super::*;

    #[tokio::test]
    async fn nothing_is_missed_and_nothing_is_heard_twice() {
        let changes = Changes::default();
        assert!(!changes.is_heard());
        changes.tell();
        let mut listener = changes.listen();
        assert!(changes.is_heard());
        assert!(poll!(Box::pin(listener.changed())).is_pending());
        changes.tell();
        changes.tell();
        assert_eq!(poll!(Box::pin(listener.changed())), Poll::Ready(()));
        assert!(poll!(Box::pin(listener.changed())).is_pending());
        let mut waiting = Box::pin(listener.changed());
        assert!(poll!(&mut waiting).is_pending());
        changes.tell();
        assert_eq!(poll!(&mut waiting), Poll::Ready(()));
        drop(waiting);
        changes.tell();
        listener.catch_up();
        assert!(poll!(Box::pin(listener.changed())).is_pending());
        drop(listener);
        assert!(!changes.is_heard());
    }
}
