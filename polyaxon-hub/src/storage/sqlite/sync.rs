//! `Sync`: what an agent has in its cluster against what the hub expects there.

use polyaxon_spec::state::{Event, Status};
use sqlx::{Row as _, SqliteConnection};

use super::row::failed;
use super::run_row::{add_events, compiled, load, run, save, select_run};
use super::session::Valid;
use crate::domain::run::{ABANDONED, Cause, OBJECT_VANISHED, RunRecord};
use crate::domain::session::{Directive, InventoryItem, Order, SessionKey, Work};
use crate::domain::time::Millis;
use crate::storage::StorageError;

/// One page of an inventory.
pub(super) struct Page {
    pub(super) items: Vec<InventoryItem>,
    pub(super) last: bool,
    pub(super) at: Millis,
    pub(super) launch_deadline: Millis,
}

/// A run with its compiled operation.
pub(super) async fn work(
    connection: &mut SqliteConnection,
    run: RunRecord,
) -> Result<Work, StorageError> {
    let compiled = compiled(connection, &run.uuid).await?;
    Ok(Work { run, compiled })
}

pub(super) async fn run_page(
    connection: &mut SqliteConnection,
    valid: &Valid,
    key: &SessionKey,
    page: Page,
) -> Result<(Vec<Directive>, Vec<String>), StorageError> {
    let mut orders = Orders {
        connection,
        valid,
        key,
        at: page.at,
        launch_deadline: page.launch_deadline,
        directives: Vec::new(),
        changed: Vec::new(),
    };
    for item in page.items {
        orders.present(item).await?;
    }
    if page.last {
        orders.absent().await?;
    }
    Ok((orders.directives, orders.changed))
}

struct Orders<'a> {
    connection: &'a mut SqliteConnection,
    valid: &'a Valid,
    key: &'a SessionKey,
    at: Millis,
    launch_deadline: Millis,
    directives: Vec<Directive>,
    changed: Vec<String>,
}

impl Orders<'_> {
    /// An object that exists.
    async fn present(&mut self, item: InventoryItem) -> Result<(), StorageError> {
        let has_work = item.known;
        let known = load(self.connection, &item.run).await?;
        let known = known
            .filter(|run| run.agent_id == self.valid.agent_id && run.state.attempt == item.attempt);
        let Some(mut run) = known else {
            self.delete(item);
            return Ok(());
        };
        if run.state.base.is_final() {
            // The outcome is known; the log may not be complete.
            if run.reason != ABANDONED && self.log_is_open(&item).await? {
                self.keep(run, has_work).await?;
            } else {
                self.delete(item);
            }
            return Ok(());
        }
        let cause = Cause::of_hub("Adopted", "the agent has the run", self.at);
        let mut entries = Vec::new();
        if run.state.base == Status::Queued {
            // It was launched after all.
            entries.extend(run.change(Event::Lease, cause).ok().flatten());
        }
        let is_ours = run.acknowledged && run.session_id.as_ref() == Some(&self.key.id);
        if !is_ours {
            let Ok(entry) = run.change(Event::Adopt, cause) else {
                self.delete(item);
                return Ok(());
            };
            entries.extend(entry);
            run.session_id = Some(self.key.id.clone());
            run.acknowledged = true;
            run.launch_deadline = None;
            run.object_uid = item.object_uid;
            self.store(&run, entries).await?;
        }
        self.keep(run, has_work).await
    }

    /// Everything that the agent should have and did not name.
    async fn absent(&mut self) -> Result<(), StorageError> {
        let rows = sqlx::query(select_run!(
            "WHERE run.agent_id = ? AND run.rank BETWEEN 3 AND 6 AND run.session_id IS NOT ? ORDER BY run.uuid"
        ))
        .bind(self.valid.agent_id.clone())
        .bind(self.key.id.clone())
        .fetch_all(&mut *self.connection)
        .await
        .map_err(failed)?;
        for row in &rows {
            let mut run = run(row)?;
            let stop = run.state.stop_requested;
            let (event, reason, message) = match (run.acknowledged, stop) {
                (false, false) => (
                    Event::Adopt,
                    "LaunchAgain",
                    "the launch was never acknowledged",
                ),
                (false, true) => (
                    Event::HandBack,
                    "NeverLaunched",
                    "the agent had not launched the run",
                ),
                (true, true) => (Event::End(Status::Stopped), "Stopped", "the object is gone"),
                (true, false) => (
                    Event::End(Status::Failed),
                    OBJECT_VANISHED,
                    "the containers were removed by somebody else",
                ),
            };
            let cause = Cause::of_hub(reason, message, self.at);
            let Ok(entry) = run.change(event, cause) else {
                continue;
            };
            if run.state.base.is_active() {
                run.session_id = Some(self.key.id.clone());
                run.launch_deadline = Some(self.launch_deadline);
            } else if run.state.base == Status::Failed {
                run.failure.get_or_insert_default();
            }
            self.store(&run, entry).await?;
            if run.state.base.is_active() {
                let work = work(self.connection, run.clone()).await?;
                let order = Order::LaunchAgain(Box::new(work));
                self.directives.push(Directive::to(&run, order));
            }
        }
        sqlx::query("UPDATE agent_session SET synced = 1 WHERE id = ?")
            .bind(self.key.id.clone())
            .execute(&mut *self.connection)
            .await
            .map_err(failed)?;
        Ok(())
    }

    async fn store(
        &mut self,
        run: &RunRecord,
        entries: impl IntoIterator<Item = crate::domain::run::EventRecord>,
    ) -> Result<(), StorageError> {
        save(self.connection, run).await?;
        add_events(self.connection, &run.uuid, entries).await?;
        self.changed.push(run.uuid.clone());
        Ok(())
    }

    /// `has_work`: the agent has the compiled operation already, which is most of the message.
    async fn keep(&mut self, run: RunRecord, has_work: bool) -> Result<(), StorageError> {
        let work = if has_work {
            None
        } else {
            Some(Box::new(work(self.connection, run.clone()).await?))
        };
        self.directives.push(Directive::to(&run, Order::Keep(work)));
        if run.state.base == Status::Stopping {
            let reason = run.stop_reason.clone();
            self.directives
                .push(Directive::to(&run, Order::Stop { reason }));
        }
        Ok(())
    }

    fn delete(&mut self, item: InventoryItem) {
        self.directives.push(Directive {
            run: item.run,
            attempt: item.attempt,
            fence: 0,
            order: Order::Delete,
        });
    }

    async fn log_is_open(&mut self, item: &InventoryItem) -> Result<bool, StorageError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM log_stream WHERE run = ? AND attempt = ? AND ended = 0) AS found",
        )
        .bind(item.run.clone())
        .bind(i64::from(item.attempt))
        .fetch_one(&mut *self.connection)
        .await
        .map_err(failed)?;
        row.try_get("found").map_err(failed)
    }
}
