//! One attempt from its first container to its last. Every step looks first at what is there,
//! so that the life goes on where it was left.

use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerState, HostConfig, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder,
    StartContainerOptions, WaitContainerOptions,
};
use futures::StreamExt;
use futures::future::join_all;
use polyaxon_spec::plan::{ContainerPlan, Role};
use tokio::time::Instant;

use super::failure::{existing, said, settled, status, unavailable};
use super::images::ImageError;
use super::inventory::has_ended;
use super::labels::{self, Labels};
use super::{Control, EngineExecutor, container, output, volumes};
use crate::config::Network;
use crate::executor::{Ending, ExecutorError, Observation, Seen, Sights};
use crate::planning::AttemptPlan;

/// Lines of a failed container's log that go into the report.
const LAST_LINES: usize = 20;

/// How long our sidecar may collect after main has ended.
const COLLECTING: Duration = Duration::from_mins(1);

/// Seconds that a user's sidecar has to end after main has.
const SIDECAR_GRACE: i32 = 10;

/// Longest time without a look at a container that is waited for.
const LOOK: Duration = Duration::from_secs(30);

/// Why a life ends before main has.
enum End {
    /// The attempt is over.
    Over(Ending),
    /// Somebody else removed it.
    Vanished,
    /// The engine is not there; the life can go on later.
    Executor(ExecutorError),
}

impl From<ExecutorError> for End {
    fn from(error: ExecutorError) -> Self {
        Self::Executor(error)
    }
}

pub(super) struct Life<'a> {
    engine: &'a EngineExecutor,
    plan: &'a AttemptPlan,
    control: &'a Control,
    seen: &'a Sights,
}

impl<'a> Life<'a> {
    pub(super) fn new(
        engine: &'a EngineExecutor,
        plan: &'a AttemptPlan,
        control: &'a Control,
        seen: &'a Sights,
    ) -> Self {
        Self {
            engine,
            plan,
            control,
            seen,
        }
    }

    pub(super) async fn run(self) -> Result<(), ExecutorError> {
        let observation = match self.to_its_end().await {
            Ok(ending) | Err(End::Over(ending)) => Observation::Ended(ending),
            Err(End::Vanished) => Observation::Vanished,
            Err(End::Executor(error)) => return Err(error),
        };
        self.seen.tell(Seen::Attempt(observation));
        Ok(())
    }

    async fn to_its_end(&self) -> Result<Ending, End> {
        let pod = &self.plan.pod;
        let Some(main) = pod.main() else {
            return Err(ExecutorError::Refused("the run has no main container".to_owned()).into());
        };
        let was_started = self.main_was_started().await?;
        let here = self.look(main).await?;
        if was_started && here.is_none() {
            return Err(End::Vanished);
        }
        if !was_started {
            self.make_volumes().await?;
        }
        for init in &pod.init_containers {
            self.init(init, was_started).await?;
        }
        let (ours, others): (Vec<_>, Vec<_>) = pod
            .containers
            .iter()
            .filter(|container| container.role != Role::Main)
            .partition(|container| container.role == Role::Sidecar);
        // Ours is there before main, so that it misses neither its start nor its end.
        for sidecar in &ours {
            self.sidecar(sidecar, was_started).await?;
        }
        self.start_main(main, was_started).await?;
        self.seen.tell(Seen::Attempt(Observation::Running));
        for sidecar in &others {
            self.sidecar(sidecar, was_started).await?;
        }
        let state = self.wait(main).await?;
        join_all(ours.iter().map(|sidecar| self.end_ours(sidecar))).await;
        join_all(others.iter().map(|sidecar| self.end_other(sidecar))).await;
        Ok(self.ending(main, &state).await)
    }

    /// Main starts at most once in an attempt, whatever happens to its container afterwards: a
    /// volume remembers it.
    fn marker(&self) -> String {
        volumes::volume_name(&self.plan.key, "main-started")
    }

    async fn main_was_started(&self) -> Result<bool, End> {
        let volume = self.engine.docker.inspect_volume(&self.marker()).await;
        Ok(existing(volume)
            .map_err(unavailable("looking for a volume"))?
            .is_some())
    }

    async fn make_volume(&self, name: String) -> Result<(), End> {
        let request = VolumeCreateRequest {
            labels: Some(labels::of(&self.engine.options.agent, self.plan)),
            name: Some(name),
            ..VolumeCreateRequest::default()
        };
        self.engine
            .docker
            .create_volume(request)
            .await
            .map_err(unavailable("creating a volume"))?;
        Ok(())
    }

    async fn make_volumes(&self) -> Result<(), End> {
        for volume in volumes::engine_volumes(&self.plan.pod) {
            self.make_volume(volumes::volume_name(&self.plan.key, volume))
                .await?;
        }
        Ok(())
    }

    /// Runs an init container to its end, unless that was done.
    async fn init(&self, init: &ContainerPlan, was_done: bool) -> Result<(), End> {
        if was_done {
            if self.look(init).await?.is_some() {
                self.seen.tell(Seen::Container(init.name.as_str().into()));
            }
            return Ok(());
        }
        self.start(init, None).await?;
        let state = self.wait(init).await?;
        if state.exit_code == Some(0) {
            return Ok(());
        }
        Err(End::Over(self.ending(init, &state).await))
    }

