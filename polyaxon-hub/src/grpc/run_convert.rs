//! Runs, events and sessions between our values and those of the protocol.

use std::time::Duration;

use polyaxon_proto::agent::v1 as agent;
use polyaxon_proto::runs::v1 as runs;
use polyaxon_spec::state::Status;

use super::convert::{maybe_timestamp, timestamp};
use super::result_convert::{wire_build, wire_earlier, wire_failure};
use crate::domain::run::{EventRecord, RunRecord};
use crate::domain::session::{Directive, Order, Work};
use crate::domain::time::Millis;

/// The status of the protocol; `done`, which no run has, is unspecified.
pub(super) fn wire_status(status: Status) -> runs::Status {
    match status {
        Status::Created => runs::Status::Created,
        Status::Resuming => runs::Status::Resuming,
        Status::OnSchedule => runs::Status::OnSchedule,
        Status::Compiled => runs::Status::Compiled,
        Status::Queued => runs::Status::Queued,
        Status::Scheduled => runs::Status::Scheduled,
        Status::Starting => runs::Status::Starting,
        Status::Running => runs::Status::Running,
        Status::Processing => runs::Status::Processing,
        Status::Stopping => runs::Status::Stopping,
        Status::Failed => runs::Status::Failed,
        Status::Stopped => runs::Status::Stopped,
        Status::Succeeded => runs::Status::Succeeded,
        Status::Skipped => runs::Status::Skipped,
        Status::Warning => runs::Status::Warning,
        Status::Unschedulable => runs::Status::Unschedulable,
        Status::UpstreamFailed => runs::Status::UpstreamFailed,
        Status::Retrying => runs::Status::Retrying,
        Status::Unknown => runs::Status::Unknown,
        Status::Done => runs::Status::Unspecified,
    }
}

/// The status that a message names, if it names one.
pub(super) fn status(wire: runs::Status) -> Option<Status> {
    let word = wire.as_str_name().strip_prefix("STATUS_")?;
    Status::parse(&word.to_ascii_lowercase()).ok()
}

pub(super) fn event(record: EventRecord) -> runs::Event {
    runs::Event {
        seq: record.seq,
        attempt: record.attempt,
        status: wire_status(record.status).into(),
        reason: record.reason,
        message: record.message,
        at: Some(timestamp(record.at)),
        ignored: record.ignored,
        source: record.source,
    }
}

/// A run without endpoint and texts.
pub(super) fn run(record: RunRecord) -> runs::Run {
    runs::Run {
        status: wire_status(record.state.shown()).into(),
        attempt: record.state.attempt,
        stop_requested: record.state.stop_requested,
        uuid: record.uuid,
        owner: record.owner,
        project: record.project,
        name: record.name,
        description: record.description,
        tags: record.tags,
        queue: record.queue,
        kind: record.kind,
        reason: record.reason,
        message: record.message,
        created_at: Some(timestamp(record.created_at)),
        started_at: maybe_timestamp(record.started_at),
        finished_at: maybe_timestamp(record.finished_at),
        hub_ref: record.ref_as_typed,
        component: record.component,
        component_digest: record.component_digest,
        build: record.build.map(wire_build),
        failure: record.failure.map(wire_failure),
        agent: record.agent,
        isolation: record.isolation,
        log_incomplete: record.log_incomplete,
        max_attempts: record.retries.most(),
        next_attempt_at: maybe_timestamp(record.retries.at),
        earlier_attempts: record
            .earlier_attempts
            .into_iter()
            .map(wire_earlier)
            .collect(),
        ..runs::Run::default()
    }
}

/// Work for an agent, as it stands at `now`.
pub(super) fn item(work: Work, now: Millis) -> agent::LeaseItem {
    let Work { run, compiled } = work;
    let remaining = run.remaining(now);
    agent::LeaseItem {
        run: run.uuid,
        attempt: run.state.attempt,
        fence: run.state.fence,
        queue: run.queue,
        owner: run.owner,
        project: run.project,
        project_uuid: run.project_uuid,
        name: run.name,
        kind: run.kind,
        compiled: compiled.into(),
        spec_hash: run.spec_hash,
        launch_deadline: maybe_timestamp(run.launch_deadline),
        created_at: Some(timestamp(run.created_at)),
        compiled_at: Some(timestamp(run.compiled_at)),
        remaining_ms: remaining.map(as_millis),
    }
}

pub(super) fn directive(directive: Directive, now: Millis) -> agent::Directive {
    use agent::directive::Kind;
    let (kind, reason, work) = match directive.order {
        Order::Stop { reason } => (Kind::Stop, reason, None),
        Order::Delete => (Kind::Delete, String::new(), None),
        Order::Keep(work) => (Kind::Keep, String::new(), work),
        Order::LaunchAgain(work) => (Kind::LaunchAgain, String::new(), Some(work)),
    };
    agent::Directive {
        kind: kind.into(),
        run: directive.run,
        attempt: directive.attempt,
        fence: directive.fence,
        reason,
        item: work.map(|work| item(*work, now)),
    }
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_survives_the_wire() {
        for number in 1..=19 {
            let wire = runs::Status::try_from(number).unwrap();
            let ours = status(wire).unwrap();
            assert_eq!(wire_status(ours), wire, "{ours}");
        }
        assert_eq!(status(runs::Status::Unspecified), None);
    }
}
