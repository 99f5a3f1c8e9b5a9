//! The agent as a whole: reads its settings, connects everything and runs until it is asked to end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use polyaxon_proto::agent::v1::QueueSpec;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::agent::Agent;
use crate::cli::Cli;
use crate::config::{self, Kubernetes, Settings};
use crate::confirmation::Confirmer;
use crate::data_dir::DataDir;
use crate::driver::Ended;
use crate::executor::Executor;
use crate::executor::engine::{
    EngineExecutor, EngineOptions, HostFolders, PodImage, usual_sockets,
};
use crate::executor::kubernetes::{KubernetesExecutor, KubernetesOptions};
use crate::health::{self, Role, Vitals};
use crate::hub::{HubClient, Identity};
use crate::planning::{Catalog, SpecPlanner};
use polyaxon_registry::Registry;

/// Name of the archive beside the program.
const POD_IMAGE_TAR: &str = "polyaxon-pod.oci.tar";

/// How long what is still to be sent may take at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long it may take to take a Lease that is free.
const SOON: Duration = Duration::from_secs(5);

/// Runs an agent until `shutdown` is cancelled; `ready` is called when it takes work.
pub async fn run(
    cli: Cli,
    shutdown: CancellationToken,
    ready: impl FnOnce() + Send + 'static,
) -> Result<()> {
    let (mut settings, catalog) = config::read_file(&cli.config)?;
    if let Some(image) = &cli.executor_image {
        settings.executor_image = Some(image.clone());
    }
    let token = read_token(&cli.token_file)?;
    let data_dir = DataDir::open(&cli.data_dir)?;
    let registry = Registry::new(
        settings.ca_bundle.as_deref(),
        settings.insecure_registries.clone(),
    )?;
    let hub = HubClient::new(&cli.hub, &token)?.with_token_file(&cli.token_file);
    let vitals = Vitals::default();
    let _until_the_end = match cli.health_listen {
        Some(address) => Some(health::serve(address, vitals.clone()).await?),
        None => None,
    };
    let Some(cluster) = &settings.executor.kubernetes else {
        let executor = Arc::new(engine(&cli, &settings, &catalog, &data_dir).await?);
        return serve(
            &cli, &settings, catalog, executor, registry, hub, vitals, shutdown, ready,
        )
        .await;
    };
    let options = kubernetes_options(cluster, &settings, &catalog)?;
    let executor = KubernetesExecutor::connect(options).await?;
    let watched = Arc::clone(&executor);
    vitals.has_cluster(move || watched.sees_cluster());
    // The folder outlives a process that was killed, so that its successor need not wait.
    let me = data_dir.agent();
    tokio::select! {
        leads = executor.lead(me) => leads?,
        () = stand_by(&vitals) => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    let runs: Arc<dyn Executor> = Arc::new(Arc::clone(&executor));
    let served = async {
        tokio::select! {
            () = executor.prepare() => {}
            () = shutdown.cancelled() => return Ok(()),
        }
        serve(
            &cli,
            &settings,
            catalog,
            runs,
            registry,
            hub,
            vitals,
            shutdown.clone(),
            ready,
        )
        .await
    };
    let result = tokio::select! {
        result = served => result,
        () = executor.lose(me) => Err(anyhow::anyhow!(
            "another agent holds the Lease `{}` now, or it cannot be renewed; start this one again to stand by",
            cluster.name
        )),
    };
    let handed_back = executor.release(me);
    if tokio::time::timeout(FAREWELL, handed_back).await.is_err() {
        tracing::debug!("the lease was not handed back in time");
    }
    result
}

/// Says that this process waits for the Lease, once that takes longer than to take one that is free; never returns.
async fn stand_by(vitals: &Vitals) {
    tokio::time::sleep(SOON).await;
    vitals.is(Role::StandsBy);
    std::future::pending::<()>().await;
}

#[expect(
    clippy::too_many_arguments,
    reason = "the one place where all parts meet"
)]
async fn serve(
    cli: &Cli,
    settings: &Settings,
    catalog: Catalog,
    executor: Arc<dyn Executor>,
    registry: Registry,
    hub: HubClient,
    vitals: Vitals,
    shutdown: CancellationToken,
    ready: impl FnOnce() + Send + 'static,
) -> Result<()> {
    vitals.is(Role::Leads);
    let agent = Agent {
        hub,
        identity: Identity {
            replica: replica(),
            queues: settings
                .queues
                .iter()
                .map(|queue| QueueSpec {
                    name: queue.name.clone(),
                    priority: queue.priority,
                    concurrency: queue.concurrency,
                })
                .collect(),
            catalog: catalog
                .published(settings)
                .context("the catalog cannot be published")?,
        },
        executor,
        planner: Arc::new(SpecPlanner::new(settings, catalog, &cli.hub)),
        confirmer: Confirmer {
            registry,
            secrets_dir: settings.engine.secrets_dir.clone(),
            pause: Duration::from_secs(1),
        },
        max_runs: settings.max_runs(),
        require_confirmation: settings.require_confirmation,
        vitals,
    };
    match agent.run(shutdown, ready).await {
        Ended::Shutdown => {
            tracing::info!("stopped; containers that run go on");
            Ok(())
        }
        Ended::Denied(reason) => bail!(
            "the hub `{}` refuses the token of `{}`: {reason}",
            cli.hub,
            cli.token_file.display()
        ),
    }
}

