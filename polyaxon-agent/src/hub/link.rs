//! The session with the hub: opened, synced, renewed, and work asked for, again and again.

use std::time::Duration;

use futures::FutureExt as _;
use polyaxon_proto::agent::v1::{
    Capacity, CloseSessionRequest, Directive, HintsRequest, InventoryItem, LeaseItem, LeaseRequest,
    OpenSessionRequest, QueueSpec, RenewRequest, Session, SyncRequest, hint,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::manners::{Manners, Next};
use super::{HubClient, HubError, Sessions, Standing};
use crate::attempt::AttemptKey;

/// How long one poll for work waits, the most that the protocol allows.
const POLL: Duration = Duration::from_secs(30);

/// Items that are asked for at once: what can be launched in about two seconds.
const LEASE_ITEMS: u32 = 20;

/// Objects in one page of a sync.
const PAGE: usize = 500;

/// How often what exists is compared within a session.
const COMPARE_EVERY: Duration = Duration::from_mins(2);

/// How long an answer of the hub is trusted: a bit longer than it takes until the next one.
fn trust(renew_every: Duration) -> Duration {
    renew_every.mul_f64(1.5)
}

/// What the connection has for the agent.
#[derive(Debug)]
pub enum LinkEvent {
    /// A session is open: say what exists. Nothing is leased before.
    Inventory(oneshot::Sender<Vec<InventoryItem>>),
    /// What the hub made of it, or of a part of it.
    Synced {
        /// Number of the session, which only grows.
        epoch: u64,
        /// What to do with what exists.
        directives: Vec<Directive>,
        /// Nothing of it follows.
        is_last: bool,
        /// Answered when that is taken in.
        taken: oneshot::Sender<()>,
    },
    /// New work.
    Leased(Vec<LeaseItem>),
    /// Orders.
    Directives(Vec<Directive>),
    /// The hub has the final status.
    OutcomeAcknowledged(AttemptKey),
    /// The hub does not know the run.
    Unknown(AttemptKey),
    /// The hub says that session or fence is old.
    Fenced,
    /// Another process speaks for this agent: let go of everything and touch nothing.
    StandBy,
    /// The token is not accepted.
    Denied(String),
}

/// Who the agent is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Names this process.
    pub replica: String,
    /// Queues to create or update.
    pub queues: Vec<QueueSpec>,
    /// What runs are checked against.
    pub catalog: Vec<u8>,
}

/// Keeps a session.
pub struct Link {
    /// The hub.
    pub hub: HubClient,
    /// Who the agent is.
    pub identity: Identity,
    /// Where events go.
    pub events: mpsc::Sender<LinkEvent>,
    /// Who needs the session while there is one.
    pub sessions: Sessions,
    /// Runs that could be started now.
    pub slots: watch::Receiver<u32>,
    /// Asks for a new session.
    pub reopen: std::sync::Arc<Notify>,
    /// Who wants to know whether this process still speaks.
    pub standing: Standing,
}

impl Link {
    /// Runs until the future is dropped.
    pub async fn run(mut self) {
        let mut backoff = self.hub.ambience().backoff();
        let mut manners = Manners::default();
        loop {
            let error = match self.open(manners.polite).await {
                Ok((session, renew_every)) => {
                    backoff.reset();
                    if manners.opened(renew_every) {
                        tracing::info!("the other process is silent: this one speaks again");
                    }
                    // What was refused in an older session says nothing about this one.
                    let _old = self.reopen.notified().now_or_never();
                    self.sessions.set(Some(&session));
                    let error = self.serve(session, renew_every).await;
                    self.sessions.set(None);
                    self.standing.end();
                    error
                }
                Err(error) => error,
            };
            match manners.failed(&error) {
                Next::StandBy { first } => {
                    if first {
                        tracing::warn!(%error, "standing by: nothing is touched until the other process is silent");
                        let _shutdown = self.events.send(LinkEvent::StandBy).await;
                    }
                    let part = self.hub.ambience().within(0.8..=1.2);
                    tokio::time::sleep(manners.ask_again.mul_f64(part)).await;
                }
                Next::TryAgain => {
                    match error {
                        HubError::Denied(_) if self.hub.renew_token() => {
                            tracing::info!("the token file has another token: trying that one");
                        }
                        HubError::Denied(reason) if manners.denied() => {
                            tracing::error!(
                                reason,
                                "the hub does not hear this agent any more; containers that run are left alone: \
                                 write a new token of the same name into the token file, \
                                 `polyaxon admin token create --scope agent --name NAME`"
                            );
                            let _shutdown = self.events.send(LinkEvent::Denied(reason)).await;
                        }
                        HubError::Denied(reason) => tracing::debug!(reason, "still refused"),
                        error => tracing::warn!(%error, "the session ended; opening a new one"),
                    }
                    backoff.wait().await;
                }
            }
        }
    }

