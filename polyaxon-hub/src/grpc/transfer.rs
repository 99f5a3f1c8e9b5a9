//! Logs for readers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use polyaxon_proto::transfer::v1::transfer_server::Transfer;
use polyaxon_proto::transfer::v1::{LogChunk, ReadLogsRequest};
use polyaxon_spec::state::Status as RunStatus;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::auth::{require, still_admitted};
use super::errors;
use super::runs::find;
use crate::domain::access::{Principal, Scope};
use crate::domain::log::{Content, Entry, LogKey};
use crate::domain::run::{Failure, RunRecord};
use crate::hub::Hub;
use crate::logs::{Cursor, LogError};

/// The container whose log is meant when none is named.
const MAIN_CONTAINER: &str = "polyaxon-main";
/// How long a log that has no end is waited for after its run has ended, while its agent is there.
const LATE_LINES: Duration = Duration::from_mins(1);
/// The same while the agent is silent.
const LATE_LINES_OF_SILENT: Duration = Duration::from_secs(5);
/// What stands where a log stops before its end.
const NO_END: &str =
    "the agent has not sent the end of this log; what comes later is shown when it is read again";
/// A reader looks again after this time even if nobody woke it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// The same once the run has ended.
const LOOK_SOON: Duration = Duration::from_millis(500);

/// `polyaxon.transfer.v1.Transfer`.
pub(super) struct TransferService(pub(super) Arc<Hub>);

type Chunks = mpsc::Sender<Result<LogChunk, Status>>;

#[tonic::async_trait]
impl Transfer for TransferService {
    type ReadLogsStream = ReceiverStream<Result<LogChunk, Status>>;

