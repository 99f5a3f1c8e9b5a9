//! A process that can be killed, paused and cut off.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// No death is planned.
const NEVER: u64 = u64::MAX;

/// One process.
#[derive(Debug)]
pub struct Process {
    /// For traces.
    pub name: String,
    dead: CancellationToken,
    /// Steps until it dies.
    steps_left: AtomicU64,
    paused: AtomicBool,
    resumed: Notify,
    waiting: Mutex<Option<Waker>>,
    cut_off_until: Mutex<Option<Instant>>,
}

impl Process {
    /// A process that lives.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            dead: CancellationToken::new(),
            steps_left: AtomicU64::new(NEVER),
            paused: AtomicBool::new(false),
            resumed: Notify::new(),
            waiting: Mutex::default(),
            cut_off_until: Mutex::default(),
        })
    }

    /// It dies now.
    pub fn kill(&self) {
        self.dead.cancel();
    }

    /// It dies after so many further effects on the world, before or after the last one.
    pub fn kill_after(&self, steps: u64) {
        self.steps_left.store(steps, Ordering::Relaxed);
    }

    /// Forgets a planned death.
    pub fn spare(&self) {
        self.steps_left.store(NEVER, Ordering::Relaxed);
    }

    /// Whether it is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// Returns once it is dead.
    pub async fn died(&self) {
        self.dead.cancelled().await;
    }

    /// Stands still until [`Process::wake`].
    pub fn pause(&self) {
        self.paused.store(true, Ordering::Relaxed);
    }

    /// Goes on.
    pub fn wake(&self) {
        self.paused.store(false, Ordering::Relaxed);
        self.resumed.notify_waiters();
        let waker = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Nothing that it sends or is sent arrives for a while.
    pub fn cut_off(&self, time: Duration) {
        *self
            .cut_off_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    /// The network is whole again.
    pub fn reconnect(&self) {
        *self
            .cut_off_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until something can arrive.
    pub async fn connected(&self) {
        loop {
            let until = *self
                .cut_off_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match until {
                // Looked at again, because it may be reconnected earlier.
                Some(until) if until > Instant::now() => {
                    let next = (Instant::now() + Duration::from_millis(500)).min(until);
                    tokio::time::sleep_until(next).await;
                }
                _ => return,
            }
        }
    }

    /// The place before and after every effect on the world: a dead process does not get beyond it, a paused one
    /// waits.
    pub async fn step(&self) {
        let left = self.steps_left.load(Ordering::Relaxed);
        if left == 0 {
            self.kill();
        } else if left != NEVER {
            self.steps_left.store(left - 1, Ordering::Relaxed);
        }
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
        while self.paused.load(Ordering::Relaxed) {
            self.resumed.notified().await;
        }
    }

    /// Runs a future as this process: it stands still while the process is paused, and is dropped when it dies.
    pub async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let pausable = poll_fn(|context| {
            if self.paused.load(Ordering::Relaxed) {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                *waiting = Some(context.waker().clone());
                return Poll::Pending;
            }
            work.as_mut().poll(context)
        });
        self.dead.run_until_cancelled(pausable).await
    }
}
