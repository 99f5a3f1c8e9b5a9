//! Agents and their sessions in SQLite.

use async_trait::async_trait;
use polyaxon_spec::state::Event;
use sqlx::SqliteConnection;

use super::SqliteStorage;
use super::row::{as_integer, failed};
use super::run_row::{add_events, run, save, select_run};
use super::{claim, report, session, sync};
use crate::domain::run::{AGENT_UNREACHABLE, Cause, RunRecord};
use crate::domain::session::{
    Directive, Hello, InventoryItem, Order, ReportOutcome, SessionKey, SessionTaken, StatusReport,
    Work,
};
use crate::domain::time::Millis;
use crate::storage::StorageError;
use crate::storage::agents::{AgentStorage, Claim, Guarded, LaunchReport};

#[async_trait]
impl AgentStorage for SqliteStorage {
    async fn open_session(
        &self,
        hello: Hello,
        at: Millis,
        until: Millis,
    ) -> Result<Result<SessionKey, SessionTaken>, StorageError> {
        self.writer
            .run(move |connection| Box::pin(session::open(connection, hello, at, until)))
            .await
    }

    async fn renew_session(
        &self,
        session: &SessionKey,
        at: Millis,
        until: Millis,
    ) -> Guarded<Vec<String>> {
        let key = session.clone();
        self.writer
            .run(move |connection| Box::pin(session::renew(connection, key, at, until)))
            .await
    }

