//! The agent's executor over the simulated cluster, with an engine that does not always answer.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use polyaxon_agent::attempt::AttemptKey;
use polyaxon_agent::executor::{
    Created, Ending, Executor, ExecutorError, Found, LogPiece, Observation, Seen, Sights,
};
use polyaxon_agent::planning::{AttemptPlan, KeptPlan};

use super::World;
use super::cluster::{Cluster, Creation, View};
use super::plant::Plant;
use super::process::Process;
use crate::chance::Chance;

/// Name of the main container in every plan.
pub(super) const MAIN: &str = "polyaxon-main";

/// How one process reaches the cluster.
#[derive(Clone)]
pub struct SimExecutor {
    world: World,
    cluster: Cluster,
    process: Arc<Process>,
    chance: Chance,
}

impl SimExecutor {
    /// The cluster as a process sees it.
    #[must_use]
    pub fn new(world: World, cluster: Cluster, process: Arc<Process>) -> Self {
        let chance = world.chance(&format!("engine of {}", process.name));
        Self {
            world,
            cluster,
            process,
            chance,
        }
    }

    /// Before an effect: takes time, and fails now and then.
    async fn before(&self, action: &str) -> Result<(), ExecutorError> {
        self.process.step().await;
        tokio::time::sleep(Duration::from_millis(self.chance.between(1, 20))).await;
        if self.world.faults.are_on() && self.chance.percent(6) {
            self.world.faults.count("engine does not answer");
            return Err(unavailable(action));
        }
        Ok(())
    }

    async fn after(&self) {
        tokio::time::sleep(Duration::from_millis(self.chance.between(1, 10))).await;
        self.process.step().await;
    }
}

fn unavailable(action: &str) -> ExecutorError {
    ExecutorError::Unavailable {
        action: action.to_owned(),
        reason: "simulated".to_owned(),
    }
}

#[async_trait]
impl Executor for SimExecutor {
    async fn create(&self, plan: &AttemptPlan) -> Result<Created, ExecutorError> {
        self.before("create").await?;
        let creation = self.cluster.create(plan);
        self.after().await;
        if self.world.faults.are_on() && self.chance.percent(10) {
            self.world
                .faults
                .count("created, and an error for an answer");
            return Err(unavailable("create"));
        }
        Ok(match creation {
            Creation::New(uid) => Created::New { uid },
            Creation::Same(uid) => Created::Adopted { uid },
            Creation::Other => Created::Conflict {
                found: "another object".to_owned(),
            },
        })
    }

    async fn run(&self, plan: Arc<KeptPlan>, seen: Sights) -> Result<(), ExecutorError> {
        let key = &plan.key;
        let mut started = false;
        loop {
            self.before("watch").await?;
            let view = self.cluster.view(key);
            if matches!(view, View::Running(_) | View::Ended(_)) && !started {
                started = true;
                seen.tell(Seen::Container(MAIN.into()));
                seen.tell(Seen::Attempt(Observation::Running));
            }
            let early = self.world.has(Plant::EarlyEnd) && matches!(view, View::Running(_));
            let end = match view {
                View::Absent => Some(Observation::Vanished),
                View::Ended(code) => Some(ended(code)),
                View::Running(_) if early => Some(ended(1)),
                View::Pending(_) | View::Running(_) => None,
            };
            if let Some(end) = end {
                self.after().await;
                seen.tell(Seen::Attempt(end));
                return Ok(());
            }
            let next = match view {
                View::Pending(at) | View::Running(at) => Some(at),
                View::Absent | View::Ended(_) => None,
            };
            self.cluster.changed_or(next).await;
        }
    }

    async fn stop(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        self.before("stop").await?;
        self.cluster.stop(key);
        self.after().await;
        Ok(())
    }

    async fn remove(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        self.before("remove").await?;
        self.cluster.remove(key, false);
        self.after().await;
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        self.before("list").await?;
        let list = self.cluster.list();
        self.after().await;
        let found = list.into_iter().map(|(key, fence, uid, phase)| Found {
            key,
            fence,
            uid,
            phase,
        });
        Ok(found.collect())
    }

    fn logs(
        &self,
        key: &AttemptKey,
        _container: &str,
        follow: bool,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>> {
        let reader = Reader {
            executor: self.clone(),
            key: key.clone(),
            follow,
            next: 0,
            over: false,
        };
        stream::unfold(reader, |mut reader| async move {
            let piece = reader.next().await?;
            Some((piece, reader))
        })
        .boxed()
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

fn ended(code: i32) -> Observation {
    Observation::Ended(Ending {
        container: MAIN.to_owned(),
        exit_code: Some(code),
        reason: if code == 0 { "Completed" } else { "Error" }.to_owned(),
        last_lines: vec!["the last line".to_owned()],
        ..Ending::default()
    })
}

/// Somebody who reads an output.
struct Reader {
    executor: SimExecutor,
    key: AttemptKey,
    follow: bool,
    /// Number of the next line.
    next: usize,
    over: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<LogPiece, ExecutorError>> {
        let SimExecutor {
            world,
            cluster,
            process,
            chance,
        } = self.executor.clone();
        process.step().await;
        loop {
            if self.over {
                return None;
            }
            if world.faults.are_on() && chance.percent(3) {
                world.faults.count("log reader broke off");
                self.over = true;
                return Some(Err(unavailable("logs")));
            }
            match cluster.line(&self.key, self.next) {
                Err(()) => {
                    self.over = true;
                    return Some(Err(ExecutorError::Gone("no such container".to_owned())));
                }
                Ok(Some((at, line))) if at <= cluster.now() => {
                    self.next += 1;
                    return Some(Ok(LogPiece {
                        at_ns: i64::try_from(at * 1_000_000).unwrap_or(i64::MAX),
                        stream: 1,
                        data: Bytes::from(line),
                    }));
                }
                Ok(next) => {
                    let ended = matches!(cluster.view(&self.key), View::Ended(_));
                    if !self.follow || ended {
                        if ended && !self.follow && world.has(Plant::TidyCluster) {
                            cluster.remove(&self.key, false);
                        }
                        self.over = true;
                        return None;
                    }
                    let until = match cluster.view(&self.key) {
                        View::Running(end) => end,
                        View::Pending(start) => start,
                        View::Absent | View::Ended(_) => continue,
                    };
                    let wanted = next.map_or(until, |(at, _)| at.min(until));
                    cluster.changed_or(Some(wanted)).await;
                    process.step().await;
                }
            }
        }
    }
}
