//! Runs and events as rows.

use std::time::Duration;

use polyaxon_spec::state::{RunState, Status};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::row::{Columns as _, as_integer, failed};
use crate::domain::run::{EventRecord, Retries, RunRecord};
use crate::domain::time::Millis;
use crate::storage::StorageError;

/// Selects what [`run`] reads; conditions follow.
macro_rules! select_run {
    ($rest:literal) => {
        concat!(
            "SELECT run.*, agent.name AS agent_name, queue.name AS queue_name \
             FROM run JOIN agent ON agent.id = run.agent_id JOIN queue ON queue.id = run.queue_id ",
            $rest
        )
    };
}
pub(super) use select_run;

/// Reads a row of `select_run`.
pub(super) fn run(row: &SqliteRow) -> Result<RunRecord, StorageError> {
    let optional_json =
        |column: &'static str| -> Result<Option<String>, StorageError> { row.maybe_text(column) };
    Ok(RunRecord {
        uuid: row.text("uuid")?,
        owner: row.text("owner")?,
        project: row.text("project")?,
        project_uuid: row.text("project_uuid")?,
        name: row.text("name")?,
        description: row.text("description")?,
        tags: row.json("tags")?,
        kind: row.text("kind")?,
        agent_id: row.text("agent_id")?,
        agent: row.text("agent_name")?,
        queue_id: row.text("queue_id")?,
        queue: row.text("queue_name")?,
        priority: row.integer("priority")?,
        state: RunState {
            attempt: row.small("attempt")?,
            base: row.word("status", |word| Status::parse(word).ok())?,
            overlay: row
                .maybe_text("overlay")?
                .map(|word| parse_status("overlay", &word))
                .transpose()?,
            fence: row.count("fence")?,
            report_seq: row.count("report_seq")?,
            stop_requested: row.flag("stop_requested")?,
        },
        reason: row.text("reason")?,
        message: row.text("message")?,
        pending: row.text("pending")?,
        event_seq: row.count("event_seq")?,
        session_id: row.maybe_text("session_id")?,
        launch_deadline: row.maybe_millis("launch_deadline")?,
        acknowledged: row.flag("acknowledged")?,
        stop_reason: row.text("stop_reason")?,
        object_name: row.text("object_name")?,
        object_uid: row.text("object_uid")?,
        ref_as_typed: row.text("ref_as_typed")?,
        component: row.text("component")?,
        component_digest: row.text("component_digest")?,
        spec_hash: row.text("spec_hash")?,
        timeout: row
            .maybe_integer("timeout_ms")?
            .map(|ms| Duration::from_millis(ms.unsigned_abs())),
        deadline_at: row.maybe_millis("deadline_at")?,
        build: from_json("build", optional_json("build")?)?,
        failure: from_json("failure", optional_json("failure")?)?,
        isolation: row.text("isolation")?,
        log_incomplete: row.flag("log_incomplete")?,
        retries: Retries {
            written: row
                .maybe_integer("max_retries")?
                .map(|count| u32::try_from(count).unwrap_or_default()),
            default: row.small("default_retries")?,
            used: row.small("retries")?,
            disruptions: row.small("disruptions")?,
            at: row.maybe_millis("retry_at")?,
        },
        earlier_attempts: row.json("earlier_attempts")?,
        created_by: row.text("created_by")?,
        idempotency_key: row.maybe_text("idempotency_key")?,
        request_hash: row.text("request_hash")?,
        created_at: row.millis("created_at")?,
        compiled_at: row.millis("compiled_at")?,
        queued_at: row.millis("queued_at")?,
        started_at: row.maybe_millis("started_at")?,
        finished_at: row.maybe_millis("finished_at")?,
    })
}

/// Reads a row of `run_event`.
pub(super) fn event(row: &SqliteRow) -> Result<EventRecord, StorageError> {
    Ok(EventRecord {
        seq: row.count("seq")?,
        attempt: row.small("attempt")?,
        status: row.word("status", |word| Status::parse(word).ok())?,
        reason: row.text("reason")?,
        message: row.text("message")?,
        source: row.text("source")?,
        at: row.millis("at")?,
        ignored: row.flag("ignored")?,
    })
}

