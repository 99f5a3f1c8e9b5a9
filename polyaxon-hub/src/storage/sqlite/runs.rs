//! Runs in SQLite.

use async_trait::async_trait;
use polyaxon_spec::state::{Event, Status};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::SqliteStorage;
use super::row::{Columns as _, as_integer, failed};
use super::run_row::{add_events, duration_ms, event, load, run, save, select_run, to_json};
use crate::domain::page::Page;
use crate::domain::run::{ABANDONED, Cause, EventRecord, NewRun, RunFilter, RunRecord, RunSpec};
use crate::domain::session::{AgentRecord, QueueRecord};
use crate::domain::time::Millis;
use crate::storage::StorageError;
use crate::storage::runs::{Inserted, RunStorage, StopOrder};

#[async_trait]
impl RunStorage for SqliteStorage {
    async fn insert_run(&self, run: NewRun) -> Result<Inserted, StorageError> {
        self.writer
            .run(move |connection| Box::pin(insert(connection, run)))
            .await
    }

    async fn run(&self, uuid: &str) -> Result<Option<RunRecord>, StorageError> {
        let row = sqlx::query(select_run!("WHERE run.uuid = ?"))
            .bind(uuid)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(run).transpose()
    }

    async fn run_by_key(
        &self,
        project_uuid: &str,
        key: &str,
    ) -> Result<Option<RunRecord>, StorageError> {
        let row = sqlx::query(select_run!(
            "WHERE run.project_uuid = ? AND run.idempotency_key = ?"
        ))
        .bind(project_uuid)
        .bind(key)
        .fetch_optional(&self.readers)
        .await
        .map_err(failed)?;
        row.as_ref().map(run).transpose()
    }

    async fn run_spec(&self, uuid: &str) -> Result<Option<RunSpec>, StorageError> {
        let row = sqlx::query("SELECT operation, compiled FROM run_spec WHERE run = ?")
            .bind(uuid)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.map(|row| {
            Ok(RunSpec {
                operation: row.bytes("operation")?,
                compiled: row.bytes("compiled")?,
            })
        })
        .transpose()
    }

    async fn runs(&self, filter: &RunFilter, page: &Page) -> Result<Vec<RunRecord>, StorageError> {
        let statuses: Vec<&str> = filter.statuses.iter().map(|one| one.as_str()).collect();
        let rows = sqlx::query(select_run!(
            "WHERE run.owner = ?1 AND (?2 = '' OR run.project = ?2) AND (?3 IS NULL OR run.uuid < ?3) \
             AND (?4 = '[]' OR coalesce(run.overlay, run.status) IN (SELECT value FROM json_each(?4))) \
             ORDER BY run.uuid DESC LIMIT ?5"
        ))
        .bind(filter.owner.as_str())
        .bind(filter.project.as_str())
        .bind(page.after.as_deref())
        .bind(to_json(&statuses)?)
        .bind(page.size)
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.iter().map(run).collect()
    }

