//! What is there of this agent's attempts, by the labels alone.

use bollard::models::{ContainerState, ContainerStateStatusEnum};
use bollard::query_parameters::{
    InspectContainerOptions, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
};
use indexmap::IndexMap;

use super::failure::{existing, settled, unavailable};
use super::labels::{self, Labels};
use super::{EngineExecutor, ExecutorError, Found};
use crate::attempt::AttemptKey;
use crate::executor::Phase;

/// Name of the main container in every plan.
const MAIN: &str = "polyaxon-main";

impl EngineExecutor {
    pub(super) async fn take_inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        let filters = labels::filters_of_agent(&self.options.agent);
        let options = ListVolumesOptionsBuilder::default()
            .filters(&filters)
            .build();
        let volumes = self
            .docker
            .list_volumes(Some(options))
            .await
            .map_err(unavailable("listing volumes"))?;
        let mut all: IndexMap<AttemptKey, Found> = IndexMap::new();
        for volume in volumes.volumes.unwrap_or_default() {
            if let Some(labels) = Labels::read(&volume.labels)
                && labels.uid.is_some()
            {
                all.insert(labels.key.clone(), found(labels));
            }
        }
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&filters)
            .build();
        let containers = settled(|| self.docker.list_containers(Some(options.clone())))
            .await
            .map_err(unavailable("listing containers"))?;
        for container in containers {
            let Some(labels) = container.labels.as_ref().and_then(Labels::read) else {
                continue;
            };
            let name = labels.container.clone().unwrap_or_default();
            let phase = match &container.id {
                Some(id) => self.phase(id, &name).await?,
                None => None,
            };
            let entry = all
                .entry(labels.key.clone())
                .or_insert_with(|| found(labels));
            if let Some(phase) = phase
                && entry.phase != Phase::Failed
            {
                entry.phase = phase;
            }
        }
        Ok(all.into_values().collect())
    }

    /// What one container says about its attempt.
    async fn phase(&self, id: &str, name: &str) -> Result<Option<Phase>, ExecutorError> {
        let inspected = settled(|| {
            self.docker
                .inspect_container(id, None::<InspectContainerOptions>)
        })
        .await;
        let inspected = existing(inspected).map_err(unavailable("looking at a container"))?;
        let state = inspected.and_then(|inspected| inspected.state);
        Ok(state.and_then(|state| phase_of(&state, name == MAIN)))
    }
}

fn phase_of(state: &ContainerState, is_main: bool) -> Option<Phase> {
    let failed = state.exit_code.is_some_and(|code| code != 0);
    match (has_ended(state), is_main) {
        (true, true) if failed => Some(Phase::Failed),
        (true, true) => Some(Phase::Succeeded),
        (false, true) if state.running == Some(true) => Some(Phase::Running),
        _ => None,
    }
}

/// Whether the container ran and does not any more.
pub(super) fn has_ended(state: &ContainerState) -> bool {
    state.running != Some(true)
        && matches!(
            state.status,
            Some(ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD)
        )
}

fn found(labels: Labels) -> Found {
    Found {
        key: labels.key,
        fence: labels.fence,
        uid: labels.uid.unwrap_or_default(),
        phase: Phase::Pending,
    }
}
