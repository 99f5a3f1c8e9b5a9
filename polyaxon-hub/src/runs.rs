//! From an operation as a client sends it to a run that can be queued.

use std::sync::Arc;
use std::time::Duration;

use polyaxon_spec::catalog::Catalog;
use polyaxon_spec::compose::{CompiledOperation, compose};
use polyaxon_spec::diagnostic::{Code, Diagnostic, Report};
use polyaxon_spec::operation::Operation;
use polyaxon_spec::params;
use polyaxon_spec::plan::plan;
use polyaxon_spec::policy::{self, Policy};
use polyaxon_spec::resolve::{RunContext, resolve};
use polyaxon_spec::state::RunState;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::components::{CollectError, Collected, Components, collect};
use crate::domain::components::nearest;
use crate::domain::run::{DEFAULT_RETRIES, NewRun, Retries, RunRecord, RunSpec};
use crate::domain::session::{DEFAULT_QUEUE, QueueRecord};
use crate::domain::time::Millis;
use crate::storage::access::ProjectRecord;
use crate::storage::{Storage, StorageError};

/// Why an operation does not become a run.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// It is not valid.
    #[error("{0}")]
    Invalid(Report),
    /// A component that it refers to is not there.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// No agent ever had a queue of this name.
    #[error("{0}")]
    NoAgent(String),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<Report> for PrepareError {
    fn from(report: Report) -> Self {
        Self::Invalid(report)
    }
}

/// What an agent publishes: its catalog and, if it has one, what its admin lets users do.
#[derive(Debug, Clone, Deserialize)]
pub struct Published {
    /// Names, kinds and schemas.
    #[serde(flatten)]
    pub catalog: Catalog,
    /// Absent: only the agent itself checks.
    pub policy: Option<Policy>,
    /// Further attempts of runs that set none themselves; absent: the hub's own number.
    #[serde(rename = "maxRetries")]
    pub max_retries: Option<u32>,
}

/// An operation that passed every check.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// After composition.
    pub compiled: CompiledOperation,
    /// Where it waits.
    pub queue: QueueRecord,
    /// What it refers to.
    pub collected: Collected,
    /// Further attempts if it says nothing itself.
    pub default_retries: u32,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

/// Who asks for a run, and how it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Uuid of the new run.
    pub uuid: String,
    /// Where it belongs.
    pub project: ProjectRecord,
    /// JSON of the operation.
    pub operation: Vec<u8>,
    /// Name of the token.
    pub user: String,
    /// Names the call; absent: it is not repeatable.
    pub idempotency_key: Option<String>,
    /// Hash over the call.
    pub request_hash: String,
    /// Now.
    pub at: Millis,
}

/// Collects, composes and checks an operation against the catalog of the agent that would run it.
///
/// # Errors
/// Everything that would make the run fail and can be known before.
pub async fn prepare(
    storage: &Arc<dyn Storage>,
    components: &Components,
    request: &Request,
) -> Result<Prepared, PrepareError> {
    let mut operation = read(&request.operation)?;
    let collected = collect(components, &mut operation).await?;
    let compiled = compose(&operation)?;
    params::check(&compiled)?;
    refuse_unsupported(&compiled)?;
    let queue = queue(storage, compiled.queue()).await?;
    let mut warnings = collected.warnings.clone();
    let published = published(&queue)?;
    check_catalog(&compiled, &published, request)?;
    if !queue.agent.is_there(request.at) {
        warnings.push(format!(
            "the agent `{}` has not been heard of for {}: the run waits, and was checked against the agent's last catalog",
            queue.agent.name,
            ago(request.at.since(queue.agent.contact_until)),
        ));
    }
    Ok(Prepared {
        compiled,
        queue,
        collected,
        default_retries: published.max_retries.unwrap_or(DEFAULT_RETRIES),
        warnings,
    })
}

fn read(bytes: &[u8]) -> Result<Operation, PrepareError> {
    let value = serde_json::from_slice(bytes).map_err(|error| {
        Report::error(
            Code::Syntax,
            format!("the operation is not valid JSON: {error}"),
        )
    })?;
    Ok(Operation::from_json(&value)?)
}

fn refuse_unsupported(compiled: &CompiledOperation) -> Result<(), Report> {
    if let Some(preset) = compiled.presets().first() {
        return Err(Diagnostic::error(
            Code::UnknownPreset,
            format!("the hub has no preset `{preset}`"),
        )
        .in_field("presets")
        .into());
    }
    if compiled.needs_approval() {
        return Err(Diagnostic::error(
            Code::Unsupported,
            "this hub has no approvals: the run would wait for ever",
        )
        .in_field("isApproved")
        .with_help("leave `isApproved: false` out")
        .into());
    }
    Ok(())
}