    /// Opens a session and syncs it.
    async fn open(&mut self, only_if_vacant: bool) -> Result<(Session, Duration), HubError> {
        let opened = self
            .hub
            .open_session(OpenSessionRequest {
                replica: self.identity.replica.clone(),
                version: polyaxon_proto::version::current().to_owned(),
                capacity: Some(self.capacity()),
                queues: self.identity.queues.clone(),
                catalog: self.identity.catalog.clone().into(),
                advertised_address: String::new(),
                only_if_vacant,
            })
            .await?;
        let session = opened
            .session
            .ok_or_else(|| HubError::Refused("the answer has no session".to_owned()))?;
        tracing::info!(
            agent = opened.agent,
            epoch = session.epoch,
            hub_version = opened.hub_version,
            "session open"
        );
        let renew_every = Duration::from_millis(opened.renew_every_ms.clamp(500, 60_000).into());
        self.compare(&session, renew_every).await?;
        Ok((session, renew_every))
    }

    /// Syncs, and returns once what the hub made of it is taken in. That is done page by page: what is to be known of
    /// thousands of runs is much more than what is kept of them.
    async fn compare(&self, session: &Session, renew_every: Duration) -> Result<(), HubError> {
        let asked = Instant::now();
        let (sender, receiver) = oneshot::channel();
        let _shutdown = self.events.send(LinkEvent::Inventory(sender)).await;
        let items = receiver
            .await
            .map_err(|_| HubError::Unavailable("the inventory is not known".to_owned()))?;
        let mut items = items.into_iter();
        loop {
            let page: Vec<InventoryItem> = items.by_ref().take(PAGE).collect();
            let is_last = items.len() == 0;
            let answer = self
                .hub
                .sync(SyncRequest {
                    session: Some(session.clone()),
                    items: page,
                    last_page: is_last,
                })
                .await?;
            if is_last {
                self.standing.confirm(asked, trust(renew_every));
            }
            let (taken, done) = oneshot::channel();
            let synced = LinkEvent::Synced {
                epoch: session.epoch,
                directives: answer.directives,
                is_last,
                taken,
            };
            let _shutdown = self.events.send(synced).await;
            let _shutdown = done.await;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Renews, leases and listens until the session is of no use any more; says why.
    async fn serve(&self, session: Session, renew_every: Duration) -> HubError {
        let nudge = Notify::new();
        tokio::select! {
            biased;
            error = self.renew(&session, renew_every, &nudge) => error,
            error = self.lease(&session) => error,
            error = self.listen(&session, &nudge) => error,
            error = self.compare_now_and_then(&session, renew_every) => error,
            () = self.reopen.notified() => HubError::Fenced("a message was refused".to_owned()),
        }
    }

    /// What another process of this agent has left, because it woke up when it was not wanted any more, is found.
    async fn compare_now_and_then(&self, session: &Session, renew_every: Duration) -> HubError {
        loop {
            tokio::time::sleep(COMPARE_EVERY).await;
            match self.compare(session, renew_every).await {
                Ok(()) => {}
                Err(HubError::Unavailable(reason)) => {
                    tracing::debug!(reason, "what exists was not compared");
                }
                Err(error) => return error,
            }
        }
    }

    async fn renew(&self, session: &Session, every: Duration, nudge: &Notify) -> HubError {
        let mut backoff = self.hub.ambience().backoff();
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep(every) => {}
                () = nudge.notified() => {}
            }
            let request = RenewRequest {
                session: Some(session.clone()),
                capacity: Some(self.capacity()),
            };
            let asked = Instant::now();
            match self.hub.renew(request).await {
                Ok(answer) => {
                    self.standing.confirm(asked, trust(every));
                    backoff.reset();
                    self.directives(answer.directives).await;
                }
                Err(HubError::Unavailable(reason)) => {
                    tracing::debug!(reason, "the session was not renewed");
                    nudge.notify_one();
                    backoff.wait().await;
                }
                Err(error) => return error,
            }
        }
    }