fn parse_status(what: &'static str, word: &str) -> Result<Status, StorageError> {
    Status::parse(word).map_err(|_| StorageError::Corrupt {
        what,
        value: word.into(),
    })
}

fn from_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: Option<String>,
) -> Result<Option<T>, StorageError> {
    text.map(|text| {
        serde_json::from_str(&text).map_err(|_| StorageError::Corrupt { what, value: text })
    })
    .transpose()
}

/// Text of a value for a JSON column.
pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| StorageError::Database(error.to_string()))
}

/// Reads one run inside a transaction.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    uuid: &str,
) -> Result<Option<RunRecord>, StorageError> {
    let row = sqlx::query(select_run!("WHERE run.uuid = ?"))
        .bind(uuid)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    row.as_ref().map(run).transpose()
}

/// Writes everything of a run that can change, but what its logs say about it.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    run: &RunRecord,
) -> Result<(), StorageError> {
    sqlx::query(
        "UPDATE run SET status = ?, rank = ?, overlay = ?, reason = ?, message = ?, pending = ?, attempt = ?, \
         fence = ?, report_seq = ?, event_seq = ?, session_id = ?, launch_deadline = ?, acknowledged = ?, \
         stop_requested = ?, stop_reason = ?, object_name = ?, object_uid = ?, build = ?, failure = ?, queued_at = ?, \
         started_at = ?, finished_at = ?, deadline_at = ?, retries = ?, disruptions = ?, retry_at = ?, \
         earlier_attempts = ?, isolation = ? WHERE uuid = ?",
    )
    .bind(run.state.base.as_str())
    .bind(i64::from(run.state.rank()))
    .bind(run.state.overlay.map(Status::as_str))
    .bind(run.reason.clone())
    .bind(run.message.clone())
    .bind(run.pending.clone())
    .bind(i64::from(run.state.attempt))
    .bind(as_integer(run.state.fence))
    .bind(as_integer(run.state.report_seq))
    .bind(as_integer(run.event_seq))
    .bind(run.session_id.clone())
    .bind(run.launch_deadline.map(|at| at.0))
    .bind(run.acknowledged)
    .bind(run.state.stop_requested)
    .bind(run.stop_reason.clone())
    .bind(run.object_name.clone())
    .bind(run.object_uid.clone())
    .bind(run.build.as_ref().map(to_json).transpose()?)
    .bind(run.failure.as_ref().map(to_json).transpose()?)
    .bind(run.queued_at.0)
    .bind(run.started_at.map(|at| at.0))
    .bind(run.finished_at.map(|at| at.0))
    .bind(run.deadline_at.map(|at| at.0))
    .bind(i64::from(run.retries.used))
    .bind(i64::from(run.retries.disruptions))
    .bind(run.retries.at.map(|at| at.0))
    .bind(to_json(&run.earlier_attempts)?)
    .bind(run.isolation.clone())
    .bind(run.uuid.clone())
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(())
}

/// Adds events to a run's history.
pub(super) async fn add_events(
    connection: &mut SqliteConnection,
    run: &str,
    events: impl IntoIterator<Item = EventRecord>,
) -> Result<(), StorageError> {
    for event in events {
        sqlx::query(
            "INSERT INTO run_event (run, seq, attempt, status, reason, message, source, at, ignored) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run.to_owned())
        .bind(as_integer(event.seq))
        .bind(i64::from(event.attempt))
        .bind(event.status.as_str())
        .bind(event.reason)
        .bind(event.message)
        .bind(event.source)
        .bind(event.at.0)
        .bind(event.ignored)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    }
    Ok(())
}

/// Text of the compiled operation of a run.
pub(super) async fn compiled(
    connection: &mut SqliteConnection,
    run: &str,
) -> Result<Vec<u8>, StorageError> {
    sqlx::query("SELECT compiled FROM run_spec WHERE run = ?")
        .bind(run)
        .fetch_one(connection)
        .await
        .map_err(failed)?
        .bytes("compiled")
}

/// Milliseconds of an optional span.
pub(super) fn duration_ms(duration: Option<Duration>) -> Option<i64> {
    duration.map(|duration| Millis(0).plus(duration).0)
}