    async fn read_logs(
        &self,
        request: Request<ReadLogsRequest>,
    ) -> Result<Response<Self::ReadLogsStream>, Status> {
        let caller = require(&request, &[Scope::User, Scope::Run])?;
        let request = request.into_inner();
        let run = find(&self.0, &caller, &request.run).await?;
        let (sender, receiver) = mpsc::channel(64);
        let mut reader = Reader {
            hub: self.0.clone(),
            caller,
            run: run.uuid,
            request,
            cursors: HashMap::new(),
        };
        tokio::spawn(async move {
            if let Err(status) = reader.run(&sender).await {
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

struct Reader {
    hub: Arc<Hub>,
    caller: Principal,
    run: String,
    request: ReadLogsRequest,
    cursors: HashMap<LogKey, Cursor>,
}

impl Reader {
    async fn run(&mut self, sender: &Chunks) -> Result<(), Status> {
        let mut changes = self.hub.logs.subscribe(&self.run);
        let mut events = self.hub.events.subscribe(&self.run);
        let mut revocations = self.hub.tokens.revocations();
        loop {
            changes.mark_unchanged();
            events.mark_unchanged();
            revocations.mark_unchanged();
            still_admitted(&self.hub, &self.caller).await?;
            // Looked at first, so that what is read afterwards is all of it.
            let run = self.look().await?;
            let endless = self.send_all(&run, sender).await?;
            let waits = self.request.follow && (!endless.is_empty() || run.over == Over::No);
            if sender.is_closed() || run.over == Over::Yes || !waits {
                if run.over != Over::No {
                    self.mark(&endless, sender).await;
                }
                return Ok(());
            }
            let pause = if run.over == Over::No {
                LOOK_AGAIN
            } else {
                LOOK_SOON
            };
            tokio::select! {
                biased;
                () = changes.changed() => {}
                () = events.changed() => {}
                () = revocations.changed() => {}
                () = tokio::time::sleep(pause) => {}
                () = sender.closed() => return Ok(()),
                () = self.hub.draining.cancelled() => return Err(errors::draining()),
            }
        }
    }

    /// Sends what is there; answers which logs have no end.
    async fn send_all(&mut self, run: &Look, sender: &Chunks) -> Result<Vec<LogKey>, Status> {
        let streams = self.hub.logs.streams(&self.run).await.map_err(failed)?;
        let mut endless: Vec<LogKey> = run.log.iter().cloned().collect();
        for stream in streams {
            if stream.ended {
                endless.retain(|key| *key != stream.key);
            } else if !endless.contains(&stream.key) {
                endless.push(stream.key.clone());
            }
            if self.wants(&stream.key) {
                self.send_one(&stream.key, sender).await?;
            }
        }
        endless.retain(|key| self.wants(key));
        Ok(endless)
    }

    /// Says that a log is not whole.
    async fn mark(&self, endless: &[LogKey], sender: &Chunks) {
        for key in endless {
            let mark = LogChunk {
                attempt: key.attempt,
                container: key.container.clone(),
                offset: self.cursors.get(key).map_or(0, |cursor| cursor.offset),
                gap: NO_END.to_owned(),
                ..LogChunk::default()
            };
            let _nobody_reads_any_more = sender.send(Ok(mark)).await;
        }
    }

    async fn send_one(&mut self, key: &LogKey, sender: &Chunks) -> Result<(), Status> {
        let start = self.start(key);
        let cursor = self
            .cursors
            .entry(key.clone())
            .or_insert_with(|| Cursor::at(start));
        loop {
            let entries = self.hub.logs.read(key, cursor).await.map_err(failed)?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                if sender.send(Ok(chunk(key, entry))).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    fn wants(&self, key: &LogKey) -> bool {
        let request = &self.request;
        let attempt = request.attempt == 0 || request.attempt == key.attempt;
        let container = match request.container.as_str() {
            _ if request.all_containers => true,
            "" => key.container == MAIN_CONTAINER,
            name => key.container == name,
        };
        attempt && container
    }

    /// An offset belongs to one log: that of the attempt named, or of the first one.
    fn start(&self, key: &LogKey) -> u64 {
        let named = self.request.attempt.max(1) == key.attempt;
        if named && !self.request.all_containers {
            self.request.from_offset
        } else {
            0
        }
    }

    async fn look(&self) -> Result<Look, Status> {
        let run = self.hub.storage.run(&self.run).await;
        let Some(run) = run.map_err(errors::storage)? else {
            return Ok(Look {
                over: Over::Yes,
                log: None,
            });
        };
        if !run.state.base.is_final() {
            let superseded = self.request.attempt != 0 && self.request.attempt < run.state.attempt;
            return Ok(Look {
                over: if superseded { Over::Soon } else { Over::No },
                log: None,
            });
        }
        let now = self.hub.clock.now();
        let agent = self.hub.storage.agent(&run.agent).await;
        let is_there = agent
            .map_err(errors::storage)?
            .is_some_and(|agent| agent.is_there(now));
        let patience = if is_there {
            LATE_LINES
        } else {
            LATE_LINES_OF_SILENT
        };
        let late = now.since(run.finished_at.unwrap_or_default()) >= patience;
        Ok(Look {
            over: if late { Over::Yes } else { Over::Soon },
            log: log_of_ended(&run),
        })
    }
}

/// What is known of a run before its log is read.
struct Look {
    over: Over,
    /// A log that there must be.
    log: Option<LogKey>,
}

/// Whether more can come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// The run goes on.
    No,
    /// Once the logs have their ends.
    Soon,
    /// Whatever is there now is all.
    Yes,
}

/// The main container's log, if that container has ended by itself: it comes, even if nothing of it is here yet.
fn log_of_ended(run: &RunRecord) -> Option<LogKey> {
    let failed =
        |failure: &Failure| failure.container == MAIN_CONTAINER && failure.exit_code.is_some();
    let ended = run.state.base == RunStatus::Succeeded || run.failure.as_ref().is_some_and(failed);
    ended.then(|| LogKey {
        run: run.uuid.clone(),
        attempt: run.state.attempt,
        container: MAIN_CONTAINER.to_owned(),
    })
}

fn chunk(key: &LogKey, entry: Entry) -> LogChunk {
    let mut chunk = LogChunk {
        attempt: key.attempt,
        container: key.container.clone(),
        offset: entry.offset,
        at_ns: entry.at_ns,
        ..LogChunk::default()
    };
    match entry.content {
        Content::Data {
            stream,
            partial,
            data,
        } => {
            chunk.stream = stream.into();
            chunk.partial = partial;
            chunk.data = data;
        }
        Content::Gap { why, .. } | Content::Limit { why } => chunk.gap = why,
    }
    chunk
}

/// A log that cannot be read or written, for callers.
pub(super) fn failed(error: LogError) -> Status {
    match error {
        LogError::Index(error) => errors::storage(error),
        LogError::Stopped => errors::draining(),
        LogError::Full { .. } => errors::disk_full(&error),
        LogError::Io { .. } | LogError::Store { .. } => {
            tracing::error!(%error, "logs failed");
            errors::status(
                tonic::Code::Unavailable,
                "LOGS",
                "the hub cannot write or read this log: try again, the hub's log says more",
            )
        }
    }
}
