//! Runs as the hub of a test knows them.

use polyaxon_proto::runs::v1::build_step::Kind;
use polyaxon_proto::runs::v1::{
    BaseImage, BuildResult, BuildStep, DockerfileLine, EarlierAttempt, Event, Failure, Run, Status,
};
use polyaxon_proto::transfer::v1::LogChunk;

use crate::fake_hub::State;

pub(crate) const UUID: &str = "0192f3a0b7c17000800000000000000a";

/// 2026-01-02T03:04:05Z.
const START: i64 = 1_767_323_045;

pub(crate) fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: START + seconds,
        nanos: 0,
    }
}

pub(crate) fn build(status: Status) -> Run {
    Run {
        uuid: UUID.to_owned(),
        owner: "default".to_owned(),
        project: "default".to_owned(),
        name: "build".to_owned(),
        queue: "default".to_owned(),
        kind: "job".to_owned(),
        status: status.into(),
        attempt: 1,
        created_at: Some(at(0)),
        started_at: Some(at(1)),
        finished_at: Some(at(75)),
        hub_ref: "kaniko".to_owned(),
        component: "polyaxon/kaniko:latest".to_owned(),
        agent: "sandbox".to_owned(),
        ..Run::default()
    }
}

pub(crate) fn succeeded() -> Run {
    Run {
        isolation: "userns".to_owned(),
        build: Some(BuildResult {
            image: "127.0.0.1:5000/team/app:1".to_owned(),
            digest: format!("sha256:{}", "0a".repeat(32)),
            confirmed: true,
            base_images: vec![BaseImage {
                name: "busybox:1.36".to_owned(),
                ..BaseImage::default()
            }],
            cache_hits: vec!["RUN true".to_owned()],
            timeline: vec![BuildStep {
                kind: Kind::Instruction.into(),
                instruction: "RUN true".to_owned(),
                seconds: 1.5,
                cached: true,
                ..BuildStep::default()
            }],
            layers: 2,
            size_bytes: 2048,
            ..BuildResult::default()
        }),
        ..build(Status::Succeeded)
    }
}

pub(crate) fn failed() -> Run {
    Run {
        log_incomplete: true,
        message: "the container `polyaxon-main` failed".to_owned(),
        failure: Some(Failure {
            exit_code: 7,
            has_exit_code: true,
            container: "polyaxon-main".to_owned(),
            last_lines: vec!["no such package".to_owned()],
            class: "run_failed".to_owned(),
            retry: "no".to_owned(),
            message: "`RUN make` ended with exit status 2".to_owned(),
            hint: "read the output".to_owned(),
            instruction: "RUN make".to_owned(),
            dockerfile_line: 2,
            dockerfile_excerpt: vec![DockerfileLine {
                number: 2,
                text: "RUN make".to_owned(),
            }],
        }),
        ..build(Status::Failed)
    }
}

/// A run that waits for its second attempt.
pub(crate) fn retrying() -> Run {
    Run {
        attempt: 2,
        max_attempts: 3,
        finished_at: None,
        reason: "RegistryNetwork".to_owned(),
        message: "attempt 1 failed (registry_network): `r.test` could not be reached; attempt 2 of at most 3 begins in 6 seconds".to_owned(),
        next_attempt_at: Some(at(81)),
        earlier_attempts: vec![EarlierAttempt {
            attempt: 1,
            ended_at: Some(at(75)),
            failure: Some(Failure {
                class: "registry_network".to_owned(),
                retry: "yes".to_owned(),
                message: "`r.test` could not be reached".to_owned(),
                hint: "check the host's name".to_owned(),
                ..Failure::default()
            }),
        }],
        ..build(Status::Retrying)
    }
}

/// The way of a run to its end.
pub(crate) fn events(end: Status) -> Vec<Event> {
    [
        (Status::Created, 0),
        (Status::Queued, 0),
        (Status::Running, 1),
        (end, 75),
    ]
    .into_iter()
    .zip(1..)
    .map(|((status, seconds), seq)| Event {
        seq,
        attempt: 1,
        status: status.into(),
        at: Some(at(seconds)),
        ..Event::default()
    })
    .collect()
}

pub(crate) fn log(lines: &[&str]) -> Vec<LogChunk> {
    let mut offset = 0;
    lines
        .iter()
        .zip(0..)
        .map(|(line, second)| {
            let chunk = LogChunk {
                attempt: 1,
                container: "polyaxon-main".to_owned(),
                offset,
                at_ns: (START + second) * 1_000_000_000,
                stream: 1,
                data: line.as_bytes().to_vec().into(),
                ..LogChunk::default()
            };
            offset += line.len() as u64 + 1;
            chunk
        })
        .collect()
}

pub(crate) const LOG: [&str; 4] = [
    r#"{"level":"info","msg":"Retrieving image manifest busybox:1.36","time":"2026-01-02T03:04:05Z"}"#,
    r#"{"level":"info","msg":"RUN pip3 install polyaxon","time":"2026-01-02T03:04:06Z"}"#,
    "Collecting polyaxon",
    r#"{"level":"info","msg":"Pushed 127.0.0.1:5000/team/app:1","time":"2026-01-02T03:04:08Z"}"#,
];

/// A hub with one run and its log.
pub(crate) fn hub_with(run: Run) -> State {
    State {
        events: events(run.status()),
        runs: vec![run],
        log: log(&LOG),
        ..State::default()
    }
}
