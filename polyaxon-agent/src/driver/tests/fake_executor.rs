//! An executor without containers: tests say when main ends.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::watch;

use crate::attempt::AttemptKey;
use crate::executor::{
    Created, Ending, Executor, ExecutorError, Found, Isolation, LogPiece, Observation, Phase, Seen,
    Sights, Turn,
};
use crate::planning::{AttemptPlan, KeptPlan};

#[derive(Default)]
struct State {
    created: Vec<AttemptKey>,
    removed: Vec<AttemptKey>,
    stops: usize,
    refusal: Option<String>,
    /// How often an output was read.
    reads: usize,
    /// Main has ended before its output is read.
    is_over: bool,
    /// It has said nothing.
    is_silent: bool,
    /// Creations take for ever, and so many may be under way.
    launches: Option<u32>,
}

pub(super) struct FakeExecutor {
    state: Mutex<State>,
    end: watch::Sender<Option<i32>>,
}

impl FakeExecutor {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            end: watch::Sender::new(None),
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn end(&self, code: i32) {
        self.end.send_replace(Some(code));
    }

    pub(super) fn refuse(&self, reason: &str) {
        self.with(|state| state.refusal = Some(reason.to_owned()));
    }

    pub(super) fn launch_slowly(&self, launches: u32) {
        self.with(|state| state.launches = Some(launches));
    }

    /// Main has failed, and has said nothing or something.
    pub(super) fn is_over(&self, is_silent: bool) {
        self.with(|state| (state.is_over, state.is_silent) = (true, is_silent));
        self.end(1);
    }

    pub(super) fn reads(&self) -> usize {
        self.with(|state| state.reads)
    }

    pub(super) fn created(&self) -> Vec<AttemptKey> {
        self.with(|state| state.created.clone())
    }

    pub(super) fn stops(&self) -> usize {
        self.with(|state| state.stops)
    }

    pub(super) async fn until_removed(&self, key: &AttemptKey) {
        for _ in 0..1000 {
            if self.with(|state| state.removed.contains(key)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not removed");
    }
}

#[async_trait]
impl Executor for FakeExecutor {
    fn launches(&self) -> u32 {
        self.with(|state| state.launches.unwrap_or(u32::MAX))
    }

    async fn create(&self, plan: &AttemptPlan) -> Result<Created, ExecutorError> {
        if self.launches() < u32::MAX {
            std::future::pending::<()>().await;
        }
        self.with(|state| {
            if let Some(reason) = &state.refusal {
                return Err(ExecutorError::Refused(reason.clone()));
            }
            state.created.push(plan.key.clone());
            Ok(Created::New {
                uid: "uid".to_owned(),
            })
        })
    }

    async fn run(&self, plan: Arc<KeptPlan>, seen: Sights) -> Result<(), ExecutorError> {
        let main = "polyaxon-main".to_owned();
        seen.tell(Seen::Container(main.as_str().into()));
        if plan.build.is_some() {
            seen.tell(Seen::Isolation(Isolation::UserNamespace));
        }
        seen.tell(Seen::Attempt(Observation::Running));
        let mut end = self.end.subscribe();
        let exit_code = end
            .wait_for(Option::is_some)
            .await
            .map_or(None, |code| *code);
        let ending = Ending {
            container: main,
            exit_code,
            last_lines: vec!["last".to_owned()],
            ..Ending::default()
        };
        seen.tell(Seen::Attempt(Observation::Ended(ending)));
        Ok(())
    }

    async fn stop(&self, _key: &AttemptKey) -> Result<(), ExecutorError> {
        self.with(|state| state.stops += 1);
        self.end(143);
        Ok(())
    }

    async fn remove(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        self.with(|state| state.removed.push(key.clone()));
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        Ok(self.with(|state| {
            let there = state
                .created
                .iter()
                .filter(|key| !state.removed.contains(key));
            there
                .map(|key| Found {
                    key: key.clone(),
                    fence: 1,
                    uid: "uid".to_owned(),
                    phase: Phase::Running,
                })
                .collect()
        }))
    }

    async fn turn(&self, _key: &AttemptKey, _container: &str) -> Turn {
        if self.with(|state| state.is_over) {
            Turn::default().of_whole()
        } else {
            Turn::default()
        }
    }

    fn logs(
        &self,
        _key: &AttemptKey,
        _container: &str,
        follow: bool,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>> {
        let is_silent = self.with(|state| {
            state.reads += 1;
            state.is_silent
        });
        if is_silent {
            return stream::empty().boxed();
        }
        let piece = |data: &'static str| {
            Ok(LogPiece {
                at_ns: 1,
                stream: 1,
                data: Bytes::from_static(data.as_bytes()),
            })
        };
        let mut end = self.end.subscribe();
        let ended = stream::once(async move {
            if follow {
                let _ = end.wait_for(Option::is_some).await;
            }
            piece("two")
        });
        stream::iter([piece("one\n")]).chain(ended).boxed()
    }

    async fn read_file(
        &self,
        _key: &AttemptKey,
        _container: &str,
        _path: &str,
    ) -> Result<Option<Vec<u8>>, ExecutorError> {
        Ok(None)
    }
}