    async fn lease(&self, session: &Session) -> HubError {
        let mut backoff = self.hub.ambience().backoff();
        let mut slots = self.slots.clone();
        loop {
            let Ok(free) = slots.wait_for(|free| *free > 0).await.map(|free| *free) else {
                return HubError::Unavailable("shutting down".to_owned());
            };
            let request = LeaseRequest {
                session: Some(session.clone()),
                max_items: free.min(LEASE_ITEMS),
                wait_ms: u32::try_from(POLL.as_millis()).unwrap_or(u32::MAX),
                capacity: Some(Capacity { slots: free }),
                queues: Vec::new(),
            };
            match self.hub.lease(request).await {
                Ok(answer) => {
                    backoff.reset();
                    let leased = !answer.items.is_empty();
                    if leased {
                        let _shutdown = self.events.send(LinkEvent::Leased(answer.items)).await;
                    }
                    self.directives(answer.directives).await;
                    let pause = Duration::from_millis(answer.retry_after_ms.min(60_000).into());
                    if leased {
                        // The slots that the items take are known once they are taken in.
                        slots.mark_unchanged();
                        let _still_the_same =
                            tokio::time::timeout(Duration::from_secs(1), slots.changed()).await;
                    }
                    tokio::time::sleep(pause).await;
                }
                Err(HubError::Unavailable(reason)) => {
                    tracing::debug!(reason, "no answer to the poll for work");
                    backoff.wait().await;
                }
                Err(error) => return error,
            }
        }
    }

    /// Hints make orders arrive early; without them they come with the next renewal.
    async fn listen(&self, session: &Session, nudge: &Notify) -> HubError {
        let mut backoff = self.hub.ambience().backoff();
        loop {
            let request = HintsRequest {
                session: Some(session.clone()),
            };
            match self.hub.hints(request).await {
                Ok(mut hints) => {
                    backoff.reset();
                    // What was ordered while nobody listened.
                    nudge.notify_one();
                    while let Ok(Some(hint)) = hints.message().await {
                        if hint.kind() == hint::Kind::Directives {
                            nudge.notify_one();
                        }
                    }
                }
                Err(error @ HubError::Fenced(_)) => return error,
                Err(error) => tracing::debug!(%error, "no hints"),
            }
            backoff.wait().await;
        }
    }

    fn capacity(&self) -> Capacity {
        Capacity {
            slots: *self.slots.borrow(),
        }
    }

    async fn directives(&self, directives: Vec<Directive>) {
        if !directives.is_empty() {
            let _shutdown = self.events.send(LinkEvent::Directives(directives)).await;
        }
    }

    /// Hands back what was leased and not launched.
    pub async fn close(hub: &HubClient, session: Session) {
        let request = CloseSessionRequest {
            session: Some(session),
        };
        if let Err(error) = hub.close_session(request).await {
            tracing::debug!(%error, "the session was not closed");
        }
    }
}
