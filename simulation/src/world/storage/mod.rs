//! The hub's storage as one start of the hub sees it: the real one, with deaths in the middle of calls, with an audit
//! of what goes through, and with the bugs that are planted.

mod agents;
mod plain;
mod runs;

use crate::history::Fact;
use crate::world::World;
use crate::world::planted::Planted;
use polyaxon_hub::domain::run::RunRecord;
use polyaxon_hub::domain::session::SessionKey;
use polyaxon_hub::storage::runs::RunStorage as _;
use polyaxon_hub::storage::sqlite::SqliteStorage;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// No death is planned.
const NEVER: u64 = u64::MAX;

/// When the hub dies, in calls of its storage; shared by all starts of a history.
#[derive(Debug)]
pub struct Fuse(AtomicU64);

impl Default for Fuse {
    fn default() -> Self {
        Self(AtomicU64::new(NEVER))
    }
}

impl Fuse {
    /// The hub dies after so many further beginnings and ends of writes.
    pub fn light(&self, steps: u64) {
        self.0.store(steps, Ordering::Relaxed);
    }

    /// It does not.
    pub fn put_out(&self) {
        self.0.store(NEVER, Ordering::Relaxed);
    }

    fn burns_down(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left == NEVER {
            return false;
        }
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }
}

/// The storage of one start of the hub.
pub struct SimStorage {
    world: World,
    inner: SqliteStorage,
    planted: Arc<Planted>,
    /// Cancelled when this start is killed.
    killed: CancellationToken,
    fuse: Arc<Fuse>,
}

impl SimStorage {
    /// A storage for one start.
    #[must_use]
    pub fn new(
        world: World,
        inner: SqliteStorage,
        planted: Arc<Planted>,
        killed: CancellationToken,
        fuse: Arc<Fuse>,
    ) -> Self {
        Self {
            world,
            inner,
            planted,
            killed,
            fuse,
        }
    }

    /// Who is dead does not get beyond this place.
    async fn alive(&self) {
        if self.killed.is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    async fn read<T>(&self, call: impl Future<Output = T> + Send) -> T {
        self.alive().await;
        call.await
    }

    /// A write, before or after which the hub may die.
    async fn write<T>(&self, call: impl Future<Output = T> + Send) -> T {
        self.burn().await;
        let answer = call.await;
        self.burn().await;
        answer
    }

    async fn burn(&self) {
        self.alive().await;
        if self.fuse.burns_down() {
            self.fuse.put_out();
            self.world.faults.count("hub killed at a write");
            self.world.recorder.note("hub: dies at a write");
            self.killed.cancel();
        }
        self.alive().await;
    }

    async fn row(&self, run: &str) -> Option<RunRecord> {
        self.inner.run(run).await.ok().flatten()
    }

    /// Takes down how rows are now.
    async fn audit_rows<'r>(&self, runs: impl IntoIterator<Item = &'r String>) {
        for run in runs {
            if let Some(row) = self.row(run).await {
                self.audit_row(&row);
            }
        }
    }

    fn audit_row(&self, row: &RunRecord) {
        self.world.recorder.record(Fact::Row {
            run: row.uuid.clone(),
            attempt: row.state.attempt,
            status: row.state.base,
            fence: row.state.fence,
        });
    }

    fn given(&self, session: &SessionKey, (run, attempt, fence): (&str, u32, u64), launch: bool) {
        self.world.recorder.record(Fact::Given {
            run: run.to_owned(),
            attempt,
            fence,
            session: session.id.clone(),
            launch,
        });
    }

    /// Takes down what a session wrote about an attempt and whether the row is another one.
    async fn audit_write(
        &self,
        session: &SessionKey,
        (run, attempt, fence): (String, u32, u64),
        before: Option<RunRecord>,
    ) {
        let after = self.row(&run).await;
        let numbers = before
            .as_ref()
            .map(|row| (row.state.attempt, row.state.fence));
        let as_before = after.clone().map(|mut row| {
            // That something was ignored may be noted.
            row.event_seq = before.as_ref().map_or(0, |before| before.event_seq);
            row
        });
        let changed = as_before != before;
        self.world.recorder.record(Fact::Written {
            session: session.id.clone(),
            run,
            attempt,
            fence,
            before: numbers,
            changed,
        });
        if changed && let Some(row) = after {
            self.audit_row(&row);
        }
    }
}
