//! Somebody who submits runs and stops them, through the real services.

use std::sync::Arc;
use std::time::Duration;

use polyaxon_agent::hub::Transport;
use polyaxon_proto::runs::v1::runs_client::RunsClient;
use polyaxon_proto::runs::v1::{CreateRequest, StopRequest};
use serde_json::json;
use tonic::{Code, Request};

use super::World;
use super::cluster::Script;
use super::hub_host::{HubHost, USER_TOKEN};
use super::process::Process;
use super::wire::Wire;
use crate::history::Fact;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same between two tries.
const PAUSE: Duration = Duration::from_millis(700);

/// What is submitted.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What its container does.
    pub script: Script,
    /// `termination.maxRetries`.
    pub retries: u64,
    /// `termination.timeout` in seconds.
    pub timeout: Option<u64>,
    /// Idempotency key; empty: none.
    pub key: String,
}

impl Submission {
    fn operation(&self) -> String {
        let mut termination = json!({ "maxRetries": self.retries });
        if let Some(timeout) = self.timeout {
            termination["timeout"] = timeout.into();
        }
        json!({
            "version": 1.1,
            "kind": "operation",
            "termination": termination,
            "component": {
                "version": 1.1,
                "kind": "component",
                // The agent has no store for them.
                "plugins": { "collectArtifacts": false },
                "run": {
                    "kind": "job",
                    "container": { "image": "simulated", "args": self.script.arguments() },
                },
            },
        })
        .to_string()
    }
}

/// A client.
#[derive(Clone)]
pub struct Client {
    world: World,
    runs: RunsClient<Transport>,
    /// Whether what it was told is part of the history.
    recorded: bool,
}

impl Client {
    /// A client of this name.
    #[must_use]
    pub fn new(world: World, name: &str, hub: Arc<HubHost>) -> Self {
        let wire = Wire::new(world.clone(), Process::new(name), hub);
        Self {
            world,
            runs: RunsClient::new(Transport::new(wire)),
            recorded: true,
        }
    }

    /// The same, but what it is told is no part of the history.
    #[must_use]
    pub fn unrecorded(self) -> Self {
        Self {
            recorded: false,
            ..self
        }
    }

    fn request<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Ok(token) = format!("Bearer {USER_TOKEN}").parse() {
            request.metadata_mut().insert("authorization", token);
        }
        request.set_timeout(PATIENCE);
        request
    }

    /// Submits until the hub has accepted it, so many times at most; answers the uuid.
    pub async fn submit(&self, submission: &Submission, tries: u32) -> Option<String> {
        for _ in 0..tries {
            let request = Self::request(CreateRequest {
                operation: submission.operation().into(),
                idempotency_key: submission.key.clone(),
                ..CreateRequest::default()
            });
            match self.runs.clone().create(request).await {
                Ok(answer) => {
                    let run = answer.into_inner().run?.uuid;
                    if self.recorded {
                        self.world.recorder.record(Fact::Accepted {
                            run: run.clone(),
                            key: submission.key.clone(),
                        });
                    }
                    return Some(run);
                }
                Err(status) if status.code() == Code::InvalidArgument => {
                    self.world
                        .recorder
                        .note(format!("client: {}", status.message()));
                    return None;
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
        None
    }

    /// Stops a run; an abandonment is tried once, because it may be refused.
    pub async fn stop(&self, run: &str, abandon: bool) {
        let tries = if abandon { 1 } else { 100 };
        for _ in 0..tries {
            let request = Self::request(StopRequest {
                uuid: run.to_owned(),
                reason: "simulated".to_owned(),
                abandon,
            });
            match self.runs.clone().stop(request).await {
                Ok(_) => {
                    let run = run.to_owned();
                    self.world.recorder.record(Fact::StopAcknowledged { run });
                    return;
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
