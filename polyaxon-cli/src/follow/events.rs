//! The events of a run, each once.

use std::time::Duration;

use polyaxon_proto::runs::v1::{GetRequest, WatchRequest};
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;

use super::Progress;
use super::backoff::Backoff;
use crate::client::{Hub, HubError};
use crate::view::run::is_final;

/// How long a hub may be away before following gives up.
const PATIENCE: Duration = Duration::from_mins(10);

/// Sends events until the run has ended, then the run. Ends when nobody listens.
pub(super) async fn watch(hub: Hub, uuid: String, sender: Sender<Progress>) {
    let mut next_seq = 1;
    let mut backoff = Backoff::default();
    let mut lost = None;
    loop {
        let error = match watch_once(&hub, &uuid, &mut next_seq, &mut lost, &sender).await {
            Ok(Some(run)) => {
                let _ = sender.send(Progress::Ended(run)).await;
                return;
            }
            // The hub ended the stream early, as it does when it shuts down.
            Ok(None) => None,
            Err(error) if error.is_passing() => Some(error),
            Err(error) => {
                let _ = sender.send(Progress::GaveUp(error)).await;
                return;
            }
        };
        match (error, lost) {
            (Some(error), Some(since)) if Instant::now() - since > PATIENCE => {
                let _ = sender.send(Progress::GaveUp(error)).await;
                return;
            }
            (Some(error), None) => {
                lost = Some(Instant::now());
                backoff.succeeded();
                let lost = Progress::Lost(error.to_string());
                if sender.send(lost).await.is_err() {
                    return;
                }
            }
            _ => {}
        }
        tokio::time::sleep(backoff.wait(rand::random())).await;
        if sender.is_closed() {
            return;
        }
    }
}

/// One connection. Answers the run if it has ended.
async fn watch_once(
    hub: &Hub,
    uuid: &str,
    next_seq: &mut u64,
    lost: &mut Option<Instant>,
    sender: &Sender<Progress>,
) -> Result<Option<Box<polyaxon_proto::runs::v1::Run>>, HubError> {
    let request = WatchRequest {
        uuid: uuid.to_owned(),
        from_seq: *next_seq,
    };
    let mut stream = hub.answer(hub.runs().watch(request).await)?;
    if lost.take().is_some() {
        let _ = sender.send(Progress::Back).await;
    }
    loop {
        let message = stream
            .message()
            .await
            .map_err(|status| HubError::of_status(hub.host(), &status))?;
        let Some(event) = message else { break };
        if event.seq < *next_seq {
            continue;
        }
        *next_seq = event.seq + 1;
        let ends = !event.ignored && is_final(event.status());
        if sender.send(Progress::Event(event)).await.is_err() || ends {
            break;
        }
    }
    let request = GetRequest {
        uuid: uuid.to_owned(),
    };
    let run = hub.answer(hub.runs().get(request).await)?;
    Ok(is_final(run.status()).then(|| Box::new(run)))
}
