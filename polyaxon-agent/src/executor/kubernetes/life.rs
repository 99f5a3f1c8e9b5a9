//! One attempt as it is watched: from what the cluster shows to what the machine is told, until
//! it has ended.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::time::Instant;

use super::cluster::Snapshot;
use super::observe::{Trouble, TroubleKind, View, look};
use super::output::{self, Source};
use super::{ExecutorError, KubernetesExecutor};
use crate::classify::{ContainerState, PlatformState};
use crate::executor::{Ending, Observation, Seen, Sights};
use crate::planning::KeptPlan;

/// Lines of a failed container's log that go into the report.
const LAST_LINES: usize = 20;

/// How long these are waited for: a node that went away does not say so.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(10);

/// Longest time without a look at an attempt.
const LOOK: Duration = Duration::from_secs(30);

/// How soon is looked again for an object that the watch has not shown yet.
const SOON: Duration = Duration::from_millis(300);

/// How long an image may not come; what is wrong with it for good is seen earlier.
const IMAGE: Duration = Duration::from_mins(3);

/// How long a Secret, a volume or a network may be missing.
const MISSING: Duration = Duration::from_mins(5);

/// How long a user's sidecar may go on after main has ended.
const LEFTOVERS: Duration = Duration::from_secs(10);

pub(super) struct Life<'a> {
    executor: &'a KubernetesExecutor,
    plan: &'a KeptPlan,
    main: &'a str,
    seen: &'a Sights,
    told: Vec<Arc<str>>,
    running: bool,
    finishing: bool,
    /// Reason of the status that is shown.
    shown: Option<String>,
    trouble: Option<(TroubleKind, Instant)>,
    leftovers: Option<Instant>,
}

/// What is there of an attempt.
struct There {
    namespace: String,
    job: Arc<Job>,
    pod: Option<Arc<Pod>>,
    is_late: bool,
    view: View,
    /// How long the node has to say that it has ended.
    awaited: Option<Duration>,
}

impl<'a> Life<'a> {
    pub(super) fn new(
        executor: &'a KubernetesExecutor,
        plan: &'a KeptPlan,
        main: &'a str,
        seen: &'a Sights,
    ) -> Self {
        Self {
            executor,
            plan,
            main,
            seen,
            told: Vec::new(),
            running: false,
            finishing: false,
            shown: None,
            trouble: None,
            leftovers: None,
        }
    }

    /// Watches the attempt until it has ended.
    pub(super) async fn run(&mut self) -> Result<(), ExecutorError> {
        let cluster = &self.executor.cluster;
        Box::pin(cluster.first_seen()).await?;
        let mut changes = cluster.subscribe(&self.plan.key);
        loop {
            changes.catch_up();
            // It is waited for hours, and looked for a moment: what a look needs takes no room between two.
            let Some(due) = Box::pin(self.round()).await? else {
                return Ok(());
            };
            tokio::select! {
                () = changes.changed() => {}
                () = tokio::time::sleep(due) => {}
            }
        }
    }

    /// Looks and tells what is new; answers when to look again at the latest, `None`: it is over.
    async fn round(&mut self) -> Result<Option<Duration>, ExecutorError> {
        let Some(there) = self.look().await? else {
            self.say(Observation::Vanished);
            return Ok(None);
        };
        if let Some(ending) = self.step(&there).await? {
            self.say(Observation::Ended(ending));
            return Ok(None);
        }
        let again = if there.is_late { SOON } else { LOOK };
        let due = self.due().into_iter().chain(there.awaited);
        Ok(Some(due.fold(again, Duration::min).max(SOON)))
    }

    fn say(&self, observation: Observation) {
        self.seen.tell(Seen::Attempt(observation));
    }

    /// What there is; `None`: nothing of it any more.
    async fn look(&mut self) -> Result<Option<There>, ExecutorError> {
        let key = &self.plan.key;
        let Snapshot {
            namespace,
            job,
            pod,
            notes,
        } = self.executor.cluster.snapshot(key);
        let namespace = if namespace.is_empty() {
            self.executor.namespace_of(&self.plan.namespace)
        } else {
            namespace
        };
        let is_late = job.is_none();
        let job = match job {
            Some(job) => Some(job),
            // That something is gone counts only in the words of the API server.
            None => Box::pin(self.executor.own_job(&namespace, key))
                .await?
                .map(Arc::new),
        };
        let job = match (job, &pod) {
            (Some(job), _) => job,
            (None, None) => return Ok(None),
            // Somebody took our finalizer off the Job; the pod still has its own.
            (None, Some(pod)) => Arc::new(Job {
                metadata: ObjectMeta {
                    deletion_timestamp: pod
                        .metadata
                        .deletion_timestamp
                        .clone()
                        .or_else(|| pod.metadata.creation_timestamp.clone()),
                    ..ObjectMeta::default()
                },
                ..Job::default()
            }),
        };
        let sight = look(self.main, &job, pod.as_deref(), &notes, Timestamp::now());
        for container in sight.containers {
            if !self.told.iter().any(|told| **told == *container) {
                let container: Arc<str> = container.into();
                self.told.push(Arc::clone(&container));
                self.seen.tell(Seen::Container(container));
            }
        }
        Ok(Some(There {
            namespace,
            job,
            pod,
            is_late,
            view: sight.view,
            awaited: sight.awaited,
        }))
    }

