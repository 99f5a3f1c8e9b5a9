//! Where the parts of an agent leave what its health is made of.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::{Picture, Role};
use crate::ambience::Ambience;
use crate::hub::{Outbox, Standing};

/// Shared by all parts of one agent.
#[derive(Debug, Clone, Default)]
pub struct Vitals(Arc<Shared>);

#[derive(Default)]
struct Shared {
    created: AtomicU64,
    live: AtomicU64,
    parts: Mutex<Parts>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Parts {
    role: Role,
    cluster: Option<Box<dyn Fn() -> bool + Send>>,
    connection: Option<Connection>,
    turned: Option<Instant>,
}

/// What speaks with the hub.
pub(crate) struct Connection {
    pub(crate) standing: Standing,
    pub(crate) outbox: Outbox,
    pub(crate) max_runs: u32,
    pub(crate) ambience: Ambience,
}

impl Vitals {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this process is now.
    pub fn is(&self, role: Role) {
        self.parts().role = role;
    }

    /// There is a cluster, and `seen` knows whether its watches show what is there.
    pub fn has_cluster(&self, seen: impl Fn() -> bool + Send + 'static) {
        self.parts().cluster = Some(Box::new(seen));
    }

    pub(crate) fn connects(&self, connection: Connection) {
        self.parts().connection = Some(connection);
    }

    /// The loop of the runs has turned, with so many attempts that take a place.
    pub(crate) fn turned(&self, live: usize) {
        let live = u64::try_from(live).unwrap_or(u64::MAX);
        self.0.live.store(live, Ordering::Relaxed);
        self.parts().turned = Some(Instant::now());
    }

    pub(crate) fn created(&self) {
        self.0.created.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that is known now.
    pub fn look(&self) -> Picture {
        let parts = self.parts();
        let connection = parts.connection.as_ref();
        Picture {
            role: parts.role,
            cluster: parts.cluster.as_ref().map(|seen| seen()),
            session: connection.is_some_and(|known| known.standing.is_good()),
            last_contact: connection.and_then(|known| {
                let since = known.standing.last_contact()?.elapsed();
                known.ambience.now().checked_sub(since)
            }),
            since_turn: parts.turned.map(|at| at.elapsed()),
            live_runs: self.0.live.load(Ordering::Relaxed),
            max_runs: connection.map_or(0, |known| known.max_runs.into()),
            created_attempts: self.0.created.load(Ordering::Relaxed),
            waiting_reports: connection.map_or(0, |known| known.outbox.waiting()),
        }
    }
}