/// Names this process for people who look for it, and no other process of any host.
fn replica() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let process = std::process::id();
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{host}/{process}/{}", random.get(..8).unwrap_or(&random))
}

fn read_token(path: &Path) -> Result<SecretString> {
    let token = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token file `{}`", path.display()))?;
    if token.trim().is_empty() {
        bail!("the token file `{}` is empty", path.display());
    }
    Ok(SecretString::from(token.trim().to_owned()))
}

async fn engine(
    cli: &Cli,
    settings: &Settings,
    catalog: &Catalog,
    data_dir: &DataDir,
) -> Result<EngineExecutor> {
    let executor = EngineExecutor::new(engine_options(cli, settings, catalog, data_dir)?)?;
    executor.ping().await?;
    if let Err(reason) = executor.prepare().await {
        tracing::warn!(reason, "runs with init containers will fail");
    }
    Ok(executor)
}

fn kubernetes_options(
    cluster: &Kubernetes,
    settings: &Settings,
    catalog: &Catalog,
) -> Result<KubernetesOptions> {
    if settings.ca_bundle.is_some() {
        bail!(
            "`caBundle` is a file of the agent's machine, which pods do not have: name a ConfigMap or a Secret in `executor.kubernetes.caBundle`"
        );
    }
    let (namespace, additional_namespaces) = catalog.namespaces();
    if namespace.is_empty() {
        bail!("`namespace` is not set: name the namespace in which runs become Jobs");
    }
    Ok(KubernetesOptions {
        kubeconfig: cluster.kubeconfig.clone(),
        context: cluster.context.clone(),
        namespace: namespace.to_owned(),
        additional_namespaces: additional_namespaces.to_vec(),
        agent: cluster.name.clone(),
        pod_image: cluster.pod_image.clone(),
        ca_key: cluster
            .ca_bundle
            .as_ref()
            .map(|bundle| bundle.key().to_owned()),
        insecure_registries: settings.insecure_registries.clone(),
        unschedulable: Duration::from_secs(u64::from(cluster.unschedulable_timeout)),
        log_streams: cluster.log_streams,
        user_namespaces: cluster.user_namespaces,
    })
}

fn engine_options(
    cli: &Cli,
    settings: &Settings,
    catalog: &Catalog,
    data_dir: &DataDir,
) -> Result<EngineOptions> {
    let engine = &settings.engine;
    let pod_image = match &engine.pod_image {
        Some(image) => PodImage::Reference(image.clone()),
        None => PodImage::Archive(match &cli.pod_image_tar {
            Some(path) => path.clone(),
            None => beside_this_program(POD_IMAGE_TAR)?,
        }),
    };
    let socket = cli.engine_socket.as_ref().or(engine.socket.as_ref());
    Ok(EngineOptions {
        socket: socket_path(socket.map(String::as_str))?,
        network: engine.network,
        secrets_dir: engine.secrets_dir.clone(),
        config_maps_dir: engine.config_maps_dir.clone(),
        claims_dir: engine.claims_dir.clone(),
        host_folders: HostFolders::new(
            catalog
                .host_paths()
                .chain(
                    settings
                        .policy
                        .allowed_host_paths
                        .iter()
                        .map(String::as_str),
                )
                .map(PathBuf::from),
        ),
        pod_image,
        ca_bundle: settings.ca_bundle.clone(),
        agent: data_dir.agent().to_owned(),
    })
}

fn socket_path(given: Option<&str>) -> Result<PathBuf> {
    if let Some(given) = given {
        return Ok(PathBuf::from(
            given.strip_prefix("unix://").unwrap_or(given),
        ));
    }
    let runtime = std::env::var("XDG_RUNTIME_DIR").ok();
    let usual = usual_sockets(runtime.as_deref());
    usual
        .iter()
        .find(|path| path.exists())
        .cloned()
        .with_context(|| {
            let tried: Vec<String> = usual
                .iter()
                .map(|path| format!("`{}`", path.display()))
                .collect();
            format!(
                "there is no container engine at {}; start Docker or Podman, or set `engine.socket`",
                tried.join(", ")
            )
        })
}

fn beside_this_program(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().context("where this program is")?;
    Ok(program.parent().unwrap_or(Path::new(".")).join(name))
}
