//! Following a run: its events and its log, over as many connections as it takes.

mod backoff;
mod events;
mod log_cursor;
mod logs;
pub(crate) mod outcome;
pub(crate) mod screen;

use polyaxon_proto::runs::v1::{Event, Run};
use polyaxon_proto::transfer::v1::LogChunk;
use tokio::sync::mpsc;

use crate::client::{Hub, HubError};

pub(crate) use logs::LogOptions;

/// What happens to a run while it is followed.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Its status changed.
    Event(Event),
    /// A part of its log.
    Log(LogChunk),
    /// The hub does not answer; it is asked again.
    Lost(String),
    /// The hub answers again.
    Back,
    /// The run has ended; nothing follows on the events.
    Ended(Box<Run>),
    /// Nothing follows on the log.
    LogEnded,
    /// Asking again would not help.
    GaveUp(HubError),
}

/// Messages that wait to be shown; more wait in the connection.
const WAITING: usize = 256;

/// A run that is being followed.
pub(crate) struct Follower {
    receiver: mpsc::Receiver<Progress>,
    wants_events: bool,
    wants_log: bool,
    ended: Option<Box<Run>>,
    log_ended: bool,
}

impl Follower {
    /// Starts following: the events from the first one on, the log, or both.
    pub(crate) fn start(hub: &Hub, uuid: &str, events: bool, log: Option<LogOptions>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let wants_log = log.is_some();
        if events {
            tokio::spawn(events::watch(hub.clone(), uuid.to_owned(), sender.clone()));
        }
        if let Some(options) = log {
            tokio::spawn(logs::read(hub.clone(), uuid.to_owned(), options, sender));
        }
        Self {
            receiver,
            wants_events: events,
            wants_log,
            ended: None,
            log_ended: false,
        }
    }

    /// What happened next; `None` once all that was wanted is complete.
    pub(crate) async fn next(&mut self) -> Option<Progress> {
        loop {
            let events_complete = self.ended.is_some() || !self.wants_events;
            if events_complete && (self.log_ended || !self.wants_log) {
                return None;
            }
            match self.receiver.recv().await? {
                Progress::Ended(run) => self.ended = Some(run),
                Progress::LogEnded => self.log_ended = true,
                progress => return Some(progress),
            }
        }
    }

    /// The run as it was at its end.
    pub(crate) fn into_run(self) -> Option<Run> {
        self.ended.map(|run| *run)
    }
}
