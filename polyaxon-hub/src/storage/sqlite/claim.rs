//! Claims: runs for an agent that asks for work.

use sqlx::SqliteConnection;

use polyaxon_spec::state::Event;

use super::row::{Columns as _, as_integer, failed};
use super::run_row::{add_events, run, save, select_run};
use super::session::Valid;
use super::sync::work;
use crate::domain::queue::{QueueView, Share, share};
use crate::domain::run::Cause;
use crate::domain::session::{SessionKey, Work};
use crate::storage::StorageError;
use crate::storage::agents::Claim;

pub(super) async fn claim(
    connection: &mut SqliteConnection,
    valid: &Valid,
    key: &SessionKey,
    claim: Claim,
) -> Result<Vec<Work>, StorageError> {
    let queues = views(connection, valid, &claim).await?;
    let source = format!("agent {}", key.agent);
    let cause = Cause {
        reason: "Leased",
        message: "",
        source: &source,
        at: claim.at,
        now: claim.at,
    };
    let mut works = Vec::new();
    for share in share(&queues, claim.slots) {
        for row in waiting(connection, &share).await? {
            let mut run = run(&row)?;
            let Ok(entry) = run.change(Event::Lease, cause) else {
                continue;
            };
            run.session_id = Some(key.id.clone());
            run.launch_deadline = Some(claim.launch_deadline);
            save(connection, &run).await?;
            add_events(connection, &run.uuid, entry).await?;
            works.push(work(connection, run).await?);
        }
        sqlx::query("UPDATE queue SET served = ? WHERE id = ?")
            .bind(as_integer(share.served))
            .bind(share.queue)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(works)
}

async fn views(
    connection: &mut SqliteConnection,
    valid: &Valid,
    claim: &Claim,
) -> Result<Vec<QueueView>, StorageError> {
    let rows = sqlx::query(
        "SELECT id, name, priority, concurrency, served, \
         (SELECT count(*) FROM run WHERE run.queue_id = queue.id AND run.rank BETWEEN 3 AND 6) AS active, \
         (SELECT count(*) FROM (SELECT 1 FROM run WHERE run.queue_id = queue.id AND run.status = 'queued' LIMIT ?2)) AS waiting \
         FROM queue WHERE agent_id = ?1 ORDER BY id",
    )
    .bind(valid.agent_id.clone())
    .bind(as_integer(claim.slots))
    .fetch_all(connection)
    .await
    .map_err(failed)?;
    let mut views = Vec::with_capacity(rows.len());
    for row in &rows {
        let name = row.text("name")?;
        if !claim.queues.is_empty() && !claim.queues.contains(&name) {
            continue;
        }
        views.push(QueueView {
            id: row.text("id")?,
            priority: row.integer("priority")?,
            concurrency: u64::try_from(row.integer("concurrency")?).ok(),
            active: row.count("active")?,
            waiting: row.count("waiting")?,
            served: row.count("served")?,
        });
    }
    Ok(views)
}

async fn waiting(
    connection: &mut SqliteConnection,
    share: &Share,
) -> Result<Vec<sqlx::sqlite::SqliteRow>, StorageError> {
    sqlx::query(select_run!(
        "WHERE run.queue_id = ? AND run.status = 'queued' ORDER BY run.priority DESC, run.uuid LIMIT ?"
    ))
    .bind(share.queue.clone())
    .bind(as_integer(share.runs))
    .fetch_all(connection)
    .await
    .map_err(failed)
}
