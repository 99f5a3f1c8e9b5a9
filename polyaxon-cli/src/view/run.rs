//! Runs and their events.

use polyaxon_proto::runs::v1::{Event, Run, Status};
use serde::Serialize;
use serde_json::Value;

use super::attempts::EarlierView;
use super::result::{BuildView, FailureView};
use crate::ui::time;

/// The lower-case name of a status.
pub(crate) fn status_name(status: Status) -> String {
    let name = status.as_str_name();
    name.strip_prefix("STATUS_")
        .unwrap_or(name)
        .to_ascii_lowercase()
}

/// The status of a lower-case name.
pub(crate) fn parse_status(name: &str) -> Option<Status> {
    Status::from_str_name(&format!("STATUS_{}", name.to_ascii_uppercase()))
        .filter(|status| *status != Status::Unspecified)
}

/// Whether nothing follows on a status.
pub(crate) fn is_final(status: Status) -> bool {
    matches!(
        status,
        Status::Failed
            | Status::UpstreamFailed
            | Status::Stopped
            | Status::Succeeded
            | Status::Skipped
    )
}

/// A run.
#[derive(Serialize)]
pub(crate) struct RunView {
    uuid: String,
    owner: String,
    project: String,
    name: String,
    description: String,
    tags: Vec<String>,
    queue: String,
    kind: String,
    status: String,
    reason: String,
    message: String,
    attempt: u32,
    /// Attempts that it has at most, as it stands.
    max_attempts: u32,
    next_attempt_at: Option<String>,
    earlier_attempts: Vec<EarlierView>,
    created_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    /// Seconds from start to end.
    duration: Option<f64>,
    hub_ref: String,
    component: String,
    component_digest: String,
    agent: String,
    /// `userns` or `root-caps-dropped`.
    isolation: Option<String>,
    /// Something is missing in a log, which has a mark there.
    log_incomplete: bool,
    stop_requested: bool,
    image: Option<String>,
    digest: Option<String>,
    build: Option<BuildView>,
    failure: Option<FailureView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compiled: Option<Value>,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let build = run.build.as_ref();
        Self {
            uuid: run.uuid.clone(),
            owner: run.owner.clone(),
            project: run.project.clone(),
            name: run.name.clone(),
            description: run.description.clone(),
            tags: run.tags.clone(),
            queue: run.queue.clone(),
            kind: run.kind.clone(),
            status: status_name(run.status()),
            reason: run.reason.clone(),
            message: run.message.clone(),
            attempt: run.attempt,
            max_attempts: run.max_attempts,
            next_attempt_at: time::exact(run.next_attempt_at.as_ref()),
            earlier_attempts: run.earlier_attempts.iter().map(EarlierView::from).collect(),
            created_at: time::exact(run.created_at.as_ref()),
            started_at: time::exact(run.started_at.as_ref()),
            finished_at: time::exact(run.finished_at.as_ref()),
            duration: seconds(run),
            hub_ref: run.hub_ref.clone(),
            component: run.component.clone(),
            component_digest: run.component_digest.clone(),
            agent: run.agent.clone(),
            isolation: filled(&run.isolation),
            log_incomplete: run.log_incomplete,
            stop_requested: run.stop_requested,
            image: build.and_then(|build| filled(&build.image)),
            digest: build.and_then(|build| filled(&build.digest)),
            build: build.map(BuildView::from),
            failure: run.failure.as_ref().map(FailureView::from),
            operation: serde_json::from_slice(&run.operation).ok(),
            compiled: serde_json::from_slice(&run.compiled).ok(),
        }
    }
}

impl RunView {
    /// Without the two documents, which only the answer to a single `get` has.
    pub(crate) fn brief(run: &Run) -> Self {
        let mut view = Self::from(run);
        view.operation = None;
        view.compiled = None;
        view
    }
}

fn seconds(run: &Run) -> Option<f64> {
    let start = time::timestamp(run.started_at.as_ref())?;
    let end = time::timestamp(run.finished_at.as_ref())?;
    Some(end.duration_since(start).as_secs_f64())
}

/// A change of status.
#[derive(Serialize)]
pub(crate) struct EventView {
    seq: u64,
    attempt: u32,
    status: String,
    reason: String,
    message: String,
    at: Option<String>,
    ignored: bool,
    source: String,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            seq: event.seq,
            attempt: event.attempt,
            status: status_name(event.status()),
            reason: event.reason.clone(),
            message: event.message.clone(),
            at: time::exact(event.at.as_ref()),
            ignored: event.ignored,
            source: event.source.clone(),
        }
    }
}

/// Digits of a run's id without dashes; the text as it is when it is none.
pub(crate) fn parse_uuid(text: &str) -> Result<String, String> {
    let digits: String = text
        .chars()
        .filter(|character| *character != '-')
        .map(|character| character.to_ascii_lowercase())
        .collect();
    if digits.len() == 32 && digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        Err("a run's id has 32 hexadecimal digits; `polyaxon ops ls` lists them".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_statuses_belong_together() {
        for number in 1..=19 {
            let status = Status::try_from(number).unwrap();
            assert_eq!(parse_status(&status_name(status)), Some(status));
        }
        assert_eq!(status_name(Status::UpstreamFailed), "upstream_failed");
        assert_eq!(parse_status("unspecified"), None);
    }

    #[test]
    fn final_statuses() {
        let finals: Vec<String> = (1..=19)
            .map(|number| Status::try_from(number).unwrap())
            .filter(|status| is_final(*status))
            .map(status_name)
            .collect();
        assert_eq!(
            finals,
            [
                "failed",
                "stopped",
                "succeeded",
                "skipped",
                "upstream_failed"
            ]
        );
    }

    #[rstest::rstest]
    #[case("0192F3A0-0000-7000-8000-00000000000a", Some("0192f3a0000070008000"))]
    #[case("0192f3a0", None)]
    #[case("zz92f3a00000700080000000000000aa", None)]
    fn ids(#[case] text: &str, #[case] start: Option<&str>) {
        let parsed = parse_uuid(text).ok();
        assert_eq!(parsed.is_some(), start.is_some());
        if let (Some(parsed), Some(start)) = (parsed, start) {
            assert!(parsed.starts_with(start), "{parsed}");
        }
    }
}
