//! Namespaces of the bench, and when the Jobs in them were there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Label of every namespace of a bench.
const LABEL: &str = "testbed.polyaxon.com/bench";

/// Requests at a time when much is removed.
const AT_ONCE: usize = 32;

/// Longest time until a namespace is gone.
const REMOVAL: Duration = Duration::from_mins(5);

/// A namespace.
pub(crate) struct Namespace {
    pub(crate) client: Client,
    name: String,
}

impl Namespace {
    /// Makes one with a name that begins like this.
    pub(crate) async fn create(client: &Client, prefix: &str) -> Result<Self> {
        let name = format!("{prefix}-{}", std::process::id());
        let object = NamespaceObject {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: Some([(LABEL.to_owned(), "true".to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..NamespaceObject::default()
        };
        let namespaces: Api<NamespaceObject> = Api::all(client.clone());
        namespaces.create(&PostParams::default(), &object).await?;
        Ok(Self {
            client: client.clone(),
            name,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Removes it and all that is in it.
    pub(crate) async fn remove(self) -> Result<()> {
        remove(&self.client, &self.name).await
    }
}

/// Removes the namespaces of this bench and of those before that did not end well.
pub(crate) async fn remove_earlier(client: &Client) -> Result<()> {
    let namespaces: Api<NamespaceObject> = Api::all(client.clone());
    for namespace in namespaces
        .list(&ListParams::default().labels(LABEL))
        .await?
    {
        remove(client, &namespace.name_any()).await?;
    }
    Ok(())
}

async fn remove(client: &Client, name: &str) -> Result<()> {
    empty::<Job>(&Api::namespaced(client.clone(), name)).await?;
    empty::<Pod>(&Api::namespaced(client.clone(), name)).await?;
    let namespaces: Api<NamespaceObject> = Api::all(client.clone());
    if namespaces.get_opt(name).await?.is_some() {
        let _what_is_there = namespaces.delete(name, &DeleteParams::default()).await?;
    }
    let began = Instant::now();
    while namespaces.get_opt(name).await?.is_some() {
        ensure!(
            began.elapsed() < REMOVAL,
            "the namespace `{name}` does not go: remove it by hand"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// Removes every object of a kind, whoever holds it.
async fn empty<K>(api: &Api<K>) -> Result<()>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned,
{
    let how = DeleteParams::background().grace_period(0);
    let page = ListParams::default().limit(500);
    loop {
        let objects = api.list_metadata(&page).await?;
        if objects.items.is_empty() {
            return Ok(());
        }
        stream::iter(objects.items)
            .map(|object| {
                let how = how.clone();
                async move {
                    let name = object.name_any();
                    if object.metadata.deletion_timestamp.is_none() {
                        gone(api.delete(&name, &how).await)?;
                    }
                    if !object.finalizers().is_empty() {
                        let free =
                            Patch::Merge(serde_json::json!({"metadata": {"finalizers": null}}));
                        gone(
                            api.patch_metadata(&name, &PatchParams::default(), &free)
                                .await,
                        )?;
                    }
                    anyhow::Ok(())
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
    }
}

/// That an object is not there is as good.
fn gone<T>(result: Result<T, kube::Error>) -> Result<()> {
    match result {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// When each Job of a namespace was there, as somebody who watches it saw it.
pub(crate) struct Seen {
    at: Arc<Times>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Times {
    jobs: Mutex<HashMap<String, Instant>>,
    news: Notify,
}

impl Times {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Watches from now on.
    pub(crate) fn begin(namespace: &Namespace) -> Self {
        let at = Arc::new(Times::default());
        let times = Arc::clone(&at);
        let jobs: Api<PartialObjectMeta<Job>> =
            Api::namespaced(namespace.client.clone(), namespace.name());
        let task = tokio::spawn(async move {
            let mut events = watcher(jobs, watcher::Config::default())
                .default_backoff()
                .boxed();
            while let Some(event) = events.next().await {
                if let Ok(Event::Apply(job) | Event::InitApply(job)) = event {
                    times
                        .lock()
                        .entry(job.name_any())
                        .or_insert_with(Instant::now);
                    times.news.notify_waiters();
                }
            }
        });
        Self { at, task }
    }

    /// Waits for a Job; answers when it was there.
    pub(crate) async fn job(&self, name: &str) -> Result<Instant> {
        let found = async {
            loop {
                let news = self.at.news.notified();
                if let Some(at) = self.at.lock().get(name) {
                    return *at;
                }
                // Somebody may have told it just before.
                let _next = tokio::time::timeout(Duration::from_millis(5), news).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), found)
            .await
            .with_context(|| format!("the Job `{name}` did not come"))
    }

    /// How many were there so far.
    pub(crate) fn count(&self) -> usize {
        self.at.lock().len()
    }

    /// All times, the earliest first.
    pub(crate) fn times(&self) -> Vec<Instant> {
        let mut times: Vec<Instant> = self.at.lock().values().copied().collect();
        times.sort();
        times
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Name of the Job of a run's first attempt.
pub(crate) fn job_name(run: &str) -> String {
    format!("plx-operation-{run}")
}
