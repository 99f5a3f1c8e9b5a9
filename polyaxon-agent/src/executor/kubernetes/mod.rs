//! Pods on a Kubernetes cluster.
//!
//! An attempt is one Job under its own name; creating it decides who was first. Job and pod carry
//! our finalizer, so that neither outcome nor last lines are lost before the hub has them. What
//! exists is never changed but for two things: the finalizer is taken off, and the time to live is
//! set, each by a patch that tests uid and version.

mod changes;
mod cluster;
mod dockerfile;
mod failure;
#[cfg(test)]
mod fake_api;
mod inventory;
mod isolation;
mod kept;
mod kind;
mod labels;
mod lanes;
mod leader;
mod life;
mod lost;
mod objects;
mod observe;
mod options;
mod output;
mod pace;
mod protobuf;
mod removal;
mod statuses;
mod thin;
mod turns;
mod user_namespaces;

use std::collections::HashSet;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use polyaxon_registry::Confirmation;
use polyaxon_spec::k8s::SIDECAR;
use tokio::task::JoinSet;

use self::cluster::{Cluster, SWEEP};
use self::failure::unavailable;
use self::isolation::Nodes;
use self::lanes::Lanes;
use self::life::Life;
use self::options::Clients;
pub use self::options::KubernetesOptions;
use self::output::Source;
use self::pace::Pace;
use self::turns::Turns;
use self::user_namespaces::{Shown, TIDY};
use super::{Created, Executor, ExecutorError, Found, LogPiece, Sights, Turn};
use crate::attempt::AttemptKey;
use crate::config::UserNamespaces;
use crate::planning::{AttemptPlan, KeptPlan};

/// Pods on one cluster.
pub struct KubernetesExecutor {
    client: Client,
    /// What it lists of Jobs and pods has only what `Thin` reads.
    crowds: Client,
    options: KubernetesOptions,
    cluster: Arc<Cluster>,
    pace: Pace,
    /// Who reads outputs.
    turns: Turns,
    /// The connections over which they do.
    lanes: Lanes,
    /// Whether builds ask for a user namespace of their own.
    user_namespaces: AtomicBool,
    /// Whether a cluster gives them any has been asked, and is not known yet.
    asks_again: AtomicBool,
    /// Which nodes really give a pod its own.
    nodes: Nodes,
    /// Attempts that are being watched.
    live: Mutex<HashSet<AttemptKey>>,
    /// Watches; they end with the executor.
    tasks: Mutex<JoinSet<()>>,
}

impl KubernetesExecutor {
    /// Connects to the cluster and begins to watch it.
    pub async fn connect(options: KubernetesOptions) -> Result<Arc<Self>, ExecutorError> {
        let Clients {
            general: client,
            crowds,
            lanes,
            address,
        } = options.connect().await?;
        let version = client
            .apiserver_version()
            .await
            .map_err(unavailable(format!(
                "asking the cluster at `{address}` for its version"
            )))?;
        tracing::info!(version = version.git_version, "the cluster answers");
        let namespaces = options.namespaces();
        let probing = options.user_namespaces;
        let turns = Turns::new(options.log_streams);
        let cluster = Arc::new(Cluster::new(&options.agent, &namespaces));
        let tasks = cluster.watch(&crowds, &namespaces);
        let executor = Arc::new(Self {
            client,
            crowds,
            options,
            cluster,
            pace: Pace::default(),
            turns,
            lanes,
            user_namespaces: AtomicBool::new(probing == UserNamespaces::Always),
            asks_again: AtomicBool::new(false),
            nodes: Nodes::default(),
            live: Mutex::default(),
            tasks: Mutex::new(tasks),
        });
        let weak = Arc::downgrade(&executor);
        let mut tasks = executor
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(executor) = weak.upgrade() else {
                    return;
                };
                executor.sweep().await;
            }
        });
        let weak = Arc::downgrade(&executor);
        tasks.spawn(async move {
            let mut probes = HashSet::new();
            loop {
                tokio::time::sleep(TIDY).await;
                let Some(executor) = weak.upgrade() else {
                    return;
                };
                if let Err(error) = executor.remove_old_probes(&mut probes).await {
                    tracing::debug!(%error, "probes may be left");
                }
                if executor.asks_again.load(Ordering::Relaxed) {
                    executor.prepare().await;
                }
            }
        });
        drop(tasks);
        Ok(executor)
    }

    /// Finds out whether builds get user namespaces of their own, where that is not set.
    pub async fn prepare(&self) {
        if self.options.user_namespaces != UserNamespaces::Auto {
            return;
        }
        match self.probe_user_namespaces(None).await {
            Ok(Shown { node, real }) => {
                self.user_namespaces.store(real, Ordering::Relaxed);
                self.nodes.learn(&node, real);
                self.asks_again.store(false, Ordering::Relaxed);
                tracing::info!(node, real, "user namespaces");
            }
            Err(reason) => {
                self.asks_again.store(true, Ordering::Relaxed);
                tracing::warn!(reason, "builds get no user namespaces for now");
            }
        }
    }

    /// Whether the watches show what is there.
    pub fn sees_cluster(&self) -> bool {
        self.cluster.is_seen()
    }

    fn jobs(&self, namespace: &str) -> Api<Job> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Namespace of a run, the agent's own when it names none.
    fn namespace_of(&self, namespace: &str) -> String {
        if namespace.is_empty() {
            self.options.namespace.clone()
        } else {
            namespace.to_owned()
        }
    }

    fn live(&self) -> MutexGuard<'_, HashSet<AttemptKey>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_live(&self, key: &AttemptKey) -> bool {
        self.live().contains(key)
    }

    /// Where the output of a container comes from; an error when its pod is not there.
    async fn source(&self, key: &AttemptKey, container: &str) -> Result<Source, ExecutorError> {
        let snapshot = self.cluster.snapshot(key);
        let found = if let Some(pod) = snapshot.pod {
            Some((snapshot.namespace, pod.metadata.name.clone()))
        } else {
            let objects = self.objects(key).await?;
            let pod = objects.pods.into_iter().next();
            pod.map(|pod| (objects.namespace, pod.metadata.name))
        };
        let Some((namespace, Some(pod))) = found else {
            return Err(ExecutorError::Gone(
                "the pod is not there any more".to_owned(),
            ));
        };
        Ok(Source {
            pods: self.pods(&namespace),
            pod,
            container: container.to_owned(),
        })
    }
}

