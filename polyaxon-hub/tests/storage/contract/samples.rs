//! Records for the contracts of runs, agents and logs.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use polyaxon_hub::domain::run::{NewRun, Retries, RunRecord, RunSpec};
use polyaxon_hub::domain::session::{Hello, QueueSpec, SessionKey};
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::agents::Claim;
use polyaxon_spec::state::RunState;

static NEXT: AtomicU32 = AtomicU32::new(1);

/// A fresh identifier; later ones sort behind earlier ones.
pub(crate) fn id() -> String {
    format!("{:032x}", NEXT.fetch_add(1, Ordering::SeqCst))
}

pub(crate) fn queue(name: &str, concurrency: Option<u64>) -> QueueSpec {
    QueueSpec {
        id: id(),
        name: name.into(),
        priority: 0,
        concurrency,
    }
}

pub(crate) fn hello(agent: &str, replica: &str) -> Hello {
    Hello {
        agent: agent.into(),
        agent_id: id(),
        session_id: id(),
        replica: replica.into(),
        version: "1".into(),
        queues: vec![queue("default", None), queue("one", Some(1))],
        catalog: "{}".into(),
        advertised_address: String::new(),
        only_if_vacant: false,
    }
}

pub(crate) async fn open(storage: &dyn Storage, agent: &str, at: i64) -> SessionKey {
    let until = Millis(at + 20_000);
    storage
        .open_session(hello(agent, "r"), Millis(at), until)
        .await
        .unwrap()
        .unwrap()
}

/// A session that has synced with nothing in its cluster.
pub(crate) async fn synced(storage: &dyn Storage, agent: &str, at: i64) -> SessionKey {
    let session = open(storage, agent, at).await;
    storage
        .sync_session(&session, Vec::new(), true, Millis(at), Millis(at + 30_000))
        .await
        .unwrap()
        .unwrap();
    session
}

/// A queued run of the first agent that has the queue.
pub(crate) async fn new_run(storage: &dyn Storage, queue: &str, key: Option<&str>) -> NewRun {
    let queue = storage.queue(None, queue).await.unwrap().unwrap();
    let mut record = RunRecord {
        uuid: id(),
        owner: "default".into(),
        project: "default".into(),
        project_uuid: "p".into(),
        name: "n".into(),
        description: "d".into(),
        tags: vec!["a".into()],
        kind: "job".into(),
        agent_id: queue.agent.id,
        agent: queue.agent.name,
        queue_id: queue.id,
        queue: queue.name,
        priority: 0,
        state: RunState::default(),
        reason: String::new(),
        message: String::new(),
        pending: String::new(),
        event_seq: 0,
        session_id: None,
        launch_deadline: None,
        acknowledged: false,
        stop_reason: String::new(),
        object_name: String::new(),
        object_uid: String::new(),
        ref_as_typed: "kaniko".into(),
        component: "polyaxon/kaniko:latest".into(),
        component_digest: "sha256:0".into(),
        spec_hash: "sha256:1".into(),
        timeout: Some(Duration::from_mins(1)),
        deadline_at: None,
        build: None,
        failure: None,
        isolation: String::new(),
        log_incomplete: false,
        retries: Retries {
            default: 3,
            ..Retries::default()
        },
        earlier_attempts: Vec::new(),
        created_by: "ci".into(),
        idempotency_key: key.map(Into::into),
        request_hash: "h".into(),
        created_at: Millis(1),
        compiled_at: Millis(1),
        queued_at: Millis(1),
        started_at: None,
        finished_at: None,
    };
    let events = record.begin("user ci", Millis(1));
    NewRun {
        record,
        spec: RunSpec {
            operation: b"{}".to_vec(),
            compiled: b"{\"c\":1}".to_vec(),
        },
        events,
    }
}

pub(crate) async fn insert(storage: &dyn Storage, queue: &str) -> RunRecord {
    let run = new_run(storage, queue, None).await;
    let record = run.record.clone();
    storage.insert_run(run).await.unwrap();
    record
}

pub(crate) fn claim(slots: u64, at: i64) -> Claim {
    Claim {
        slots,
        queues: Vec::new(),
        launch_deadline: Millis(at + 30_000),
        at: Millis(at),
    }
}
