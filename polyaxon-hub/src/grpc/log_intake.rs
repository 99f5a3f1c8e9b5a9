//! The stream by which an agent's log bytes come in.
//!
//! The session is the fence of logs: a newer one ends the stream. Within a log the offsets keep order, so that a piece
//! that comes twice changes nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use polyaxon_proto::agent::v1::{LogRecord, PushLogsRequest, PushLogsResponse};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::{Status, Streaming};

use super::agent_convert::{cut, guarded, key, uuid};
use super::auth::still_admitted;
use super::{errors, transfer};
use crate::domain::access::Principal;
use crate::domain::log::{Content, Entry, LogKey, MAX_CHUNK, is_container_name};
use crate::domain::session::SessionKey;
use crate::hub::Hub;
use crate::logs::Append;

/// Messages that are written together.
const BATCH: usize = 32;
/// How long a session that was found good is not looked at again.
const TRUST: Duration = Duration::from_secs(1);

/// One such stream.
pub(super) struct Intake {
    hub: Arc<Hub>,
    caller: Principal,
    trusted: Option<(SessionKey, Instant)>,
    /// Attempts that this agent has.
    owned: HashSet<(String, u32)>,
}

impl Intake {
    pub(super) fn new(hub: Arc<Hub>, caller: Principal) -> Self {
        Self {
            hub,
            caller,
            trusted: None,
            owned: HashSet::new(),
        }
    }

    /// Writes what comes and answers what is durable, until the agent ends the stream.
    pub(super) async fn run(
        &mut self,
        mut messages: Streaming<PushLogsRequest>,
        answers: &mpsc::Sender<Result<PushLogsResponse, Status>>,
    ) -> Result<(), Status> {
        loop {
            let first = tokio::select! {
                biased;
                message = messages.message() => message?,
                () = self.hub.draining.cancelled() => return Err(errors::draining()),
            };
            let Some(first) = first else { return Ok(()) };
            let mut batch = vec![first];
            while batch.len() < BATCH
                && let Some(Ok(Some(message))) = messages.message().now_or_never()
            {
                batch.push(message);
            }
            for append in self.appends(batch).await? {
                let answer = self.answer(append).await?;
                if answers.send(Ok(answer)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// Writes output and says what is durable, and how far the log is if that is the question.
    async fn answer(&mut self, append: Append) -> Result<PushLogsResponse, Status> {
        let key = append.key.clone();
        let mut answer = PushLogsResponse {
            run: key.run.clone(),
            attempt: key.attempt,
            container: key.container.clone(),
            acked_offset: append.end,
            ended: append.eof,
            ..PushLogsResponse::default()
        };
        if !self.is_owned(&key).await? {
            tracing::warn!(
                run = key.run,
                agent = self.caller.name,
                "log of a run that the agent does not have"
            );
            return Ok(answer);
        }
        let asks = append.entries.is_empty() && !append.eof;
        let logs = &self.hub.logs;
        answer.acked_offset = logs.append(append).await.map_err(transfer::failed)?;
        if asks {
            let extent = logs.extent(&key).await.map_err(transfer::failed)?;
            answer.first_at_ns = extent.first_at_ns;
            answer.last_at_ns = extent.last_at_ns;
            answer.last_bytes = extent.last_bytes;
            answer.ended = extent.ended;
        }
        Ok(answer)
    }

    /// Joins messages for the same log.
    async fn appends(&mut self, batch: Vec<PushLogsRequest>) -> Result<Vec<Append>, Status> {
        let mut appends: Vec<Append> = Vec::new();
        let mut places: HashMap<LogKey, usize> = HashMap::new();
        for message in batch {
            self.check_session(&message).await?;
            let (key, entries, end) = read(&message)?;
            let place = *places.entry(key.clone()).or_insert_with(|| {
                appends.push(Append {
                    key,
                    entries: Vec::new(),
                    end: 0,
                    eof: false,
                });
                appends.len() - 1
            });
            if let Some(append) = appends.get_mut(place) {
                append.entries.extend(entries);
                append.end = append.end.max(end);
                append.eof |= message.eof;
            }
        }
        Ok(appends)
    }

    async fn check_session(&mut self, message: &PushLogsRequest) -> Result<(), Status> {
        let key = key(&self.caller, message.session.clone())?;
        let now = Instant::now();
        if let Some((trusted, since)) = &self.trusted
            && *trusted == key
            && now.duration_since(*since) < TRUST
        {
            return Ok(());
        }
        still_admitted(&self.hub, &self.caller).await?;
        guarded(
            self.hub
                .storage
                .directives(&key, self.hub.clock.now())
                .await,
        )?;
        self.trusted = Some((key, now));
        Ok(())
    }

    async fn is_owned(&mut self, key: &LogKey) -> Result<bool, Status> {
        let attempt = (key.run.clone(), key.attempt);
        if self.owned.contains(&attempt) {
            return Ok(true);
        }
        let run = self.hub.storage.run(&key.run).await;
        let owned = run.map_err(errors::storage)?.is_some_and(|run| {
            run.agent == self.caller.name && (1..=run.state.attempt).contains(&key.attempt)
        });
        if owned {
            self.owned.insert(attempt);
        }
        Ok(owned)
    }
}

fn read(message: &PushLogsRequest) -> Result<(LogKey, Vec<Entry>, u64), Status> {
    if !is_container_name(&message.container) {
        return Err(errors::invalid(format!(
            "`{}` is not the name of a container",
            message.container
        )));
    }
    let size: usize = message.records.iter().map(|record| record.data.len()).sum();
    // Line ends are not in the data but count in the sender's measure.
    if size > MAX_CHUNK {
        return Err(errors::invalid(format!(
            "a message has at most {MAX_CHUNK} bytes of output"
        )));
    }
    let key = LogKey {
        run: uuid(&message.run)?,
        attempt: message.attempt,
        container: message.container.clone(),
    };
    let mut end = message.offset;
    let entries = message
        .records
        .iter()
        .map(|record| {
            let entry = entry(end, record);
            end = entry.end();
            entry
        })
        .collect();
    Ok((key, entries, end))
}

fn entry(offset: u64, record: &LogRecord) -> Entry {
    Entry {
        offset,
        at_ns: record.at_ns,
        content: if record.gap.is_empty() {
            Content::Data {
                stream: if record.stream == 2 { 2 } else { 1 },
                partial: record.partial,
                data: record.data.clone(),
            }
        } else {
            Content::Gap {
                span: 1,
                why: cut(&record.gap),
            }
        },
    }
}
