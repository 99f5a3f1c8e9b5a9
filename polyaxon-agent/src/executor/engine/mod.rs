//! Pods on a Docker-compatible engine: a laptop, a build machine, the quick start.
//!
//! An attempt's object is a named volume whose labels say whose it is; creating it decides who
//! was first. Containers and emptyDirs carry the same labels, so that all of an attempt can be
//! found and removed, also by an agent that was started anew.

mod container;
mod expand;
mod failure;
mod followed;
mod host_folders;
mod images;
mod inventory;
mod isolation;
mod labels;
mod life;
mod objects;
mod options;
mod output;
mod quantity;
mod removal;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use bollard::{ClientVersion, Docker};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use self::failure::{existing, unavailable};
pub use self::host_folders::HostFolders;
use self::images::Images;
use self::labels::Labels;
use self::objects::Objects;
pub use self::options::{EngineOptions, PodImage, usual_sockets};
use super::{Created, Executor, ExecutorError, Found, LogPiece, Seen, Sights};
use crate::attempt::AttemptKey;
use crate::planning::{AttemptPlan, KeptPlan};

/// What Podman 4.3 and Docker 20.10 both speak.
const API: ClientVersion = ClientVersion {
    major_version: 1,
    minor_version: 41,
};

/// How long the engine may take to begin an answer.
const ANSWER: Duration = Duration::from_mins(2);

/// Bytes of a file that [`Executor::read_file`] gives out at most.
const MAX_FILE: u64 = 1024 * 1024;

/// What all tasks of one attempt share.
#[derive(Default)]
struct Control {
    /// Cancelled by a stop: nothing is started any more.
    stop: CancellationToken,
    /// Held while a container is started, and by a stop while it looks for running ones.
    gate: tokio::sync::Mutex<()>,
}

/// Pods on one engine.
pub struct EngineExecutor {
    docker: Docker,
    options: EngineOptions,
    objects: Objects,
    images: Images,
    controls: Mutex<HashMap<AttemptKey, Arc<Control>>>,
}

impl EngineExecutor {
    /// An executor for the engine behind the socket; nothing is sent yet.
    pub fn new(options: EngineOptions) -> Result<Self, ExecutorError> {
        let path = options.socket.display().to_string();
        let docker = Docker::connect_with_unix(&path, ANSWER.as_secs(), &API)
            .map_err(unavailable(format!("opening the engine's socket `{path}`")))?;
        Ok(Self {
            images: Images::new(docker.clone(), options.pod_image.clone()),
            objects: Objects {
                secrets: options.secrets_dir.clone(),
                config_maps: options.config_maps_dir.clone(),
                claims: options.claims_dir.clone(),
                host: options.host_folders.clone(),
            },
            docker,
            options,
            controls: Mutex::default(),
        })
    }

    /// Whether the engine answers.
    pub async fn ping(&self) -> Result<(), ExecutorError> {
        self.docker
            .ping()
            .await
            .map(drop)
            .map_err(unavailable(format!(
                "asking the engine at `{}`",
                self.options.socket.display()
            )))
    }

    /// Brings the image of our own containers into the engine, so that the first run need not wait.
    pub async fn prepare(&self) -> Result<(), String> {
        match self.images.pod_image(&self.objects).await {
            Ok(image) => {
                tracing::info!(image, "the pod image is there");
                Ok(())
            }
            Err(images::ImageError::Definite(reason)) => Err(reason),
            Err(images::ImageError::Executor(error)) => Err(error.to_string()),
        }
    }

    fn control(&self, key: &AttemptKey) -> Arc<Control> {
        let mut controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(controls.entry(key.clone()).or_default())
    }

    fn forget(&self, key: &AttemptKey) {
        let mut controls = self.controls.lock().unwrap_or_else(PoisonError::into_inner);
        controls.remove(key);
    }

