//! Ending and removing what belongs to an attempt.

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder, StopContainerOptionsBuilder,
};
use futures::future::try_join_all;

use super::failure::{existing, settled, status, unavailable};
use super::{EngineExecutor, ExecutorError, labels};
use crate::attempt::AttemptKey;

/// Seconds between asking a process to end and killing it, when somebody waits for the stop.
const STOP_GRACE: i32 = 1;

impl EngineExecutor {
    /// Ends every container of the attempt that runs.
    pub(super) async fn stop_all(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        let containers = self.containers(key, false).await?;
        try_join_all(containers.iter().map(|id| self.stop_one(id, STOP_GRACE))).await?;
        Ok(())
    }

    /// Asks a container to end and kills it after `grace` seconds.
    pub(super) async fn stop_one(&self, container: &str, grace: i32) -> Result<(), ExecutorError> {
        let options = StopContainerOptionsBuilder::default().t(grace).build();
        match self.docker.stop_container(container, Some(options)).await {
            Ok(()) => Ok(()),
            // Not there, ended already, or about to: what was asked for holds.
            Err(error) if matches!(status(&error), Some(304 | 404 | 409)) => Ok(()),
            Err(error) => Err(unavailable("stopping a container")(error)),
        }
    }

    /// Removes containers first, then volumes, and what stands for the attempt last.
    pub(super) async fn remove_all(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        let containers = self.containers(key, true).await?;
        try_join_all(containers.iter().map(|id| self.remove_container(id))).await?;
        let anchor = key.object_name();
        for volume in self.volumes(key).await? {
            if volume != anchor {
                self.remove_volume(&volume).await?;
            }
        }
        self.remove_volume(&anchor).await
    }

    async fn remove_container(&self, id: &str) -> Result<(), ExecutorError> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        existing(self.docker.remove_container(id, Some(options)).await)
            .map(drop)
            .map_err(unavailable("removing a container"))
    }

    async fn remove_volume(&self, name: &str) -> Result<(), ExecutorError> {
        let options = RemoveVolumeOptionsBuilder::default().force(true).build();
        existing(self.docker.remove_volume(name, Some(options)).await)
            .map(drop)
            .map_err(unavailable(format!("removing the volume `{name}`")))
    }

    /// Ids of the attempt's containers; with `all` also of those that do not run.
    async fn containers(&self, key: &AttemptKey, all: bool) -> Result<Vec<String>, ExecutorError> {
        let options = ListContainersOptionsBuilder::default()
            .all(all)
            .filters(&labels::filters(key))
            .build();
        let found = settled(|| self.docker.list_containers(Some(options.clone())))
            .await
            .map_err(unavailable("listing containers"))?;
        Ok(found
            .into_iter()
            .filter(|container| {
                let labels = container.labels.as_ref();
                labels.is_some_and(|found| labels::belong_to(found, &self.options.agent, key))
            })
            .filter_map(|container| container.id)
            .collect())
    }

    async fn volumes(&self, key: &AttemptKey) -> Result<Vec<String>, ExecutorError> {
        let options = ListVolumesOptionsBuilder::default()
            .filters(&labels::filters(key))
            .build();
        let found = self
            .docker
            .list_volumes(Some(options))
            .await
            .map_err(unavailable("listing volumes"))?;
        Ok(found
            .volumes
            .unwrap_or_default()
            .into_iter()
            .filter(|volume| labels::belong_to(&volume.labels, &self.options.agent, key))
            .map(|volume| volume.name)
            .collect())
    }
}
