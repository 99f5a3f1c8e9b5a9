//! What agents say about their runs.

use polyaxon_spec::state::{Event, Rejected, Report, Status};
use sqlx::SqliteConnection;

use super::run_row::{add_events, load, save};
use super::session::Valid;
use crate::domain::run::Cause;
use crate::domain::session::{LaunchOutcome, ReportOutcome, SessionKey, StatusReport};
use crate::domain::time::Millis;
use crate::storage::StorageError;
use crate::storage::agents::LaunchReport;

pub(super) async fn launch(
    connection: &mut SqliteConnection,
    valid: &Valid,
    key: &SessionKey,
    launch: LaunchReport,
    at: Millis,
) -> Result<ReportOutcome, StorageError> {
    let known = load(connection, &launch.run).await?;
    let Some(mut run) = known.filter(|run| run.agent_id == valid.agent_id) else {
        return Ok(ReportOutcome::NotFound);
    };
    if run.state.base.is_final() && run.state.attempt == launch.attempt {
        return Ok(ReportOutcome::Stale);
    }
    if run.state.attempt != launch.attempt
        || run.state.fence != launch.fence
        || !run.state.base.is_active()
    {
        return Ok(ReportOutcome::Fenced);
    }
    let mut entry = None;
    match launch.outcome {
        LaunchOutcome::Launched {
            object_name,
            object_uid,
        } => {
            run.acknowledged = true;
            run.launch_deadline = None;
            run.object_name = object_name;
            run.object_uid = object_uid;
        }
        LaunchOutcome::Refused { reason, message } => {
            let source = format!("agent {}", key.agent);
            let cause = Cause {
                reason,
                message: &message,
                source: &source,
                at,
                now: at,
            };
            let end = if run.state.stop_requested {
                Status::Stopped
            } else {
                run.failure.get_or_insert_default();
                Status::Failed
            };
            match run.change(Event::End(end), cause) {
                Ok(told) => entry = told,
                Err(_) => return Ok(ReportOutcome::Stale),
            }
        }
    }
    save(connection, &run).await?;
    add_events(connection, &run.uuid, entry).await?;
    Ok(ReportOutcome::Ok)
}

pub(super) async fn status(
    connection: &mut SqliteConnection,
    valid: &Valid,
    key: &SessionKey,
    report: StatusReport,
    at: Millis,
) -> Result<ReportOutcome, StorageError> {
    let known = load(connection, &report.run).await?;
    let Some(before) = known.filter(|run| run.agent_id == valid.agent_id) else {
        return Ok(ReportOutcome::NotFound);
    };
    let source = format!("agent {}", key.agent);
    let cause = Cause {
        reason: &report.reason,
        message: &report.message,
        source: &source,
        // An agent whose clock is ahead does not write into the future.
        at: report.observed_at.min(at),
        now: at,
    };
    if report.attempt < before.state.attempt {
        // Another attempt followed. Whoever hears that it came too late cleans up.
        return Ok(if report.status.is_final() {
            ReportOutcome::Duplicate
        } else {
            ReportOutcome::Stale
        });
    }
    let said = Report {
        attempt: report.attempt,
        fence: report.fence,
        seq: report.seq,
        status: report.status,
    };
    let mut run = before.clone();
    run.failure = report.failure.or(run.failure);
    run.build = report.build.or(run.build);
    if !report.isolation.is_empty() {
        run.isolation = report.isolation;
    }
    let (outcome, entry) = match run.report(said, cause) {
        Ok(entry) => {
            if run.state.base.is_active() {
                run.acknowledged = true;
                run.launch_deadline = None;
            }
            (ReportOutcome::Ok, entry)
        }
        Err(Rejected::Duplicate(_)) => return Ok(ReportOutcome::Duplicate),
        Err(Rejected::Fenced(_)) => return Ok(ReportOutcome::Fenced),
        Err(_) => {
            run = before;
            let entry = run.ignored(report.attempt, report.status, cause);
            (ReportOutcome::Stale, Some(entry))
        }
    };
    save(connection, &run).await?;
    add_events(connection, &run.uuid, entry).await?;
    Ok(outcome)
}