async fn queue(
    storage: &Arc<dyn Storage>,
    wanted: Option<&str>,
) -> Result<QueueRecord, PrepareError> {
    let wanted = wanted.filter(|name| !name.is_empty());
    let (agent, name) = match wanted.and_then(|queue| queue.split_once('/')) {
        Some((agent, queue)) => (Some(agent), queue),
        None => (None, wanted.unwrap_or(DEFAULT_QUEUE)),
    };
    if let Some(queue) = storage.queue(agent, name).await? {
        return Ok(queue);
    }
    let names = storage.queue_names().await?;
    if names.is_empty() {
        return Err(PrepareError::NoAgent(
            "no agent has connected to this hub yet: make a token with `polyaxon admin token create --scope agent`, start `polyaxon-agent` with it and try again".into(),
        ));
    }
    let known = names.iter().map(String::as_str);
    let near: Vec<&str> = match agent {
        Some(_) => nearest(wanted.unwrap_or_default(), known),
        None => nearest(name, known.filter_map(|full| Some(full.split_once('/')?.1))),
    };
    let hint = if near.is_empty() {
        format!("there are: {}", quoted(names.iter().map(String::as_str)))
    } else {
        format!("did you mean {}?", quoted(near))
    };
    Err(PrepareError::Invalid(
        Diagnostic::error(
            Code::BadQueue,
            format!("there is no queue `{}`", wanted.unwrap_or(DEFAULT_QUEUE)),
        )
        .in_field("queue")
        .with_help(hint)
        .into(),
    ))
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = names
        .into_iter()
        .take(10)
        .map(|name| format!("`{name}`"))
        .collect();
    words.join(", ")
}

fn published(queue: &QueueRecord) -> Result<Published, StorageError> {
    serde_json::from_str(&queue.agent.catalog).map_err(|error| StorageError::Corrupt {
        what: "catalog of an agent",
        value: error.to_string(),
    })
}

fn check_catalog(
    compiled: &CompiledOperation,
    published: &Published,
    request: &Request,
) -> Result<(), PrepareError> {
    let at = jiff::Timestamp::from_millisecond(request.at.0).ok();
    let context = RunContext {
        owner: request.project.owner.clone(),
        project: request.project.name.clone(),
        project_uuid: request.project.uuid.clone(),
        run_uuid: request.uuid.clone(),
        run_name: compiled.name().unwrap_or_default().to_owned(),
        username: Some(request.user.clone()),
        created_at: at,
        compiled_at: at,
        ..RunContext::default()
    };
    let resolved = resolve(compiled, &context, &published.catalog)?;
    // The names that the agent will generate are not known yet and do not matter.
    let pod = plan(&resolved, &context, &published.catalog, &mut || {
        "0".repeat(10)
    })?;
    if let Some(policy) = &published.policy {
        policy::check(&pod, policy, &published.catalog)?;
    }
    Ok(())
}

fn ago(silence: Duration) -> String {
    let seconds = silence.as_secs();
    match seconds {
        0..120 => format!("{seconds} seconds"),
        120..7200 => format!("{} minutes", seconds / 60),
        7200..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

impl Prepared {
    /// JSON of the compiled operation, as it is stored and sent to the agent.
    #[must_use]
    pub fn compiled_json(&self) -> Vec<u8> {
        self.compiled.to_json().to_string().into_bytes()
    }

    /// The run in its first state: created, compiled and queued.
    #[must_use]
    pub fn into_run(self, request: Request) -> NewRun {
        let compiled = self.compiled_json();
        let document = &self.compiled.document;
        let at = request.at;
        let main = self.collected.main().cloned();
        let mut record = RunRecord {
            uuid: request.uuid,
            owner: request.project.owner,
            project: request.project.name,
            project_uuid: request.project.uuid,
            name: self.compiled.name().unwrap_or_default().into(),
            description: self.compiled.description().unwrap_or_default().into(),
            tags: self.compiled.tags().into_iter().map(Into::into).collect(),
            kind: self.compiled.run_kind().unwrap_or_default().into(),
            agent_id: self.queue.agent.id,
            agent: self.queue.agent.name,
            queue_id: self.queue.id,
            queue: self.queue.name,
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
            ref_as_typed: String::new(),
            component: String::new(),
            component_digest: String::new(),
            spec_hash: spec_hash(&compiled),
            timeout: document
                .pointer("/termination/timeout")
                .and_then(serde_json::Value::as_u64)
                .filter(|&seconds| seconds > 0)
                .map(Duration::from_secs),
            deadline_at: None,
            build: None,
            failure: None,
            isolation: String::new(),
            log_incomplete: false,
            retries: Retries {
                written: document
                    .pointer("/termination/maxRetries")
                    .and_then(serde_json::Value::as_u64)
                    .map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
                default: self.default_retries,
                ..Retries::default()
            },
            earlier_attempts: Vec::new(),
            created_by: request.user.clone(),
            idempotency_key: request.idempotency_key,
            request_hash: request.request_hash,
            created_at: at,
            compiled_at: at,
            queued_at: at,
            started_at: None,
            finished_at: None,
        };
        if let Some(main) = main {
            record.ref_as_typed = main.reference;
            record.component = main.component;
            record.component_digest = main.digest;
        }
        let source = format!("user {}", request.user);
        let events = record.begin(&source, at);
        NewRun {
            record,
            spec: RunSpec {
                operation: request.operation,
                compiled,
            },
            events,
        }
    }
}

/// `sha256:` over the compiled operation.
fn spec_hash(compiled: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(compiled) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
