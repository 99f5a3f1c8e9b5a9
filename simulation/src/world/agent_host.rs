//! The machine that a process of the agent runs on.

use std::sync::{Arc, Mutex, PoisonError};

use polyaxon_agent::agent::Agent;
use polyaxon_agent::ambience::Ambience;
use polyaxon_agent::confirmation::Confirmer;
use polyaxon_agent::health::Vitals;
use polyaxon_agent::hub::{HubClient, Identity, Transport};
use polyaxon_agent::planning::Planner;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::World;
use super::cluster::Cluster;
use super::executor::SimExecutor;
use super::hub_host::{AGENT_TOKEN, HubHost};
use super::process::Process;
use super::wire::Wire;
use crate::error::SimulationError;

/// Runs that an agent may have at a time.
pub const MAX_RUNS: u32 = 3;

/// What every agent of every history is made of.
#[derive(Clone)]
pub struct AgentParts {
    /// Plans.
    pub planner: Arc<dyn Planner>,
    /// Asks registries; never used, because nothing is built.
    pub confirmer: Confirmer,
    /// What the agent publishes.
    pub catalog: Vec<u8>,
}

/// The machine.
pub struct AgentHost {
    world: World,
    name: String,
    parts: AgentParts,
    cluster: Cluster,
    hub: Arc<HubHost>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    starts: u32,
    process: Option<Arc<Process>>,
    shutdown: CancellationToken,
}

impl AgentHost {
    /// A machine on which nothing runs yet.
    #[must_use]
    pub fn new(
        world: World,
        name: &str,
        parts: AgentParts,
        cluster: Cluster,
        hub: Arc<HubHost>,
    ) -> Arc<Self> {
        Arc::new(Self {
            world,
            name: name.to_owned(),
            parts,
            cluster,
            hub,
            state: Mutex::default(),
        })
    }

    /// The process that lives.
    #[must_use]
    pub fn process(&self) -> Option<Arc<Process>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.process.clone().filter(|process| !process.is_dead())
    }

    /// Starts a process, unless one lives.
    ///
    /// # Errors
    /// When its client cannot be made.
    pub fn start(&self) -> Result<(), SimulationError> {
        if self.process().is_some() {
            return Ok(());
        }
        let (process, shutdown) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.starts += 1;
            let process = Process::new(format!("agent {}{}", self.name, state.starts));
            state.process = Some(Arc::clone(&process));
            state.shutdown = CancellationToken::new();
            (process, state.shutdown.clone())
        };
        self.world
            .recorder
            .note(format!("{}: starts", process.name));
        let wire = Wire::new(
            self.world.clone(),
            Arc::clone(&process),
            Arc::clone(&self.hub),
        );
        let clock = Arc::clone(&self.world.clock);
        let chance = self.world.chance(&format!("jitter of {}", process.name));
        let ambience = Ambience::new(move || clock.time_of_day(), move || chance.fraction());
        let token = SecretString::from(AGENT_TOKEN.to_owned());
        let client = HubClient::over(Transport::new(wire), &token, ambience)
            .map_err(|error| SimulationError::Surroundings(error.to_string()))?;
        let executor = SimExecutor::new(
            self.world.clone(),
            self.cluster.clone(),
            Arc::clone(&process),
        );
        let agent = Agent {
            hub: client,
            identity: Identity {
                replica: process.name.clone(),
                queues: Vec::new(),
                catalog: self.parts.catalog.clone(),
            },
            executor: Arc::new(executor),
            planner: Arc::clone(&self.parts.planner),
            confirmer: self.parts.confirmer.clone(),
            max_runs: MAX_RUNS,
            require_confirmation: false,
            vitals: Vitals::default(),
        };
        tokio::spawn(async move {
            let _killed = process.live(Box::pin(agent.run(shutdown, || {}))).await;
            // Nothing that it has spawned lives on.
            process.kill();
        });
        Ok(())
    }

    /// Asks the process to end, which hands back what it has not launched.
    pub fn shut_down(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.shutdown.cancel();
    }

    fn is_shutting_down(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.shutdown.is_cancelled()
    }

    /// Brings it back from whatever was done to it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn heal(&self) -> Result<(), SimulationError> {
        if let Some(process) = self.process() {
            process.spare();
            process.reconnect();
            process.wake();
            if self.is_shutting_down() {
                process.kill();
            }
        }
        self.start()
    }
}