impl KubernetesExecutor {
    /// What the sidecar left as its message.
    async fn sidecars_answer(&self, key: &AttemptKey) -> Confirmation {
        let undecided = |reason: String| Confirmation::Undecided {
            digest: None,
            reason,
        };
        let snapshot = self.cluster.snapshot(key).pod;
        let pod = match snapshot {
            Some(pod) => Some(pod),
            None => match self.objects(key).await {
                Ok(objects) => objects.pods.into_iter().next().map(Arc::new),
                Err(error) => return undecided(error.to_string()),
            },
        };
        let Some(pod) = pod else {
            return undecided("the pod is not there any more".to_owned());
        };
        let message = observe::message_of(&pod, SIDECAR);
        match message.and_then(Confirmation::from_message) {
            Some(confirmation) => confirmation,
            None => undecided(format!(
                "`{SIDECAR}` ended without an answer: {}",
                message.unwrap_or("it left no message")
            )),
        }
    }
}

/// Says that an attempt is watched, while it lives.
struct Watched<'a>(&'a KubernetesExecutor, AttemptKey);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.live().remove(&self.1);
    }
}

#[async_trait]
impl Executor for Arc<KubernetesExecutor> {
    async fn create(&self, plan: &AttemptPlan) -> Result<Created, ExecutorError> {
        self.create_job(plan).await
    }

    fn launches(&self) -> u32 {
        self.pace.at_once()
    }

    fn keeps_plans(&self) -> bool {
        true
    }

    async fn run(&self, plan: Arc<KeptPlan>, seen: Sights) -> Result<(), ExecutorError> {
        let Some(main) = &plan.main else {
            return Err(ExecutorError::Refused(
                "the run has no main container".to_owned(),
            ));
        };
        self.live().insert(plan.key.clone());
        let _watched = Watched(self, plan.key.clone());
        // It is known long before the end, and takes no room from then on.
        let mut isolation = self.tell_isolation(&plan, &seen).boxed();
        let mut life = Life::new(self, &plan, main, &seen);
        let mut life = pin!(life.run());
        tokio::select! {
            biased;
            () = &mut isolation => {
                drop(isolation);
                life.await
            }
            ended = &mut life => ended,
        }
    }

    async fn stop(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        let objects = self.objects(key).await?;
        self.end(&objects).await
    }

    async fn remove(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        self.remove_all(key).await?;
        self.cluster.forget(key);
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<Found>, ExecutorError> {
        self.take_inventory().await
    }

    async fn turn(&self, key: &AttemptKey, container: &str) -> Turn {
        self.turns.take(&self.cluster, key, container).await
    }

    fn logs(
        &self,
        key: &AttemptKey,
        container: &str,
        follow: bool,
    ) -> BoxStream<'static, Result<LogPiece, ExecutorError>> {
        let (executor, key, container) = (Arc::clone(self), key.clone(), container.to_owned());
        let opened = async move {
            // What is whole is read in one go.
            let follow =
                follow && turns::is_over(&executor.cluster, &key, &container) != Some(true);
            let place = executor.lanes.place(&executor.client);
            // A silent container keeps this waiting for hours: what is rare takes no room in it.
            let open = async {
                let source = Box::pin(executor.source(&key, &container)).await?;
                output::open(source, place.client.clone(), follow).await
            };
            let (pieces, held) = executor.turns.open(follow, open.boxed()).await;
            (pieces, (held, place))
        };
        stream::once(opened)
            .flat_map(|(pieces, held)| {
                let pieces =
                    pieces.unwrap_or_else(|error| stream::once(async { Err(error) }).boxed());
                // As long as the stream.
                pieces.map(move |piece| {
                    let _held = &held;
                    piece
                })
            })
            .boxed()
    }

    async fn confirmation(&self, key: &AttemptKey) -> Option<Confirmation> {
        Some(self.sidecars_answer(key).await)
    }

    /// A container that has ended cannot be looked into: the sidecar says what is needed.
    async fn read_file(
        &self,
        key: &AttemptKey,
        _: &str,
        path: &str,
    ) -> Result<Option<Vec<u8>>, ExecutorError> {
        self.handed_over(key, path).await
    }
}