    async fn run_events(
        &self,
        uuid: &str,
        from_seq: u64,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StorageError> {
        let rows =
            sqlx::query("SELECT * FROM run_event WHERE run = ? AND seq >= ? ORDER BY seq LIMIT ?")
                .bind(uuid)
                .bind(as_integer(from_seq))
                .bind(limit)
                .fetch_all(&self.readers)
                .await
                .map_err(failed)?;
        rows.iter().map(event).collect()
    }

    async fn stop_run(
        &self,
        uuid: &str,
        order: StopOrder,
    ) -> Result<Option<(RunRecord, bool)>, StorageError> {
        let uuid = uuid.to_owned();
        self.writer
            .run(move |connection| Box::pin(stop(connection, uuid, order)))
            .await
    }

    async fn overdue_runs(&self, now: Millis, limit: u32) -> Result<Vec<String>, StorageError> {
        let rows = sqlx::query(
            "SELECT uuid FROM run WHERE deadline_at <= ? AND rank < 6 ORDER BY deadline_at LIMIT ?",
        )
        .bind(now.0)
        .bind(limit)
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.iter().map(|row| row.text("uuid")).collect()
    }

    async fn begin_attempts(&self, now: Millis) -> Result<Vec<RunRecord>, StorageError> {
        let any = sqlx::query("SELECT 1 FROM run WHERE retry_at <= ? LIMIT 1")
            .bind(now.0)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        if any.is_none() {
            return Ok(Vec::new());
        }
        self.writer
            .run(move |connection| Box::pin(begin_attempts(connection, now)))
            .await
    }

    async fn queue(
        &self,
        agent: Option<&str>,
        queue: &str,
    ) -> Result<Option<QueueRecord>, StorageError> {
        let row = sqlx::query(
            "SELECT agent.*, queue.id AS queue_id, queue.name AS queue_name \
             FROM queue JOIN agent ON agent.id = queue.agent_id \
             WHERE queue.name = ?1 AND (?2 IS NULL OR agent.name = ?2) ORDER BY agent.created_at, agent.id LIMIT 1",
        )
        .bind(queue)
        .bind(agent)
        .fetch_optional(&self.readers)
        .await
        .map_err(failed)?;
        row.map(|row| {
            Ok(QueueRecord {
                id: row.text("queue_id")?,
                name: row.text("queue_name")?,
                agent: agent_record(&row)?,
            })
        })
        .transpose()
    }

    async fn agent(&self, name: &str) -> Result<Option<AgentRecord>, StorageError> {
        let row = sqlx::query("SELECT * FROM agent WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.as_ref().map(agent_record).transpose()
    }

    async fn queue_names(&self) -> Result<Vec<String>, StorageError> {
        let rows = sqlx::query(
            "SELECT agent.name || '/' || queue.name AS name FROM queue JOIN agent ON agent.id = queue.agent_id \
             ORDER BY 1 LIMIT 1000",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(failed)?;
        rows.iter().map(|row| row.text("name")).collect()
    }
}

fn agent_record(row: &SqliteRow) -> Result<AgentRecord, StorageError> {
    Ok(AgentRecord {
        id: row.text("id")?,
        name: row.text("name")?,
        catalog: row.text("catalog")?,
        catalog_at: row.millis("catalog_at")?,
        contact_until: row.millis("contact_until")?,
        advertised_address: row.text("advertised_address")?,
    })
}

async fn insert(connection: &mut SqliteConnection, new: NewRun) -> Result<Inserted, StorageError> {
    let NewRun {
        record,
        spec,
        events,
    } = new;
    if let Some(key) = &record.idempotency_key {
        let row = sqlx::query(select_run!(
            "WHERE run.project_uuid = ? AND run.idempotency_key = ?"
        ))
        .bind(record.project_uuid.clone())
        .bind(key.clone())
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
        if let Some(row) = row {
            return Ok(Inserted::Existing(Box::new(run(&row)?)));
        }
    }
    let uuid = record.uuid.clone();
    sqlx::query(
        "INSERT INTO run (uuid, owner, project, project_uuid, name, description, tags, kind, agent_id, queue_id, \
         priority, status, rank, overlay, reason, message, pending, attempt, fence, report_seq, event_seq, \
         session_id, launch_deadline, acknowledged, stop_requested, stop_reason, object_name, object_uid, \
         ref_as_typed, component, component_digest, spec_hash, created_by, idempotency_key, request_hash, \
         created_at, compiled_at, queued_at, timeout_ms, max_retries, default_retries) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, 0, ?, NULL, NULL, 0, ?, ?, '', '', \
         ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.uuid)
    .bind(record.owner)
    .bind(record.project)
    .bind(record.project_uuid)
    .bind(record.name)
    .bind(record.description)
    .bind(to_json(&record.tags)?)
    .bind(record.kind)
    .bind(record.agent_id)
    .bind(record.queue_id)
    .bind(record.priority)
    .bind(record.state.base.as_str())
    .bind(i64::from(record.state.rank()))
    .bind(record.reason)
    .bind(record.message)
    .bind(record.pending)
    .bind(i64::from(record.state.attempt))
    .bind(as_integer(record.state.fence))
    .bind(as_integer(record.event_seq))
    .bind(record.state.stop_requested)
    .bind(record.stop_reason)
    .bind(record.ref_as_typed)
    .bind(record.component)
    .bind(record.component_digest)
    .bind(record.spec_hash)
    .bind(record.created_by)
    .bind(record.idempotency_key)
    .bind(record.request_hash)
    .bind(record.created_at.0)
    .bind(record.compiled_at.0)
    .bind(record.queued_at.0)
    .bind(duration_ms(record.timeout))
    .bind(record.retries.written.map(i64::from))
    .bind(i64::from(record.retries.default))
    .execute(&mut *connection)
    .await
    .map_err(failed)?;
    sqlx::query("INSERT INTO run_spec (run, operation, compiled) VALUES (?, ?, ?)")
        .bind(uuid.clone())
        .bind(spec.operation)
        .bind(spec.compiled)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    add_events(connection, &uuid, events).await?;
    Ok(Inserted::New)
}

async fn begin_attempts(
    connection: &mut SqliteConnection,
    now: Millis,
) -> Result<Vec<RunRecord>, StorageError> {
    let rows = sqlx::query(select_run!(
        "WHERE run.retry_at <= ? ORDER BY run.retry_at LIMIT 500"
    ))
    .bind(now.0)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let mut begun = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut run = run(row)?;
        let events = run.resume_waiting(now);
        save(connection, &run).await?;
        add_events(connection, &run.uuid, events).await?;
        begun.push(run);
    }
    Ok(begun)
}

async fn stop(
    connection: &mut SqliteConnection,
    uuid: String,
    order: StopOrder,
) -> Result<Option<(RunRecord, bool)>, StorageError> {
    let Some(mut run) = load(connection, &uuid).await? else {
        return Ok(None);
    };
    let mut events = Vec::new();
    if !run.state.stop_requested && !run.state.base.is_final() {
        run.stop_reason.clone_from(&order.reason);
        let cause = Cause {
            reason: "StopRequested",
            message: &order.reason,
            source: &order.source,
            at: order.at,
            now: order.at,
        };
        if let Ok(entry) = run.change(Event::RequestStop, cause) {
            events.extend(entry);
        }
        debug_assert!(matches!(run.state.base, Status::Stopping | Status::Stopped));
    }
    if order.abandon && run.state.base.is_active() {
        events.extend(abandon(connection, &mut run, &order).await?);
    }
    if events.is_empty() {
        return Ok(Some((run, false)));
    }
    save(connection, &run).await?;
    add_events(connection, &uuid, events).await?;
    Ok(Some((run, true)))
}

/// Ends a run without its agent. The agent's session is over, too: when it comes back it has to say what it has, and
/// is told to remove this.
async fn abandon(
    connection: &mut SqliteConnection,
    run: &mut RunRecord,
    order: &StopOrder,
) -> Result<Option<EventRecord>, StorageError> {
    let message = format!(
        "the run was given up without its agent `{}`: its containers may still run there",
        run.agent
    );
    let cause = Cause {
        reason: ABANDONED,
        message: &message,
        source: &order.source,
        at: order.at,
        now: order.at,
    };
    let Ok(entry) = run.change(Event::End(Status::Stopped), cause) else {
        return Ok(None);
    };
    sqlx::query("UPDATE agent_session SET closed = 1 WHERE agent_id = ?")
        .bind(run.agent_id.clone())
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(entry)
}
