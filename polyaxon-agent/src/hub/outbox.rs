//! What the hub must learn: launches and statuses, kept until it has answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use polyaxon_proto::agent::v1::{
    AckLaunchRequest, Directive, ReportRequest, Session, StatusReport,
    ack_launch_request::Outcome as AckOutcome, report_result::Outcome as ReportOutcome,
};
use tokio::sync::{mpsc, watch};

use super::{HubClient, HubError, LinkEvent};
use crate::attempt::AttemptKey;
use crate::failpoint::Failpoint;
use crate::machine::LaunchOutcome;

/// Reports in one call at most, as the protocol says.
const BATCH: usize = 500;

/// Launches that are acknowledged at the same time.
const CONCURRENT_ACKS: usize = 16;

/// Fence of an attempt that nobody has to hear of any more.
pub const WITHDRAWN: u64 = 0;

/// What became of a launch.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Which attempt.
    pub key: AttemptKey,
    /// Its fence, read when the message is sent.
    pub fence: Arc<AtomicU64>,
    /// What became of it.
    pub outcome: LaunchOutcome,
}

/// A status, numbered within its attempt.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which attempt.
    pub key: AttemptKey,
    /// Its fence, read when the message is sent.
    pub fence: Arc<AtomicU64>,
    /// The message without fence.
    pub report: StatusReport,
    /// Nothing follows it.
    pub is_final: bool,
}

enum Item {
    Launch(Launch),
    Report(Box<Report>),
}

/// Takes messages for the hub in any state of the connection.
#[derive(Clone)]
pub struct Outbox {
    sender: mpsc::UnboundedSender<Item>,
    waiting: Arc<AtomicU64>,
}

impl Outbox {
    /// An outbox and the task that empties it.
    pub fn new(
        hub: HubClient,
        sessions: watch::Receiver<Option<Session>>,
        events: mpsc::Sender<LinkEvent>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::<AtomicU64>::default();
        let worker = Worker {
            hub,
            sessions,
            events,
            waiting: Arc::clone(&waiting),
        };
        (Self { sender, waiting }, worker.run(receiver))
    }

    /// Messages that the hub has not answered.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    fn send(&self, item: Item) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _closed_at_shutdown = self.sender.send(item);
    }

    /// Tells what became of a launch.
    pub fn launched(&self, launch: Launch) {
        self.send(Item::Launch(launch));
    }

    /// Tells a status.
    pub fn report(&self, report: Report) {
        self.send(Item::Report(Box::new(report)));
    }
}

struct Worker {
    hub: HubClient,
    sessions: watch::Receiver<Option<Session>>,
    events: mpsc::Sender<LinkEvent>,
    waiting: Arc<AtomicU64>,
}

impl Worker {
    async fn run(mut self, mut items: mpsc::UnboundedReceiver<Item>) {
        let mut taken = Vec::new();
        while items.recv_many(&mut taken, BATCH).await > 0 {
            let (mut launches, mut reports) = (Vec::new(), Vec::new());
            for item in taken.drain(..) {
                match item {
                    Item::Launch(launch) => launches.push(launch),
                    Item::Report(report) => reports.push(*report),
                }
            }
            // A launch comes before the first status of its attempt.
            let sent = (launches.len(), reports.len());
            self.send_launches(launches).await;
            self.done(sent.0);
            self.send_reports(reports).await;
            self.done(sent.1);
        }
    }

    fn done(&self, messages: usize) {
        let messages = u64::try_from(messages).unwrap_or(u64::MAX);
        self.waiting.fetch_sub(messages, Ordering::Relaxed);
    }

    async fn session(&mut self) -> Option<Session> {
        let now = self.sessions.wait_for(Option::is_some).await.ok()?;
        now.clone()
    }

    async fn send_launches(&mut self, mut launches: Vec<Launch>) {
        let mut backoff = self.hub.ambience().backoff();
        while !launches.is_empty() {
            let Some(session) = self.session().await else {
                return;
            };
            launches.retain(|launch| launch.fence.load(Ordering::Relaxed) != WITHDRAWN);
            let hub = &self.hub;
            let answers: Vec<_> = futures::stream::iter(launches.drain(..).map(|launch| {
                let request = ack(&session, &launch);
                async move { (launch, hub.ack_launch(request).await) }
            }))
            .buffer_unordered(CONCURRENT_ACKS)
            .collect()
            .await;
            for (launch, answer) in answers {
                match answer {
                    Ok(answer) => self.directives(answer.directives).await,
                    Err(error) if is_hopeless(&error) => {
                        tracing::warn!(key = %launch.key, %error, "a launch was not acknowledged");
                    }
                    // The sync of the next session asks again for what is still wanted.
                    Err(error @ HubError::Fenced(_)) => self.failed(&error).await,
                    Err(error) => {
                        self.failed(&error).await;
                        launches.push(launch);
                    }
                }
            }
            if !launches.is_empty() {
                backoff.wait().await;
            }
        }
    }