    /// Tells what is new; answers how it ended.
    async fn step(&mut self, there: &There) -> Result<Option<Ending>, ExecutorError> {
        match &there.view {
            View::Starting => {
                self.trouble = None;
                if self.shown.take().is_some() {
                    self.say(Observation::Starting);
                }
            }
            View::Waiting(trouble) => return Box::pin(self.wait(there, trouble)).await,
            View::Running => self.tell_running(),
            View::Finishing(ending) => {
                self.tell_running();
                if !self.finishing {
                    self.finishing = true;
                    self.say(Observation::Finishing(ending.clone()));
                }
            }
            View::Leftovers => {
                self.tell_running();
                let since = *self.leftovers.get_or_insert_with(Instant::now);
                if since.elapsed() >= LEFTOVERS {
                    Box::pin(self.end_pods()).await?;
                }
            }
            View::Deleting => Box::pin(self.end_pods()).await?,
            View::Ended(ending) => {
                let mut ending = ending.clone();
                if !ending.succeeded() {
                    ending.last_lines = Box::pin(self.last_lines(there, &ending.container)).await;
                }
                return Ok(Some(ending));
            }
        }
        Ok(None)
    }

    fn tell_running(&mut self) {
        self.trouble = None;
        if !self.running {
            self.running = true;
            self.shown = None;
            self.say(Observation::Running);
        }
    }

    /// Something keeps it from starting: tells it, and gives up when it has lasted too long.
    async fn wait(
        &mut self,
        there: &There,
        trouble: &Trouble,
    ) -> Result<Option<Ending>, ExecutorError> {
        let since = match self.trouble {
            Some((kind, since)) if kind == trouble.kind => since,
            _ => {
                let now = Instant::now();
                self.trouble = Some((trouble.kind, now));
                now
            }
        };
        if self.shown.as_ref() != Some(&trouble.reason) {
            self.shown = Some(trouble.reason.clone());
            self.say(Observation::Waiting {
                reason: trouble.reason.clone(),
                message: trouble.message.clone(),
            });
        }
        if since.elapsed() < self.patience(trouble.kind) {
            return Ok(None);
        }
        let objects = self.executor.objects(&self.plan.key).await?;
        self.executor.end(&objects).await?;
        Ok(Some(self.given_up(there, trouble)))
    }

    fn patience(&self, kind: TroubleKind) -> Duration {
        match kind {
            TroubleKind::Room => self.executor.options.unschedulable,
            TroubleKind::Image => IMAGE,
            TroubleKind::Missing => MISSING,
            TroubleKind::Hopeless => Duration::ZERO,
        }
    }

    /// When something has lasted too long.
    fn due(&self) -> Option<Duration> {
        let left = |since: Instant, patience: Duration| patience.saturating_sub(since.elapsed());
        self.trouble
            .map(|(kind, since)| left(since, self.patience(kind)))
            .or_else(|| self.leftovers.map(|since| left(since, LEFTOVERS)))
    }

    fn given_up(&self, there: &There, trouble: &Trouble) -> Ending {
        let json = |value: Result<serde_json::Value, _>| value.unwrap_or_default();
        let pod = there.pod.as_ref().map_or(serde_json::Value::Null, |pod| {
            json(serde_json::to_value(&**pod))
        });
        let job = json(serde_json::to_value(&*there.job));
        let mut platform = PlatformState::of_kubernetes(&job, &pod, self.main);
        match trouble.kind {
            TroubleKind::Room => platform.unschedulable = Some(trouble.message.clone()),
            TroubleKind::Missing if platform.main.reason == "ContainerCreating" => {
                platform.main = ContainerState {
                    name: self.main.to_owned(),
                    exit_code: None,
                    reason: "CreateContainerConfigError".to_owned(),
                    message: trouble.message.clone(),
                };
            }
            _ => {}
        }
        Ending {
            container: self.main.to_owned(),
            reason: trouble.reason.clone(),
            message: trouble.message.clone(),
            platform: Some(Box::new(platform)),
            ..Ending::default()
        }
    }

    async fn end_pods(&self) -> Result<(), ExecutorError> {
        let objects = self.executor.objects(&self.plan.key).await?;
        self.executor.end_pods(&objects).await
    }

    async fn last_lines(&self, there: &There, container: &str) -> Vec<String> {
        let name = there.pod.as_ref().and_then(|pod| pod.metadata.name.clone());
        let Some(pod) = name.filter(|_| self.told.iter().any(|told| **told == *container)) else {
            return Vec::new();
        };
        let source = Source {
            pods: self.executor.pods(&there.namespace),
            pod,
            container: container.to_owned(),
        };
        let lines = output::last_lines(&source, LAST_LINES);
        let lines = tokio::time::timeout(LAST_LINES_LIMIT, lines).await;
        lines.unwrap_or_default()
    }
}
