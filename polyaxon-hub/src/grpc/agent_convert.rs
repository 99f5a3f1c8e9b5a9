//! The agent protocol between our values and those of the messages.

use std::collections::BTreeMap;
use std::time::Duration;

use polyaxon_proto::agent::v1::{
    AckLaunchRequest, QueueSpec, Session, StatusReport, ack_launch_request, report_result,
};
use tonic::{Code, Status};

use super::convert::millis;
use super::{errors, result_convert, run_convert};
use crate::clock::Clock;
use crate::domain::access::Principal;
use crate::domain::names;
use crate::domain::run::parse_uuid;
use crate::domain::session::{
    self, DEFAULT_QUEUE, LaunchOutcome, MAX_CATALOG, ReportOutcome, SessionKey, SessionRefused,
    SessionTaken,
};
use crate::domain::time::Millis;
use crate::runs::Published;
use crate::storage::agents::Guarded;

/// Longest text of a reason or message in bytes; more is cut.
const MAX_TEXT: usize = 4096;

/// Who speaks, by token and session.
pub(super) fn key(caller: &Principal, session: Option<Session>) -> Result<SessionKey, Status> {
    let session = session.ok_or_else(|| errors::invalid("`session` is missing"))?;
    Ok(SessionKey {
        agent: caller.name.clone(),
        id: session.id,
        epoch: session.epoch,
    })
}

/// The uuid of a run as an agent sends it.
pub(super) fn uuid(text: &str) -> Result<String, Status> {
    parse_uuid(text).ok_or_else(|| errors::invalid(format!("`{text}` is not the uuid of a run")))
}

pub(super) fn guarded<T>(outcome: Guarded<T>) -> Result<T, Status> {
    outcome.map_err(errors::storage)?.map_err(session_refused)
}

pub(super) fn session_refused(refused: SessionRefused) -> Status {
    let (code, reason) = match refused {
        SessionRefused::Fenced => (Code::Aborted, "FENCED"),
        SessionRefused::NotSynced => (Code::FailedPrecondition, "NOT_SYNCED"),
    };
    errors::status(code, reason, format!("{refused} ({reason})"))
}

/// Another replica speaks: who, since when, and what becomes of the one that asks.
pub(super) fn session_taken(taken: &SessionTaken) -> Status {
    let since = jiff::Timestamp::from_millisecond(taken.since.0)
        .map_or_else(|_| taken.since.0.to_string(), |since| format!("{since:.0}"));
    errors::status(
        Code::FailedPrecondition,
        "SESSION_TAKEN",
        format!(
            "the process `{}` speaks for this agent since {since} and is heard: ask again later (SESSION_TAKEN)",
            taken.replica
        ),
    )
}

pub(super) fn queues(
    specs: Vec<QueueSpec>,
    clock: &dyn Clock,
) -> Result<Vec<session::QueueSpec>, Status> {
    let mut queues: BTreeMap<String, session::QueueSpec> = BTreeMap::new();
    let default = QueueSpec {
        name: DEFAULT_QUEUE.into(),
        priority: 0,
        concurrency: -1,
    };
    // The first declaration of a name counts, so that the default is only used where none is.
    for spec in specs.into_iter().chain([default]) {
        names::slug("queue name", &spec.name)
            .map_err(|error| errors::invalid(error.to_string()))?;
        queues
            .entry(spec.name.clone())
            .or_insert_with(|| session::QueueSpec {
                id: clock.new_id(),
                name: spec.name,
                priority: spec.priority.into(),
                concurrency: u64::try_from(spec.concurrency).ok(),
            });
    }
    Ok(queues.into_values().collect())
}

pub(super) fn catalog(bytes: &[u8]) -> Result<String, Status> {
    if bytes.len() > MAX_CATALOG {
        return Err(errors::invalid(format!(
            "`catalog` is larger than {MAX_CATALOG} bytes"
        )));
    }
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice::<Published>(bytes)
        .map_err(|error| errors::invalid(format!("`catalog` cannot be read: {error}")))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| errors::invalid("`catalog` is not UTF-8"))
}

pub(super) fn launch_outcome(request: &AckLaunchRequest) -> Result<LaunchOutcome, Status> {
    use ack_launch_request::Outcome;
    match request.outcome() {
        Outcome::Created | Outcome::Adopted => Ok(LaunchOutcome::Launched {
            object_name: request.object_name.clone(),
            object_uid: request.object_uid.clone(),
        }),
        Outcome::Conflict => Ok(LaunchOutcome::Refused {
            reason: "ObjectConflict",
            message: cut(&request.error),
        }),
        Outcome::Rejected => Ok(LaunchOutcome::Refused {
            reason: "LaunchRejected",
            message: cut(&request.error),
        }),
        Outcome::Unspecified => Err(errors::invalid("`outcome` is missing")),
    }
}

pub(super) fn status_report(
    report: StatusReport,
    now: Millis,
) -> Result<session::StatusReport, Status> {
    let status = run_convert::status(report.status())
        .ok_or_else(|| errors::invalid("`status` of a report is missing"))?;
    Ok(session::StatusReport {
        run: uuid(&report.run)?,
        attempt: report.attempt,
        fence: report.fence,
        seq: report.seq,
        status,
        reason: cut(&report.reason),
        message: cut(&report.message),
        observed_at: report.observed_at.as_ref().map_or(now, millis),
        build: report.build.map(result_convert::build),
        failure: report.failure.map(result_convert::failure),
        isolation: cut(&report.isolation),
    })
}

pub(super) fn wire_outcome(outcome: ReportOutcome) -> report_result::Outcome {
    match outcome {
        ReportOutcome::Ok => report_result::Outcome::Ok,
        ReportOutcome::Duplicate => report_result::Outcome::Duplicate,
        ReportOutcome::Stale => report_result::Outcome::Stale,
        ReportOutcome::Fenced => report_result::Outcome::Fenced,
        ReportOutcome::NotFound => report_result::Outcome::NotFound,
    }
}

/// The text, as far as it is kept.
pub(super) fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT))
        .unwrap_or_default()
        .to_owned()
}

pub(super) fn as_ms(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
