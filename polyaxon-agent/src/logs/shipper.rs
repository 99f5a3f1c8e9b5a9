//! All containers' windows and the stream that empties them.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use polyaxon_proto::agent::v1::{PushLogsRequest, PushLogsResponse, Session};
use tokio::sync::{Notify, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::window::{Answer, Chunk, ContainerKey, Window};
use crate::attempt::AttemptKey;
use crate::executor::LogPiece;
use crate::hub::{Backoff, HubClient, HubError};

struct Slot {
    window: Window,
    fence: Arc<AtomicU64>,
    /// Something was acknowledged, or the slot is gone.
    progress: Arc<Notify>,
    /// Whether it is among those that are ready.
    is_ready: bool,
}

#[derive(Default)]
struct Slots {
    all: IndexMap<ContainerKey, Slot>,
    /// Those that may have something to send, each once.
    ready: VecDeque<ContainerKey>,
}

impl Slots {
    /// Changes a window, which may have something to send then.
    fn change(&mut self, key: &ContainerKey, change: impl FnOnce(&mut Window)) -> Option<&Slot> {
        let slot = self.all.get_mut(key)?;
        change(&mut slot.window);
        if !slot.is_ready {
            slot.is_ready = true;
            self.ready.push_back(key.clone());
        }
        Some(slot)
    }

    /// The next message of those that are ready, in turns.
    fn next(&mut self) -> Option<(ContainerKey, Chunk, u64)> {
        while let Some(key) = self.ready.pop_front() {
            let Some(slot) = self.all.get_mut(&key) else {
                continue;
            };
            if let Some(chunk) = slot.window.next_chunk() {
                self.ready.push_back(key.clone());
                return Some((key, chunk, slot.fence.load(Ordering::Relaxed)));
            }
            slot.is_ready = false;
        }
        None
    }
}

#[derive(Default)]
struct Shared {
    slots: Mutex<Slots>,
    /// Something can be sent.
    work: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ships the output of every container over one stream.
#[derive(Clone, Default)]
pub struct Shipper {
    shared: Arc<Shared>,
}

impl Shipper {
    /// A feed for one container's output, from its first byte, or from where another process was when the attempt is an
    /// adopted one.
    pub fn feed(&self, key: ContainerKey, fence: Arc<AtomicU64>, is_adopted: bool) -> Feed {
        let mut slots = self.shared.lock();
        let slot = slots.all.entry(key.clone()).or_insert_with(|| Slot {
            window: if is_adopted {
                Window::of_adopted()
            } else {
                Window::default()
            },
            fence,
            progress: Arc::default(),
            is_ready: false,
        });
        let progress = Arc::clone(&slot.progress);
        slots.change(&key, |_| {});
        drop(slots);
        Feed {
            shared: Arc::clone(&self.shared),
            progress,
            key,
        }
    }

    /// Forgets what is left of an attempt.
    pub fn forget(&self, attempt: &AttemptKey) {
        self.shared.lock().all.retain(|key, slot| {
            let stays = key.attempt != *attempt;
            if !stays {
                slot.progress.notify_waiters();
            }
            stays
        });
    }

    /// Sends until the future is dropped. A stream that breaks is opened again; with another
    /// session or after a break, everything that is not acknowledged is sent again.
    pub async fn run(&self, hub: HubClient, mut sessions: watch::Receiver<Option<Session>>) {
        let mut backoff = hub.ambience().backoff();
        loop {
            let Ok(session) = sessions
                .wait_for(Option::is_some)
                .await
                .map(|now| now.clone())
            else {
                return;
            };
            let Some(session) = session else { continue };
            tokio::select! {
                biased;
                result = self.stream(&hub, session, &mut backoff) => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "the log stream broke");
                    }
                }
                _ = sessions.changed() => {}
            }
            tokio::select! {
                () = backoff.wait() => {}
                // The hub is there again.
                _ = sessions.changed() => {}
            }
        }
    }

    /// Ends as the stream does; an answer resets the pause before the next one.
    async fn stream(
        &self,
        hub: &HubClient,
        session: Session,
        backoff: &mut Backoff,
    ) -> Result<(), HubError> {
        {
            let mut slots = self.shared.lock();
            let keys: Vec<ContainerKey> = slots.all.keys().cloned().collect();
            for key in keys {
                slots.change(&key, Window::reconnected);
            }
        }
        self.shared.work.notify_one();
        let (sender, receiver) = mpsc::channel(16);
        let mut answers = hub.push_logs(ReceiverStream::new(receiver)).await?;
        // The answers must be read while the hub is slow to take more.
        let read = async {
            while let Some(answer) = answers.message().await? {
                backoff.reset();
                self.acknowledged(&answer);
            }
            Ok(())
        };
        let send = async {
            loop {
                self.shared.work.notified().await;
                while let Some(request) = self.next(&session) {
                    if sender.send(request).await.is_err() {
                        return;
                    }
                }
            }
        };
        tokio::select! {
            biased;
            read = read => read,
            () = send => Ok(()),
        }
    }

    fn next(&self, session: &Session) -> Option<PushLogsRequest> {
        let (key, chunk, fence) = self.shared.lock().next()?;
        Some(PushLogsRequest {
            session: Some(session.clone()),
            run: key.attempt.run.to_string(),
            attempt: key.attempt.attempt,
            fence,
            container: key.container,
            offset: chunk.offset,
            records: chunk.records,
            eof: chunk.eof,
        })
    }

    fn acknowledged(&self, answer: &PushLogsResponse) {
        let key = ContainerKey {
            attempt: AttemptKey::new(answer.run.clone(), answer.attempt),
            container: answer.container.clone(),
        };
        let answer = Answer {
            acked: answer.acked_offset,
            first_at_ns: answer.first_at_ns,
            last_at_ns: answer.last_at_ns,
            last_bytes: answer.last_bytes,
            ended: answer.ended,
        };
        let mut slots = self.shared.lock();
        if let Some(slot) = slots.change(&key, |window| window.acknowledge(answer)) {
            slot.progress.notify_waiters();
        }
    }
}