    async fn sync_session(
        &self,
        session: &SessionKey,
        items: Vec<InventoryItem>,
        last_page: bool,
        at: Millis,
        launch_deadline: Millis,
    ) -> Guarded<(Vec<Directive>, Vec<String>)> {
        let key = session.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    match session::check(&mut *connection, &key).await? {
                        Err(refused) => Ok(Err(refused)),
                        Ok(valid) => {
                            let page = sync::Page {
                                items,
                                last: last_page,
                                at,
                                launch_deadline,
                            };
                            sync::run_page(connection, &valid, &key, page).await.map(Ok)
                        }
                    }
                })
            })
            .await
    }

    async fn has_work(&self, agent: &str) -> Result<bool, StorageError> {
        let row = sqlx::query(
            "SELECT 1 FROM agent JOIN queue ON queue.agent_id = agent.id \
             JOIN run ON run.queue_id = queue.id AND run.status = 'queued' WHERE agent.name = ? LIMIT 1",
        )
        .bind(agent)
        .fetch_optional(&self.readers)
        .await
        .map_err(failed)?;
        Ok(row.is_some())
    }

    async fn claim(&self, session: &SessionKey, claim: Claim) -> Guarded<Vec<Work>> {
        let key = session.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    match session::check_synced(&mut *connection, &key).await? {
                        Err(refused) => Ok(Err(refused)),
                        Ok(valid) => claim::claim(connection, &valid, &key, claim).await.map(Ok),
                    }
                })
            })
            .await
    }

    async fn acknowledge_launch(
        &self,
        session: &SessionKey,
        launch: LaunchReport,
        at: Millis,
    ) -> Guarded<ReportOutcome> {
        let key = session.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    match session::check(&mut *connection, &key).await? {
                        Err(refused) => Ok(Err(refused)),
                        Ok(valid) => report::launch(connection, &valid, &key, launch, at)
                            .await
                            .map(Ok),
                    }
                })
            })
            .await
    }

    async fn report(
        &self,
        session: &SessionKey,
        reports: Vec<StatusReport>,
        at: Millis,
    ) -> Guarded<Vec<ReportOutcome>> {
        let key = session.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    match session::check(&mut *connection, &key).await? {
                        Err(refused) => Ok(Err(refused)),
                        Ok(valid) => {
                            let mut outcomes = Vec::with_capacity(reports.len());
                            for one in reports {
                                outcomes.push(
                                    report::status(&mut *connection, &valid, &key, one, at).await?,
                                );
                            }
                            Ok(Ok(outcomes))
                        }
                    }
                })
            })
            .await
    }

    async fn directives(&self, session: &SessionKey, at: Millis) -> Guarded<Vec<Directive>> {
        let key = session.clone();
        self.readers
            .run(move |connection| Box::pin(standing(connection, key, at)))
            .await
    }

    async fn publish_catalog(
        &self,
        session: &SessionKey,
        catalog: String,
        at: Millis,
    ) -> Guarded<()> {
        let key = session.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let valid = match session::check(&mut *connection, &key).await? {
                        Err(refused) => return Ok(Err(refused)),
                        Ok(valid) => valid,
                    };
                    sqlx::query("UPDATE agent SET catalog = ?, catalog_at = ? WHERE id = ?")
                        .bind(catalog)
                        .bind(at.0)
                        .bind(valid.agent_id)
                        .execute(connection)
                        .await
                        .map_err(failed)?;
                    Ok(Ok(()))
                })
            })
            .await
    }

    async fn close_session(&self, session: &SessionKey, at: Millis) -> Guarded<Vec<String>> {
        let key = session.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let valid = match session::check(&mut *connection, &key).await? {
                        Err(refused) => return Ok(Err(refused)),
                        Ok(valid) => valid,
                    };
                    let rows = sqlx::query(select_run!(
                        "WHERE run.agent_id = ? AND run.rank BETWEEN 3 AND 6 AND run.acknowledged = 0"
                    ))
                    .bind(valid.agent_id)
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(failed)?;
                    let cause = Cause::of_hub("HandedBack", "the agent ended before it launched the run", at);
                    let changed =
                        change_all(&mut *connection, &rows, Event::HandBack, cause).await?;
                    sqlx::query("UPDATE agent_session SET closed = 1 WHERE id = ?")
                        .bind(key.id)
                        .execute(connection)
                        .await
                        .map_err(failed)?;
                    Ok(Ok(changed))
                })
            })
            .await
    }

    async fn lose_contact(&self, at: Millis) -> Result<Vec<String>, StorageError> {
        let silent =
            sqlx::query("SELECT id FROM agent WHERE unreachable = 0 AND contact_until < ? LIMIT 1")
                .bind(at.0)
                .fetch_optional(&self.readers)
                .await
                .map_err(failed)?;
        if silent.is_none() {
            return Ok(Vec::new());
        }
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let rows = sqlx::query(select_run!(
                        "WHERE agent.unreachable = 0 AND agent.contact_until < ? AND run.rank BETWEEN 3 AND 5"
                    ))
                    .bind(at.0)
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(failed)?;
                    let message = "the agent has not been heard of; the run may go on there";
                    let cause = Cause::of_hub(AGENT_UNREACHABLE, message, at);
                    let changed =
                        change_all(&mut *connection, &rows, Event::LoseContact, cause).await?;
                    sqlx::query(
                        "UPDATE agent SET unreachable = 1 WHERE unreachable = 0 AND contact_until < ?",
                    )
                    .bind(at.0)
                    .execute(connection)
                    .await
                    .map_err(failed)?;
                    Ok(changed)
                })
            })
            .await
    }

    async fn give_up_launches(
        &self,
        before: Millis,
        at: Millis,
    ) -> Result<Vec<String>, StorageError> {
        let any = sqlx::query(
            "SELECT 1 FROM run WHERE status = 'stopping' AND launch_deadline < ? LIMIT 1",
        )
        .bind(before.0)
        .fetch_optional(&self.readers)
        .await
        .map_err(failed)?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let rows = sqlx::query(select_run!(
                        "WHERE run.status = 'stopping' AND run.launch_deadline < ? AND agent.contact_until >= ?"
                    ))
                    .bind(before.0)
                    .bind(at.0)
                    .fetch_all(&mut *connection)
                    .await
                    .map_err(failed)?;
                    let cause = Cause::of_hub("NeverLaunched", "the agent never launched the run", at);
                    change_all(connection, &rows, Event::HandBack, cause).await
                })
            })
            .await
    }

    async fn extend_contact(&self, until: Millis) -> Result<(), StorageError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    sqlx::query("UPDATE agent SET contact_until = ? WHERE unreachable = 0")
                        .bind(until.0)
                        .execute(connection)
                        .await
                        .map_err(failed)?;
                    Ok(())
                })
            })
            .await
    }

    async fn shift_times(&self, milliseconds: i64) -> Result<(), StorageError> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    for statement in [
                        "UPDATE agent SET contact_until = contact_until + ?",
                        "UPDATE agent_session SET lease_until = lease_until + ?",
                        "UPDATE run SET launch_deadline = launch_deadline + ? WHERE launch_deadline IS NOT NULL",
                        "UPDATE run SET deadline_at = deadline_at + ? WHERE deadline_at IS NOT NULL",
                        "UPDATE run SET retry_at = retry_at + ? WHERE retry_at IS NOT NULL",
                    ] {
                        sqlx::query(statement)
                            .bind(milliseconds)
                            .execute(&mut *connection)
                            .await
                            .map_err(failed)?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Applies one event to several runs; answers the uuids of those that it changed.
pub(super) async fn change_all(
    connection: &mut SqliteConnection,
    rows: &[sqlx::sqlite::SqliteRow],
    event: Event,
    cause: Cause<'_>,
) -> Result<Vec<String>, StorageError> {
    let mut changed = Vec::new();
    for row in rows {
        let mut run: RunRecord = run(row)?;
        if let Ok(entry) = run.change(event, cause) {
            save(connection, &run).await?;
            add_events(connection, &run.uuid, entry).await?;
            changed.push(run.uuid);
        }
    }
    Ok(changed)
}

/// A limit as the database keeps it: -1 for none.
pub(super) fn concurrency(limit: Option<u64>) -> i64 {
    limit.map_or(-1, as_integer)
}

/// Orders that stand.
async fn standing(
    connection: &mut SqliteConnection,
    key: SessionKey,
    at: Millis,
) -> Guarded<Vec<Directive>> {
    let valid = match session::check(&mut *connection, &key).await? {
        Err(refused) => return Ok(Err(refused)),
        Ok(valid) => valid,
    };
    let mut directives = Vec::new();
    let rows = sqlx::query(select_run!(
        "WHERE run.agent_id = ? AND run.status = 'stopping' ORDER BY run.uuid LIMIT 500"
    ))
    .bind(valid.agent_id.as_str())
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    for row in &rows {
        let run = run(row)?;
        let reason = run.stop_reason.clone();
        directives.push(Directive::to(&run, Order::Stop { reason }));
    }
    let rows = sqlx::query(select_run!(
        "WHERE run.agent_id = ? AND run.launch_deadline <= ? AND run.status = 'scheduled' ORDER BY run.uuid LIMIT 50"
    ))
    .bind(valid.agent_id.as_str())
    .bind(at.0)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    for row in &rows {
        let run = run(row)?;
        let work = sync::work(&mut *connection, run.clone()).await?;
        directives.push(Directive::to(&run, Order::LaunchAgain(Box::new(work))));
    }
    Ok(Ok(directives))
}