    /// Everything that can be refused is refused before anything exists.
    fn check(&self, plan: &AttemptPlan) -> Result<(), ExecutorError> {
        let pod = &plan.pod;
        if pod.main().is_none() {
            return Err(ExecutorError::Refused(
                "the run has no main container".to_owned(),
            ));
        }
        for planned in pod.init_containers.iter().chain(&pod.containers) {
            container::body(plan, planned, &self.options, &self.objects)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Executor for EngineExecutor {
    async fn create(&self, plan: &AttemptPlan) -> Result<Created, ExecutorError> {
        self.check(plan)?;
        let uid = uuid::Uuid::new_v4().simple().to_string();
        let name = plan.key.object_name();
        // An engine answers a creation under a name that is taken with what has the name.
        let volume = self
            .docker
            .create_volume(VolumeCreateRequest {
                name: Some(name.clone()),
                labels: Some(labels::of_anchor(&self.options.agent, plan, &uid)),
                ..VolumeCreateRequest::default()
            })
            .await
            .map_err(unavailable(format!("creating `{name}`")))?;
        let Some(found) = Labels::read(&volume.labels) else {
            return Ok(Created::Conflict {
                found: format!("the engine has a volume `{name}` that is not of an agent"),
            });
        };
        if found.uid.as_deref() == Some(uid.as_str()) {
            return Ok(Created::New { uid });
        }
        if found.agent != self.options.agent {
            return Ok(Created::Conflict {
                found: format!("the engine has `{name}` of another agent"),
            });
        }
        if found.spec_hash != plan.spec_hash {
            return Ok(Created::Conflict {
                found: format!("the engine has `{name}` with another content"),
            });
        }
        Ok(Created::Adopted {
            uid: found.uid.unwrap_or_default(),
        })
    }

    async fn run(&self, plan: Arc<KeptPlan>, seen: Sights) -> Result<(), ExecutorError> {
        let Some(plan) = plan.plan() else {
            return Err(ExecutorError::Refused(
                "the plan of the run is not whole".to_owned(),
            ));
        };
        if plan.build.is_some() {
            let isolation = isolation::isolation(&self.docker).await;
            seen.tell(Seen::Isolation(isolation));
        }
        let control = self.control(&plan.key);
        life::Life::new(self, plan, &control, &seen).run().await
    }

    async fn stop(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        let control = self.control(key);
        control.stop.cancel();
        let _nothing_starts = control.gate.lock().await;
        self.stop_all(key).await
    }

    async fn remove(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        let control = self.control(key);
        control.stop.cancel();
        let _nothing_starts = control.gate.lock().await;
        self.remove_all(key).await?;
        self.forget(key);
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        self.take_inventory().await
    }

    fn logs(
        &self,
        key: &AttemptKey,
        container: &str,
        follow: bool,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>> {
        let name = container::name_of(key, container);
        if follow {
            followed::until_the_end(self.docker.clone(), name)
        } else {
            output::pieces(&self.docker, &name)
        }
    }

    async fn read_file(
        &self,
        key: &AttemptKey,
        container: &str,
        path: &str,
    ) -> Result<Option<Vec<u8>>, ExecutorError> {
        let options = DownloadFromContainerOptionsBuilder::default()
            .path(path)
            .build();
        let name = container::name_of(key, container);
        let archive = self
            .docker
            .download_from_container(&name, Some(options))
            .take(16)
            .try_fold(Vec::new(), |mut all, part| async move {
                all.extend_from_slice(&part);
                Ok(all)
            })
            .await;
        let archive = existing(archive).map_err(unavailable(format!("reading `{path}`")))?;
        Ok(archive.and_then(|archive| first_file(&archive)))
    }
}

/// The first file of a tar archive; a folder has none.
fn first_file(archive: &[u8]) -> Option<Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    if !entry.header().entry_type().is_file() || entry.size() > MAX_FILE {
        return None;
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).ok()?;
    Some(content)
}