/// One container's way into the shipper.
pub struct Feed {
    shared: Arc<Shared>,
    progress: Arc<Notify>,
    key: ContainerKey,
}

impl Feed {
    /// Returns when it is known how far the log is.
    pub async fn ready(&self) {
        self.shared.work.notify_one();
        self.until(Window::is_ready).await;
    }

    /// Whether the hub had all of it, its end included, when it was asked.
    pub fn is_complete(&self) -> bool {
        let slots = self.shared.lock();
        let slot = slots.all.get(&self.key);
        slot.is_some_and(|slot| slot.window.is_complete())
    }

    /// The reader starts over.
    pub fn rewind(&self) {
        self.with(Window::rewind);
    }

    /// The container has ended, and the reader came to the end of what there is of its output.
    pub fn end_of_output(&self, at_ns: i64) {
        self.with(|window| window.end_of_output(at_ns));
    }

    /// The rest of the output can never be read.
    pub fn lose_rest(&self, at_ns: i64, why: &str) {
        self.with(|window| window.lose_rest(at_ns, why));
    }

    /// Takes in the next piece; waits while too much is not acknowledged.
    pub async fn push(&self, piece: &LogPiece) {
        self.until(|window| !window.is_full()).await;
        self.with(|window| window.push(piece));
        self.shared.work.notify_one();
    }

    /// Everything was taken in.
    pub fn finish(&self) {
        self.with(Window::finish);
        self.shared.work.notify_one();
    }

    /// Returns when everything, the end included, is durable in the hub.
    pub async fn drained(&self) {
        self.until(Window::is_drained).await;
    }

    async fn until(&self, condition: impl Fn(&Window) -> bool) {
        loop {
            let mut progress = pin!(self.progress.notified());
            // Heard from here on, also before it is waited for.
            progress.as_mut().enable();
            let holds = self
                .shared
                .lock()
                .all
                .get(&self.key)
                .is_none_or(|slot| condition(&slot.window));
            if holds {
                return;
            }
            progress.await;
        }
    }

    fn with(&self, change: impl FnOnce(&mut Window)) {
        self.shared.lock().change(&self.key, change);
    }
}

impl Drop for Feed {
    /// Nobody feeds it any more, nor waits for what is in it.
    fn drop(&mut self) {
        let mut slots = self.shared.lock();
        let slot = slots.all.get(&self.key);
        // It may have been forgotten, and fed anew since.
        if slot.is_some_and(|slot| Arc::ptr_eq(&slot.progress, &self.progress)) {
            slots.all.swap_remove(&self.key);
        }
    }
}
