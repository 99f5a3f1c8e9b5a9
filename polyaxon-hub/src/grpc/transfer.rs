//! Logs for readers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use polyaxon_proto::transfer::v1::transfer_server::Transfer;
use polyaxon_proto::transfer::v1::{LogChunk, ReadLogsRequest};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::auth::{require, still_admitted};
use super::errors;
use super::runs::find;
use crate::domain::access::{Principal, Scope};
use crate::domain::log::{Content, Entry, LogKey};
use crate::hub::Hub;
use crate::logs::{Cursor, LogError};

/// The container whose log is meant when none is named.
const MAIN_CONTAINER: &str = "polyaxon-main";
/// How long a log that has no end is waited for after its run has ended.
const LATE_LINES: Duration = Duration::from_secs(5);
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
            let over = self.is_over().await?;
            let complete = self.send_all(sender).await?;
            if sender.is_closed() || !self.request.follow {
                return Ok(());
            }
            let pause = match over {
                Over::Yes => return Ok(()),
                Over::Soon if complete => return Ok(()),
                Over::Soon => LOOK_SOON,
                Over::No => LOOK_AGAIN,
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

    /// Sends what is there; answers whether every log that began has its end.
    async fn send_all(&mut self, sender: &Chunks) -> Result<bool, Status> {
        let streams = self.hub.logs.streams(&self.run).await.map_err(failed)?;
        let mut complete = true;
        for stream in streams {
            if !self.wants(&stream.key) {
                continue;
            }
            complete &= stream.ended;
            self.send_one(&stream.key, sender).await?;
        }
        Ok(complete)
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

    async fn is_over(&self) -> Result<Over, Status> {
        let run = self.hub.storage.run(&self.run).await;
        let Some(run) = run.map_err(errors::storage)? else {
            return Ok(Over::Yes);
        };
        let superseded = self.request.attempt != 0 && self.request.attempt < run.state.attempt;
        if !run.state.base.is_final() {
            return Ok(if superseded { Over::Soon } else { Over::No });
        }
        let since = run.finished_at.unwrap_or_default();
        if self.hub.clock.now().since(since) >= LATE_LINES {
            Ok(Over::Yes)
        } else {
            Ok(Over::Soon)
        }
    }
}

/// Whether more can come.
enum Over {
    /// The run goes on.
    No,
    /// Once the logs that began have their ends.
    Soon,
    /// Whatever is there now is all.
    Yes,
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
