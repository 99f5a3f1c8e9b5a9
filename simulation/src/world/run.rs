//! One history from its seed to its end.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use polyaxon_agent::config::Settings;
use polyaxon_agent::confirmation::Confirmer;
use polyaxon_agent::planning::{Catalog, SpecPlanner};
use polyaxon_hub::components::Official;
use polyaxon_hub::domain::log::Content;
use polyaxon_hub::logs::Cursor;
use polyaxon_hub::storage::sqlite::SqliteStorage;
use polyaxon_registry::Registry;
use tokio::time::Instant;

use super::World;
use super::agent_host::{AgentHost, AgentParts, MAX_RUNS};
use super::client::{Client, Submission};
use super::cluster::{Cluster, Script};
use super::executor::MAIN;
use super::faults::Counts;
use super::hub_host::HubHost;
use super::plant::Plant;
use super::scenario::{Disturbance, Scenario, Wanted};
use crate::error::SimulationError;
use crate::history::{Fact, History, LogRecord};

/// How long everything may take to come to rest once faults have ended.
const REST: Duration = Duration::from_mins(5);
/// How long the last runs may take to run at the same time.
const PROBE: Duration = Duration::from_secs(90);

/// What is the same in all histories and takes time to make.
#[derive(Clone)]
pub struct Prepared {
    official: Official,
    agent: AgentParts,
}

impl Prepared {
    /// Reads components and makes what agents are made of.
    ///
    /// # Errors
    /// When the programs could not start either.
    pub fn new() -> Result<Self, SimulationError> {
        let failed =
            |error: &dyn std::fmt::Display| SimulationError::Surroundings(error.to_string());
        let official = Official::embedded().map_err(|error| failed(&error))?;
        let settings = Settings::default();
        let catalog = Catalog::default();
        let registry = Registry::new(None, Vec::new()).map_err(|error| failed(&error))?;
        let published = catalog
            .published(&settings)
            .map_err(|error| failed(&error))?;
        let planner = SpecPlanner::new(&settings, catalog, "http://hub");
        Ok(Self {
            official,
            agent: AgentParts {
                planner: Arc::new(planner),
                confirmer: Confirmer {
                    registry,
                    secrets_dir: None,
                    pause: Duration::from_secs(1),
                },
                catalog: published,
            },
        })
    }
}

/// A history, and how often each kind of fault was injected into it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What happened.
    pub history: History,
    /// Faults by kind.
    pub faults: Counts,
}

/// Simulates the history of a seed.
///
/// # Errors
/// When the simulation itself cannot go on.
pub fn simulate(prepared: &Prepared, seed: u64, plant: Plant) -> Result<Outcome, SimulationError> {
    let failed = |error: std::io::Error| SimulationError::Surroundings(error.to_string());
    let folder = scratch().map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let world = World::new(seed, plant);
        let storage = SqliteStorage::in_memory().await?;
        let official = prepared.official.clone();
        let folder = folder.path().to_owned();
        let host = HubHost::new(world.clone(), storage, official, folder).await?;
        let theatre = Theatre::new(world, host, &prepared.agent);
        theatre.play(Scenario::draw(seed)).await
    })
}

/// A folder for the files of growing logs, in memory where the machine has such a place.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir())
    } else {
        tempfile::tempdir()
    }
}

/// All parts of one history.
struct Theatre {
    world: World,
    host: Arc<HubHost>,
    cluster: Cluster,
    machines: [Arc<AgentHost>; 2],
}

impl Theatre {
    fn new(world: World, host: Arc<HubHost>, parts: &AgentParts) -> Self {
        let cluster = Cluster::new(world.clone());
        let machine = |name: &str| {
            AgentHost::new(
                world.clone(),
                name,
                parts.clone(),
                cluster.clone(),
                Arc::clone(&host),
            )
        };
        Self {
            machines: [machine("a"), machine("b")],
            world,
            host,
            cluster,
        }
    }

    async fn play(self, scenario: Scenario) -> Result<Outcome, SimulationError> {
        for (run, script) in scenario.orphans {
            self.world.faults.count("object of nobody");
            self.cluster.add_orphan(run, script);
        }
        self.host.start().await?;
        self.machine(0).start()?;
        self.world.faults.set(true);
        let mut clients: FuturesUnordered<_> = scenario
            .wanted
            .into_iter()
            .enumerate()
            .map(|(number, wanted)| tokio::spawn(self.want(number, wanted)))
            .collect();
        self.disturb(scenario.disturbances, scenario.window).await?;
        self.heal(scenario.machines).await?;
        let rest = Instant::now() + REST;
        let in_time =
            tokio::time::timeout_at(rest, async { while clients.next().await.is_some() {} });
        let mut settled = in_time.await.is_ok();
        while settled && !(self.host.all_final().await? && self.cluster.is_empty()) {
            tokio::time::sleep(Duration::from_millis(500)).await;
            settled = Instant::now() < rest;
        }
        let mut history = History {
            objects: self.cluster.records(),
            runs: self.host.records().await?,
            logs: self.logs().await?,
            settled,
            end: self.world.clock.elapsed(),
            ..History::default()
        };
        if settled {
            self.probe().await;
        }
        history.facts = self.world.recorder.take();
        Ok(Outcome {
            history,
            faults: self.world.faults.counts(),
        })
    }

    fn machine(&self, number: usize) -> &AgentHost {
        let [first, second] = &self.machines;
        if number == 0 { first } else { second }
    }

