//! Sessions: opening, renewing and checking them.

use polyaxon_spec::state::Event;
use sqlx::SqliteConnection;

use super::agents::{change_all, concurrency};
use super::row::{Columns as _, as_integer, failed};
use super::run_row::select_run;
use crate::domain::run::Cause;
use crate::domain::session::{Hello, QueueSpec, SessionKey, SessionRefused, SessionTaken};
use crate::domain::time::Millis;
use crate::storage::StorageError;
use crate::storage::agents::Guarded;

/// A session that is the newest of its agent.
#[derive(Debug, Clone)]
pub(super) struct Valid {
    pub(super) agent_id: String,
    synced: bool,
}

/// Looks whether the session is the newest one.
pub(super) async fn check(connection: &mut SqliteConnection, key: &SessionKey) -> Guarded<Valid> {
    let row = sqlx::query(
        "SELECT agent.id AS agent_id, agent_session.synced FROM agent_session \
         JOIN agent ON agent.id = agent_session.agent_id AND agent.epoch = agent_session.epoch \
         WHERE agent_session.id = ? AND agent_session.epoch = ? AND agent_session.closed = 0 AND agent.name = ?",
    )
    .bind(key.id.clone())
    .bind(as_integer(key.epoch))
    .bind(key.agent.clone())
    .fetch_optional(connection)
    .await
    .map_err(failed)?;
    let Some(row) = row else {
        return Ok(Err(SessionRefused::Fenced));
    };
    Ok(Ok(Valid {
        agent_id: row.text("agent_id")?,
        synced: row.flag("synced")?,
    }))
}

/// As [`check`], and the session must have said what exists.
pub(super) async fn check_synced(
    connection: &mut SqliteConnection,
    key: &SessionKey,
) -> Guarded<Valid> {
    Ok(check(connection, key).await?.and_then(|valid| {
        if valid.synced {
            Ok(valid)
        } else {
            Err(SessionRefused::NotSynced)
        }
    }))
}

pub(super) async fn open(
    connection: &mut SqliteConnection,
    hello: Hello,
    at: Millis,
    until: Millis,
) -> Result<Result<SessionKey, SessionTaken>, StorageError> {
    if hello.only_if_vacant
        && let Some(taken) = holder(connection, &hello.agent, &hello.replica, at).await?
    {
        return Ok(Err(taken));
    }
    let row = sqlx::query(
        "INSERT INTO agent (id, name, epoch, version, advertised_address, catalog, catalog_at, contact_until, \
         unreachable, created_at) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, 0, ?6) \
         ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1, version = ?3, advertised_address = ?4, catalog = ?5, \
         catalog_at = ?6, contact_until = ?7, unreachable = 0 RETURNING id, epoch",
    )
    .bind(hello.agent_id)
    .bind(hello.agent.clone())
    .bind(hello.version)
    .bind(hello.advertised_address)
    .bind(hello.catalog)
    .bind(at.0)
    .bind(until.0)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    let (agent_id, epoch) = (row.text("id")?, row.count("epoch")?);
    for queue in hello.queues {
        add_queue(connection, &agent_id, queue).await?;
    }
    sqlx::query(
        "INSERT INTO agent_session (id, agent_id, epoch, replica, lease_until, synced, closed, opened_at) \
         VALUES (?, ?, ?, ?, ?, 0, 0, ?)",
    )
    .bind(hello.session_id.clone())
    .bind(agent_id)
    .bind(as_integer(epoch))
    .bind(hello.replica)
    .bind(until.0)
    .bind(at.0)
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(Ok(SessionKey {
        agent: hello.agent,
        id: hello.session_id,
        epoch,
    }))
}

/// Who else speaks for the agent: the newest session, if it is open, heard, and of another replica.
async fn holder(
    connection: &mut SqliteConnection,
    agent: &str,
    replica: &str,
    at: Millis,
) -> Result<Option<SessionTaken>, StorageError> {
    let row = sqlx::query(
        "SELECT agent_session.replica, agent_session.opened_at, agent.contact_until FROM agent_session \
         JOIN agent ON agent.id = agent_session.agent_id AND agent.epoch = agent_session.epoch \
         WHERE agent.name = ? AND agent_session.replica <> ? AND agent_session.closed = 0 \
         AND agent.contact_until > ?",
    )
    .bind(agent.to_owned())
    .bind(replica.to_owned())
    .bind(at.0)
    .fetch_optional(connection)
    .await
    .map_err(failed)?;
    row.map(|row| {
        Ok(SessionTaken {
            replica: row.text("replica")?,
            since: row.millis("opened_at")?,
            until: row.millis("contact_until")?,
        })
    })
    .transpose()
}

async fn add_queue(
    connection: &mut SqliteConnection,
    agent_id: &str,
    queue: QueueSpec,
) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO queue (id, agent_id, name, priority, concurrency, served) VALUES (?, ?, ?, ?4, ?5, 0) \
         ON CONFLICT (agent_id, name) DO UPDATE SET priority = ?4, concurrency = ?5",
    )
    .bind(queue.id)
    .bind(agent_id.to_owned())
    .bind(queue.name)
    .bind(queue.priority)
    .bind(concurrency(queue.concurrency))
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(())
}

pub(super) async fn renew(
    connection: &mut SqliteConnection,
    key: SessionKey,
    at: Millis,
    until: Millis,
) -> Guarded<Vec<String>> {
    let valid = match check(&mut *connection, &key).await? {
        Err(refused) => return Ok(Err(refused)),
        Ok(valid) => valid,
    };
    sqlx::query("UPDATE agent SET contact_until = ?, unreachable = 0 WHERE id = ?")
        .bind(until.0)
        .bind(valid.agent_id.clone())
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    sqlx::query("UPDATE agent_session SET lease_until = ? WHERE id = ?")
        .bind(until.0)
        .bind(key.id)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    let rows = sqlx::query(select_run!(
        "WHERE run.agent_id = ? AND run.rank BETWEEN 3 AND 6 AND run.overlay = 'unknown'"
    ))
    .bind(valid.agent_id)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let cause = Cause::of_hub("AgentBack", "the agent is back", at);
    change_all(connection, &rows, Event::RegainContact, cause)
        .await
        .map(Ok)
}
