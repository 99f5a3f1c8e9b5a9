//! What takes time: each task ends with an event for its attempt's machine.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, OptionFuture};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::ambience::Ambience;
use crate::attempt::AttemptKey;
use crate::build_report::{self, BuildObserver};
use crate::confirmation::Confirmer;
use crate::executor::{Created, Ending, Executor, ExecutorError, Observation, Seen, Sights, Turn};
use crate::failpoint::Failpoint;
use crate::health::Vitals;
use crate::hub::Standing;
use crate::logs::{ContainerKey, Readers, Shipper, follow};
use crate::machine::{Confirmation, Event};
use crate::planning::{AttemptPlan, KeptPlan, Refusal};

/// How long the Dockerfile may take to come out of the container.
const READING: Duration = Duration::from_secs(3);

/// Largest Dockerfile that is read, in bytes.
const MAX_DOCKERFILE: usize = 1024 * 1024;

/// An event for the machine of an attempt.
pub(super) struct Message {
    pub(super) key: AttemptKey,
    pub(super) event: Event,
}

/// What tasks work with.
pub(super) struct Tools {
    pub(super) executor: Arc<dyn Executor>,
    pub(super) confirmer: Confirmer,
    pub(super) shipper: Shipper,
    pub(super) messages: mpsc::UnboundedSender<Message>,
    pub(super) ambience: Ambience,
    pub(super) standing: Standing,
    pub(super) vitals: Vitals,
}

impl Tools {
    fn tell(&self, key: &AttemptKey, event: Event) {
        let key = key.clone();
        let _closed_at_shutdown = self.messages.send(Message { key, event });
    }

    pub(super) async fn create(self: Arc<Self>, plan: Arc<AttemptPlan>) {
        // Another process may have launched and ended the attempt while this one stood still.
        self.standing.good().await;
        Failpoint::BeforeCreate.hit();
        let event = match self.executor.create(&plan).await {
            Ok(created) => {
                Failpoint::AfterCreate.hit();
                if matches!(created, Created::New { .. }) {
                    self.vitals.created();
                }
                Event::Created(created)
            }
            Err(ExecutorError::Unavailable { action, reason }) => {
                Event::CreateFailed(format!("{action}: {reason}"))
            }
            Err(ExecutorError::Refused(message) | ExecutorError::Gone(message)) => {
                Event::Refused(Refusal {
                    reason: "engine".to_owned(),
                    message,
                })
            }
        };
        self.tell(&plan.key, event);
    }

    /// Watches an attempt to its end and ships the output of every container that starts.
    pub(super) async fn watch(self: Arc<Self>, plan: Arc<KeptPlan>, logs: LogsOf) {
        let mut followers = Followers {
            tools: &self,
            plan: &plan,
            logs,
            names: Vec::new(),
            followed: 0,
            turn: None,
            tasks: JoinSet::new(),
        };
        let mut backoff = self.ambience.backoff();
        loop {
            let (sights, mut told) = Sights::new();
            let listen = async {
                loop {
                    tokio::select! {
                        biased;
                        next = told.next() => match next {
                            Some(next) => followers.take(next),
                            None => break,
                        },
                        // A task takes its room until somebody has asked for its end.
                        Some(()) = followers.step() => {}
                    }
                }
            };
            let (result, ()) = tokio::join!(self.executor.run(Arc::clone(&plan), sights), listen);
            match result {
                Ok(()) => break,
                Err(ExecutorError::Unavailable { action, reason }) => {
                    tracing::warn!(key = %plan.key, action, reason, "the engine did not answer");
                    backoff.wait().await;
                }
                Err(ExecutorError::Refused(message) | ExecutorError::Gone(message)) => {
                    let ending = Ending {
                        reason: "Refused".to_owned(),
                        message,
                        ..Ending::default()
                    };
                    self.tell(&plan.key, Event::Observed(Observation::Ended(ending)));
                    break;
                }
            }
        }
        if let Some(observer) = followers.logs.observer.clone() {
            // What is needed only now takes no room before.
            let reading = Box::pin(self.read_dockerfile(&plan, &observer));
            let _too_slow = tokio::time::timeout(READING, reading).await;
        }
        while followers.step().await.is_some() {}
        self.tell(&plan.key, Event::LogsDrained);
    }

