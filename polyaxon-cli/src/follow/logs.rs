//! The log of a run, each byte once.

use polyaxon_proto::runs::v1::{GetRequest, Run};
use polyaxon_proto::transfer::v1::ReadLogsRequest;
use secrecy::SecretString;
use tokio::sync::mpsc::Sender;
use tonic::Code;

use super::Progress;
use super::backoff::Backoff;
use super::log_cursor::LogCursor;
use crate::client::{Hub, HubError};
use crate::view::run::is_final;

/// Which log is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogOptions {
    /// Empty: the main container.
    pub(crate) container: String,
    pub(crate) all_containers: bool,
    /// Read what is there and end.
    pub(crate) no_follow: bool,
    /// The run has ended: what is late is waited for, a hub that does not answer is not.
    pub(crate) has_ended: bool,
}

impl LogOptions {
    /// A follower waits for as long as the events do; a reader wants an answer now.
    pub(super) fn wants_answer_now(&self) -> bool {
        self.no_follow || self.has_ended
    }
}

/// What the end of one connection means.
enum End {
    /// All was read.
    Complete,
    /// Ask again; `true` if something was read.
    Again(bool),
}

/// Sends chunks until all was read, then [`Progress::LogEnded`]. Ends when nobody listens.
pub(super) async fn read(hub: Hub, uuid: String, options: LogOptions, sender: Sender<Progress>) {
    let mut cursor = LogCursor::default();
    let mut backoff = Backoff::default();
    // An agent that serves logs and cannot be reached from here is passed over: the hub relays.
    let mut through_hub = false;
    loop {
        match read_once(&hub, &uuid, &options, through_hub, &mut cursor, &sender).await {
            Ok(End::Complete) => {
                let _ = sender.send(Progress::LogEnded).await;
                return;
            }
            Ok(End::Again(true)) => backoff.succeeded(),
            Ok(End::Again(false)) => {}
            Err(error) if error.is_passing() && !(options.wants_answer_now() && through_hub) => {
                through_hub = options.wants_answer_now() || !through_hub;
            }
            Err(error) => {
                let _ = sender.send(Progress::GaveUp(error)).await;
                return;
            }
        }
        tokio::time::sleep(backoff.wait(rand::random())).await;
        if sender.is_closed() {
            return;
        }
    }
}

async fn read_once(
    hub: &Hub,
    uuid: &str,
    options: &LogOptions,
    through_hub: bool,
    cursor: &mut LogCursor,
    sender: &Sender<Progress>,
) -> Result<End, HubError> {
    let before = get(hub, uuid).await?;
    let server = server(hub, &before, through_hub)?;
    let start = cursor.start(options.all_containers);
    let request = ReadLogsRequest {
        run: uuid.to_owned(),
        attempt: start.attempt,
        container: options.container.clone(),
        all_containers: options.all_containers,
        follow: !options.no_follow,
        from_offset: start.offset,
    };
    let mut stream = match server.answer(server.transfer().read_logs(request).await) {
        Ok(stream) => stream,
        // Nothing is known of a log before the run starts.
        Err(HubError::Answer {
            code: Code::NotFound,
            ..
        }) => {
            return Ok(if options.no_follow || is_final(before.status()) {
                End::Complete
            } else {
                End::Again(false)
            });
        }
        Err(error) => return Err(error),
    };
    let mut read_something = false;
    loop {
        let message = stream
            .message()
            .await
            .map_err(|status| HubError::of_status(server.host(), &status))?;
        let Some(chunk) = message else { break };
        read_something = true;
        if let Some(chunk) = cursor.accept(chunk)
            && sender.send(Progress::Log(chunk)).await.is_err()
        {
            return Ok(End::Complete);
        }
    }
    // A request for one attempt ends with it: later ones are asked for one by one.
    let after = get(hub, uuid).await?;
    if start.attempt != 0 && after.attempt > start.attempt {
        cursor.begin_attempt(start.attempt + 1);
        return Ok(End::Again(true));
    }
    if options.no_follow || is_final(after.status()) {
        Ok(End::Complete)
    } else {
        Ok(End::Again(read_something))
    }
}

async fn get(hub: &Hub, uuid: &str) -> Result<Run, HubError> {
    let request = GetRequest {
        uuid: uuid.to_owned(),
    };
    hub.answer(hub.runs().get(request).await)
}

/// Who serves the log of a run.
fn server(hub: &Hub, run: &Run, through_hub: bool) -> Result<Hub, HubError> {
    match &run.endpoint {
        Some(endpoint) if !endpoint.address.is_empty() && !through_hub => {
            let token = SecretString::from(endpoint.token.clone());
            Hub::lazy(&endpoint.address, Some(&token))
        }
        _ => Ok(hub.clone()),
    }
}