    /// What one user does.
    fn want(&self, number: usize, wanted: Wanted) -> impl Future<Output = ()> + Send + 'static {
        let name = |what: &str| format!("client {number}{what}");
        let client = Client::new(self.world.clone(), &name(""), Arc::clone(&self.host));
        let other = Client::new(self.world.clone(), &name(" again"), Arc::clone(&self.host));
        async move {
            let pause = |milliseconds| tokio::time::sleep(Duration::from_millis(milliseconds));
            pause(wanted.at).await;
            let again = async {
                if let Some(after) = wanted.again_after {
                    pause(after).await;
                    other.submit(&wanted.submission, wanted.tries).await;
                }
            };
            let first = async {
                let run = client.submit(&wanted.submission, wanted.tries).await;
                if let (Some(run), Some(after)) = (run, wanted.stop_after) {
                    pause(after).await;
                    client.stop(&run, false).await;
                    if let Some(after) = wanted.abandon_after {
                        pause(after).await;
                        client.stop(&run, true).await;
                    }
                }
            };
            tokio::join!(first, again);
        }
    }

    async fn disturb(
        &self,
        disturbances: Vec<(u64, Disturbance)>,
        window: u64,
    ) -> Result<(), SimulationError> {
        let begin = Instant::now();
        for (at, disturbance) in disturbances {
            if at >= window {
                continue;
            }
            tokio::time::sleep_until(begin + Duration::from_millis(at)).await;
            self.world.recorder.note(format!("fault: {disturbance:?}"));
            self.disturb_once(disturbance).await?;
        }
        tokio::time::sleep_until(begin + Duration::from_millis(window)).await;
        Ok(())
    }

    async fn disturb_once(&self, disturbance: Disturbance) -> Result<(), SimulationError> {
        let faults = &self.world.faults;
        let process = |machine: usize| self.machine(machine).process();
        match disturbance {
            Disturbance::KillAgent(machine, steps) => {
                if let Some(process) = process(machine) {
                    faults.count("agent killed");
                    process.kill_after(steps);
                }
            }
            Disturbance::ShutDownAgent(machine) => {
                if process(machine).is_some() {
                    faults.count("agent shut down");
                    self.machine(machine).shut_down();
                }
            }
            Disturbance::StartAgent(machine) => self.machine(machine).start()?,
            Disturbance::PauseAgent(machine) => {
                if let Some(process) = process(machine) {
                    faults.count("agent paused");
                    process.pause();
                }
            }
            Disturbance::WakeAgent(machine) => {
                if let Some(process) = process(machine) {
                    process.wake();
                }
            }
            Disturbance::CutOffAgent(machine, milliseconds) => {
                if let Some(process) = process(machine) {
                    faults.count("agent cut off");
                    process.cut_off(Duration::from_millis(milliseconds));
                }
            }
            Disturbance::KillHub => {
                if !self.host.is_down() {
                    faults.count("hub killed");
                    self.host.kill();
                }
            }
            Disturbance::KillHubAtWrite(steps) => self.host.fuse.light(steps),
            Disturbance::StartHub => {
                if self.host.is_down() {
                    self.host.start().await?;
                }
            }
            Disturbance::JumpClock(by) => {
                faults.count("clock of the hub jumped");
                self.world.clock.jump(by);
            }
            Disturbance::RemoveObject => {
                if let Some(key) = self.cluster.running().last() {
                    faults.count("object removed by somebody else");
                    self.cluster.remove(key, true);
                }
            }
        }
        Ok(())
    }

    async fn heal(&self, machines: usize) -> Result<(), SimulationError> {
        self.world.faults.set(false);
        self.host.fuse.put_out();
        if self.host.is_down() {
            self.host.start().await?;
        }
        for machine in self.machines.iter().take(machines) {
            machine.heal()?;
        }
        self.world.recorder.record(Fact::Healed);
        Ok(())
    }

    /// What the hub has of logs.
    async fn logs(&self) -> Result<Vec<LogRecord>, SimulationError> {
        let Some(start) = self.host.up() else {
            return Ok(Vec::new());
        };
        let mut records = Vec::new();
        for run in self.host.records().await? {
            for stream in start.hub.logs.streams(&run.run).await? {
                if stream.key.container != MAIN {
                    continue;
                }
                let mut cursor = Cursor::default();
                let (mut bytes, mut gaps) = (Vec::new(), 0);
                loop {
                    let entries = start.hub.logs.read(&stream.key, &mut cursor).await?;
                    if entries.is_empty() {
                        break;
                    }
                    for entry in entries {
                        match entry.content {
                            Content::Data { partial, data, .. } => {
                                bytes.extend_from_slice(&data);
                                if !partial {
                                    bytes.push(b'\n');
                                }
                            }
                            Content::Gap { .. } | Content::Limit { .. } => gaps += 1,
                        }
                    }
                }
                let attempt = stream.key.attempt;
                records.push(LogRecord {
                    acknowledged: self.world.recorder.acknowledged(&run.run, attempt),
                    run: run.run.clone(),
                    attempt,
                    bytes,
                    gaps,
                    ended: stream.ended,
                });
            }
        }
        Ok(records)
    }

    /// As many runs as the agent may have, at once.
    async fn probe(&self) {
        let wanted = usize::try_from(MAX_RUNS).unwrap_or_default();
        let submission = Submission {
            script: Script {
                start: 100,
                // An answer to a poll may have been lost just before everything was healed.
                length: 60_000,
                lines: 0,
                codes: vec![0],
            },
            retries: 0,
            timeout: None,
            key: String::new(),
        };
        let client = Client::new(self.world.clone(), "probe", Arc::clone(&self.host)).unrecorded();
        for _ in 0..wanted {
            client.submit(&submission, 100).await;
        }
        let until = Instant::now() + PROBE;
        let mut reached = 0;
        while reached < wanted && Instant::now() < until {
            reached = reached.max(self.cluster.running().len());
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        self.world.recorder.record(Fact::Probed { wanted, reached });
    }
}