    /// Fetches a Dockerfile that came with the context.
    async fn read_dockerfile(&self, plan: &KeptPlan, observer: &BuildObserver) {
        let path = build_report::dockerfile_path(&plan.pod());
        let (Some(path), Some(main)) = (path, &plan.main) else {
            return;
        };
        match self.executor.read_file(&plan.key, main, &path).await {
            Ok(Some(bytes)) if bytes.len() <= MAX_DOCKERFILE => {
                observer.set_dockerfile(String::from_utf8_lossy(&bytes).into_owned());
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(key = %plan.key, %error, "the Dockerfile is unread"),
        }
    }

    pub(super) async fn stop(self: Arc<Self>, key: AttemptKey) {
        let mut backoff = self.ambience.backoff();
        while let Err(error) = self.executor.stop(&key).await {
            tracing::warn!(%key, %error, "not stopped yet");
            backoff.wait().await;
        }
    }

    pub(super) async fn remove(self: Arc<Self>, key: AttemptKey) {
        let mut backoff = self.ambience.backoff();
        while let Err(error) = self.executor.remove(&key).await {
            tracing::warn!(%key, %error, "not removed yet");
            backoff.wait().await;
        }
        self.tell(&key, Event::Removed);
    }

    pub(super) async fn confirm(
        self: Arc<Self>,
        plan: Arc<KeptPlan>,
        observer: Option<Arc<BuildObserver>>,
    ) {
        let confirmation = match (&plan.build, &plan.main) {
            (Some(build), Some(main)) => {
                let confirm =
                    self.confirmer
                        .confirm(self.executor.as_ref(), &plan.key, main, build);
                let bases = async {
                    let Some(observer) = observer else { return };
                    let names = build_report::base_images(&plan.pod(), &observer);
                    observer.set_base_digests(self.confirmer.base_digests(build, &names).await);
                };
                tokio::join!(confirm, bases).0
            }
            _ => Confirmation::Undecided {
                digest: None,
                reason: "the run is not a build".to_owned(),
            },
        };
        self.tell(&plan.key, Event::Confirmed(confirmation));
    }
}

/// How the output of an attempt is read.
pub(super) struct LogsOf {
    /// Fence of the attempt.
    pub(super) fence: Arc<AtomicU64>,
    /// Reads along if it is a build.
    pub(super) observer: Option<Arc<BuildObserver>>,
    /// Another process may have read a part.
    pub(super) is_adopted: bool,
}

/// One task per container whose output is followed.
struct Followers<'a> {
    tools: &'a Tools,
    plan: &'a KeptPlan,
    logs: LogsOf,
    /// Every container that has output.
    names: Vec<Arc<str>>,
    /// How many of them had their turn.
    followed: usize,
    /// The turn of the next one.
    turn: Option<BoxFuture<'static, Turn>>,
    tasks: JoinSet<()>,
}

impl Followers<'_> {
    fn take(&mut self, seen: Seen) {
        let key = &self.plan.key;
        let name = match seen {
            Seen::Attempt(observation) => {
                self.tools.tell(key, Event::Observed(observation));
                return;
            }
            Seen::Isolation(isolation) => {
                self.tools.tell(key, Event::Isolated(isolation));
                return;
            }
            Seen::Container(name) => name,
        };
        if self.names.contains(&name) {
            return;
        }
        if self.plan.main.as_deref() == Some(&*name) {
            Failpoint::DuringMain.hit();
        } else {
            Failpoint::DuringInit.hit();
        }
        self.names.push(name);
        self.ask();
    }

    /// Asks for the turn of the next container.
    fn ask(&mut self) {
        if self.turn.is_some() {
            return;
        }
        self.turn = self.names.get(self.followed).cloned().map(|name| {
            let (executor, key) = (Arc::clone(&self.tools.executor), self.plan.key.clone());
            async move { executor.turn(&key, &name).await }.boxed()
        });
    }

    /// Goes on by one step; `None`: nothing is left to do. Dropping the future loses nothing.
    async fn step(&mut self) -> Option<()> {
        tokio::select! {
            Some(turn) = OptionFuture::from(self.turn.as_mut()) => self.follow(turn),
            Some(_) = self.tasks.join_next() => {}
            else => return None,
        }
        Some(())
    }

    fn follow(&mut self, turn: Turn) {
        self.turn = None;
        if let Some(name) = self.names.get(self.followed).cloned() {
            self.followed += 1;
            let key = self.plan.key.clone();
            let container = ContainerKey {
                attempt: key.clone(),
                container: name.to_string(),
            };
            let logs = &self.logs;
            let feed = self
                .tools
                .shipper
                .feed(container, Arc::clone(&logs.fence), logs.is_adopted);
            let executor = Arc::clone(&self.tools.executor);
            let ambience = self.tools.ambience.clone();
            let readers = Readers {
                feed,
                observer: logs.observer.clone(),
            };
            self.tasks.spawn(async move {
                follow(executor.as_ref(), &key, &name, &readers, turn, &ambience).await;
            });
        }
        self.ask();
    }
}