    async fn start_main(&self, main: &ContainerPlan, was_started: bool) -> Result<(), End> {
        if was_started
            && let Some(found) = self.look(main).await?
            && is_started(&found)
        {
            self.seen.tell(Seen::Container(main.name.as_str().into()));
            return Ok(());
        }
        self.start(main, Some(self.marker())).await
    }

    async fn sidecar(&self, sidecar: &ContainerPlan, was_started: bool) -> Result<(), End> {
        if was_started {
            if self.look(sidecar).await?.is_some() {
                self.seen
                    .tell(Seen::Container(sidecar.name.as_str().into()));
                return Ok(());
            }
            if sidecar.role == Role::Sidecar {
                return Ok(());
            }
        }
        match self.start(sidecar, None).await {
            // Main's work does not depend on a sidecar that the user added.
            Err(End::Over(ending)) if sidecar.role != Role::Sidecar => {
                let (key, container) = (&self.plan.key, &sidecar.name);
                tracing::warn!(%key, container, reason = ending.message, "a sidecar did not start");
                Ok(())
            }
            other => other,
        }
    }

    /// A container as the engine sees it.
    async fn look(&self, planned: &ContainerPlan) -> Result<Option<ContainerInspectResponse>, End> {
        let name = container::name(self.plan, planned);
        let docker = &self.engine.docker;
        let found =
            settled(|| docker.inspect_container(&name, None::<InspectContainerOptions>)).await;
        let found = existing(found).map_err(unavailable(format!("looking at `{name}`")))?;
        if let Some(found) = &found {
            let labels = found
                .config
                .as_ref()
                .and_then(|config| config.labels.as_ref());
            let owner = labels.and_then(Labels::read);
            let ours = owner.is_some_and(|owner| {
                owner.key == self.plan.key && owner.agent == self.engine.options.agent
            });
            if !ours {
                return Err(Self::not_started(
                    planned,
                    "StartError",
                    format!("the engine has a container `{name}` that is not of this run"),
                ));
            }
        }
        Ok(found)
    }

    /// Creates and starts a container unless it was started; `marker` is made in between.
    async fn start(&self, planned: &ContainerPlan, marker: Option<String>) -> Result<(), End> {
        let name = container::name(self.plan, planned);
        let found = self.look(planned).await?;
        if found.as_ref().is_some_and(is_started) {
            self.seen
                .tell(Seen::Container(planned.name.as_str().into()));
            return Ok(());
        }
        if found.is_none() {
            let image = tokio::select! {
                image = self.image(planned) => image?,
                () = self.control.stop.cancelled() => return Err(Self::stopped(planned)),
            };
            self.create(planned, &name, image).await?;
        }
        let _no_stop_meanwhile = self.control.gate.lock().await;
        if self.control.stop.is_cancelled() {
            return Err(Self::stopped(planned));
        }
        if let Some(marker) = marker {
            self.make_volume(marker).await?;
        }
        let started = self
            .engine
            .docker
            .start_container(&name, None::<StartContainerOptions>)
            .await;
        match started {
            Ok(()) => {}
            Err(error) if status(&error) == Some(304) => {}
            Err(error) if status(&error).is_some() => {
                return Err(Self::not_started(planned, "StartError", said(&error)));
            }
            Err(error) => return Err(unavailable(format!("starting `{name}`"))(error).into()),
        }
        self.seen
            .tell(Seen::Container(planned.name.as_str().into()));
        Ok(())
    }

    /// Name of the container's image, which is in the engine.
    async fn image(&self, planned: &ContainerPlan) -> Result<String, End> {
        let engine = self.engine;
        let ours = planned.role.is_auxiliary() && planned.image.is_empty();
        let result = if ours {
            engine.images.pod_image(&engine.objects).await
        } else {
            let image = &planned.image;
            let policy = planned.image_pull_policy.as_deref();
            let secrets = &self.plan.pod.scheduling.image_pull_secrets;
            let pull = async {
                engine
                    .images
                    .ensure(image, policy == Some("Always"), secrets, &engine.objects)
                    .await
            };
            tokio::pin!(pull);
            tokio::select! {
                done = &mut pull => done,
                () = tokio::time::sleep(Duration::from_secs(3)) => {
                    self.seen.tell(Seen::Attempt(Observation::Waiting {
                        reason: "ImagePull".to_owned(),
                        message: format!("pulling the image `{image}`"),
                    }));
                    pull.await
                }
            }
            .map(|()| image.clone())
        };
        result.map_err(|error| match error {
            ImageError::Definite(message) => Self::not_started(planned, "ImagePull", message),
            ImageError::Executor(error) => End::Executor(error),
        })
    }