    async fn send_reports(&mut self, mut reports: Vec<Report>) {
        let mut backoff = self.hub.ambience().backoff();
        loop {
            let Some(session) = self.session().await else {
                return;
            };
            reports.retain(|report| report.fence.load(Ordering::Relaxed) != WITHDRAWN);
            if reports.is_empty() {
                return;
            }
            let request = ReportRequest {
                session: Some(session),
                reports: reports.iter().map(message).collect(),
            };
            let has_final = reports.iter().any(|report| report.is_final);
            if has_final {
                Failpoint::BeforeFinalReport.hit();
            }
            match self.hub.report(request).await {
                Ok(answer) => {
                    if has_final {
                        Failpoint::AfterFinalReport.hit();
                    }
                    let mut fenced = Vec::new();
                    for report in reports {
                        let result = answer.results.iter().find(|result| {
                            *result.run == *report.key.run
                                && result.attempt == report.key.attempt
                                && result.seq == report.report.seq
                        });
                        match result.map(polyaxon_proto::agent::v1::ReportResult::outcome) {
                            Some(ReportOutcome::Fenced) | None => fenced.push(report),
                            Some(outcome) => self.answered(&report, outcome).await,
                        }
                    }
                    self.directives(answer.directives).await;
                    reports = fenced;
                    if !reports.is_empty() {
                        let _shutdown = self.events.send(LinkEvent::Fenced).await;
                        backoff.wait().await;
                    }
                }
                Err(error) if is_hopeless(&error) => {
                    tracing::warn!(%error, "reports were not accepted");
                    return;
                }
                Err(error) => {
                    self.failed(&error).await;
                    backoff.wait().await;
                }
            }
        }
    }

    async fn answered(&self, report: &Report, outcome: ReportOutcome) {
        let event = match outcome {
            ReportOutcome::NotFound => LinkEvent::Unknown(report.key.clone()),
            _ if report.is_final => LinkEvent::OutcomeAcknowledged(report.key.clone()),
            _ => return,
        };
        let _shutdown = self.events.send(event).await;
    }

    async fn failed(&self, error: &HubError) {
        tracing::debug!(%error, "a message to the hub waits");
        if matches!(error, HubError::Fenced(_)) {
            let _shutdown = self.events.send(LinkEvent::Fenced).await;
        }
    }

    async fn directives(&self, directives: Vec<Directive>) {
        if !directives.is_empty() {
            let _shutdown = self.events.send(LinkEvent::Directives(directives)).await;
        }
    }
}

fn is_hopeless(error: &HubError) -> bool {
    matches!(error, HubError::Refused(_))
}

fn message(report: &Report) -> StatusReport {
    StatusReport {
        fence: report.fence.load(Ordering::Relaxed),
        ..report.report.clone()
    }
}

fn ack(session: &Session, launch: &Launch) -> AckLaunchRequest {
    let mut request = AckLaunchRequest {
        session: Some(session.clone()),
        run: launch.key.run.to_string(),
        attempt: launch.key.attempt,
        fence: launch.fence.load(Ordering::Relaxed),
        object_name: launch.key.object_name(),
        ..AckLaunchRequest::default()
    };
    match &launch.outcome {
        LaunchOutcome::Created { uid } => {
            request.set_outcome(AckOutcome::Created);
            request.object_uid.clone_from(uid);
        }
        LaunchOutcome::Adopted { uid } => {
            request.set_outcome(AckOutcome::Adopted);
            request.object_uid.clone_from(uid);
        }
        LaunchOutcome::Conflict { found } => {
            request.set_outcome(AckOutcome::Conflict);
            request.error.clone_from(found);
        }
        LaunchOutcome::Rejected { message, .. } => {
            request.set_outcome(AckOutcome::Rejected);
            request.error.clone_from(message);
        }
    }
    request
}
