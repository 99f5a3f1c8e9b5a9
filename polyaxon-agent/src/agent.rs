//! The parts of an agent and how they hang together.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::confirmation::Confirmer;
use crate::driver::{Driver, Ended, Parts};
use crate::executor::Executor;
use crate::health::{Connection, Vitals};
use crate::hub::{HubClient, Identity, Link, Outbox, Sessions, Standing};
use crate::logs::Shipper;
use crate::planning::Planner;

/// How long what is still to be sent may take at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// One process of an agent.
pub struct Agent {
    /// The hub.
    pub hub: HubClient,
    /// Who it is.
    pub identity: Identity,
    /// Runs attempts.
    pub executor: Arc<dyn Executor>,
    /// Plans them.
    pub planner: Arc<dyn Planner>,
    /// Asks registries.
    pub confirmer: Confirmer,
    /// Runs at a time.
    pub max_runs: u32,
    /// A digest that the registry did not confirm fails the run.
    pub require_confirmation: bool,
    /// Who wants to know how it is.
    pub vitals: Vitals,
}

impl Agent {
    /// Works until `shutdown` is cancelled; `ready` is called once, when it takes work.
    pub async fn run(
        self,
        shutdown: CancellationToken,
        ready: impl FnOnce() + Send + 'static,
    ) -> Ended {
        let hub = self.hub;
        let (events_in, events) = mpsc::channel(256);
        let mut sessions = Sessions::default();
        let last = sessions.subscribe();
        let (slots, free_slots) = watch::channel(self.max_runs);
        let reopen = Arc::new(Notify::new());
        let (outbox, sending) = Outbox::new(hub.clone(), sessions.subscribe(), events_in.clone());
        let shipper = Shipper::default();
        let standing = Standing::default();
        self.vitals.connects(Connection {
            standing: standing.clone(),
            outbox: outbox.clone(),
            max_runs: self.max_runs,
            ambience: hub.ambience().clone(),
        });
        let shipping = {
            let (shipper, hub, sessions) = (shipper.clone(), hub.clone(), sessions.subscribe());
            async move { shipper.run(hub, sessions).await }
        };
        let link = Link {
            hub: hub.clone(),
            identity: self.identity,
            events: events_in,
            sessions,
            slots: free_slots,
            reopen: Arc::clone(&reopen),
            standing: standing.clone(),
        };
        let driver = Driver::new(
            Parts {
                executor: self.executor,
                planner: self.planner,
                confirmer: self.confirmer,
                shipper,
                outbox,
                events,
                slots,
                reopen,
                max_runs: self.max_runs,
                require_confirmation: self.require_confirmation,
                ambience: hub.ambience().clone(),
                standing,
                vitals: self.vitals,
            },
            ready,
        );
        let ended = tokio::select! {
            biased;
            ended = driver.run(shutdown) => ended,
            () = link.run() => Ended::Shutdown,
            () = sending => Ended::Shutdown,
            () = shipping => Ended::Shutdown,
        };
        let last = last.borrow().clone();
        if let Some(session) = last {
            let closing = Link::close(&hub, session);
            if tokio::time::timeout(FAREWELL, closing).await.is_err() {
                tracing::debug!("the session was not closed in time");
            }
        }
        ended
    }
}