    async fn create(&self, planned: &ContainerPlan, name: &str, image: String) -> Result<(), End> {
        let engine = self.engine;
        let mut body = match container::body(self.plan, planned, &engine.options, &engine.objects) {
            Ok(body) => body,
            Err(ExecutorError::Refused(reason)) => {
                return Err(Self::not_started(planned, "CreateError", reason));
            }
            Err(error) => return Err(error.into()),
        };
        body.image = Some(image);
        let network = self.network(planned).await?;
        body.host_config
            .get_or_insert_with(HostConfig::default)
            .network_mode = Some(network);
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        match engine.docker.create_container(Some(options), body).await {
            Ok(created) => {
                for warning in created.warnings {
                    tracing::warn!(key = %self.plan.key, container = planned.name, warning, "the engine warns");
                }
                Ok(())
            }
            Err(error) if status(&error) == Some(409) => {
                // Somebody was faster; `look` says whether it was us.
                self.look(planned).await.map(drop)
            }
            Err(error) if status(&error).is_some() => {
                Err(Self::not_started(planned, "CreateError", said(&error)))
            }
            Err(error) => Err(unavailable(format!("creating `{name}`"))(error).into()),
        }
    }

    /// Containers of a pod share one network: that of the first one that runs beside main.
    async fn network(&self, planned: &ContainerPlan) -> Result<String, End> {
        if self.engine.options.network == Network::Host {
            return Ok("host".to_owned());
        }
        let pod = &self.plan.pod;
        let is_init = pod
            .init_containers
            .iter()
            .any(|init| init.name == planned.name);
        if !is_init {
            for other in &pod.containers {
                if other.name != planned.name
                    && let Some(found) = self.look(other).await?
                    && is_started(&found)
                    && let Some(id) = found.id
                {
                    return Ok(format!("container:{id}"));
                }
            }
        }
        Ok("bridge".to_owned())
    }

    /// Returns when the container has ended.
    async fn wait(&self, planned: &ContainerPlan) -> Result<ContainerState, End> {
        let name = container::name(self.plan, planned);
        loop {
            let Some(found) = self.look(planned).await? else {
                return Err(End::Vanished);
            };
            if let Some(state) = found.state
                && has_ended(&state)
            {
                return Ok(state);
            }
            let mut ended = self
                .engine
                .docker
                .wait_container(&name, None::<WaitContainerOptions>)
                .boxed();
            let waited = tokio::time::timeout(LOOK, ended.next()).await;
            if !matches!(waited, Ok(Some(Ok(_)))) {
                // A wait that broke off, or an exit status: the next look tells which.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Asks our sidecar to collect and to end. A process that has not set its handler yet does
    /// not see the signal, so it is repeated.
    async fn end_ours(&self, sidecar: &ContainerPlan) {
        let name = container::name(self.plan, sidecar);
        let until = Instant::now() + COLLECTING;
        while Instant::now() < until && !self.control.stop.is_cancelled() {
            let options = KillContainerOptionsBuilder::default()
                .signal("SIGTERM")
                .build();
            if self
                .engine
                .docker
                .kill_container(&name, Some(options))
                .await
                .is_err()
            {
                return;
            }
            let ended = tokio::time::timeout(Duration::from_millis(500), self.wait(sidecar)).await;
            if let Ok(ended) = ended {
                if let Ok(state) = ended
                    && state.exit_code != Some(0)
                {
                    let status = state.exit_code;
                    tracing::warn!(key = %self.plan.key, status, "the sidecar failed");
                }
                return;
            }
        }
        self.end_other(sidecar).await;
    }

    async fn end_other(&self, sidecar: &ContainerPlan) {
        let name = container::name(self.plan, sidecar);
        let grace = if self.control.stop.is_cancelled() {
            1
        } else {
            SIDECAR_GRACE
        };
        if let Err(error) = self.engine.stop_one(&name, grace).await {
            tracing::warn!(key = %self.plan.key, %error, "a sidecar was not stopped");
        }
    }

    async fn ending(&self, planned: &ContainerPlan, state: &ContainerState) -> Ending {
        let exit_code = state.exit_code.and_then(|code| i32::try_from(code).ok());
        let failed = exit_code != Some(0);
        let name = container::name(self.plan, planned);
        let last_lines = if failed {
            output::last_lines(&self.engine.docker, &name, LAST_LINES).await
        } else {
            Vec::new()
        };
        let reason = if state.oom_killed == Some(true) {
            "OOMKilled"
        } else if failed {
            "Error"
        } else {
            "Completed"
        };
        let main_image = match planned.role {
            Role::Main => self.engine.images.digest_reference(&planned.image).await,
            _ => String::new(),
        };
        Ending {
            container: planned.name.clone(),
            exit_code,
            reason: reason.to_owned(),
            message: String::new(),
            last_lines,
            main_image,
            platform: None,
        }
    }

    fn not_started(planned: &ContainerPlan, reason: &str, message: String) -> End {
        End::Over(Ending {
            container: planned.name.clone(),
            reason: reason.to_owned(),
            message,
            ..Ending::default()
        })
    }

    fn stopped(planned: &ContainerPlan) -> End {
        Self::not_started(planned, "Stopped", "stopped before it started".to_owned())
    }
}

fn is_started(found: &ContainerInspectResponse) -> bool {
    found
        .state
        .as_ref()
        .is_some_and(|state| state.running == Some(true) || has_ended(state))
}
