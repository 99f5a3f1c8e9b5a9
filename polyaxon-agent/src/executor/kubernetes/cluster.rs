//! What is known of the cluster: the agent's Jobs and pods and the warnings about them, kept by
//! one watch per kind and namespace.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event as Warning, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::changes::{Changes, Listener};
use super::kept::{Kept, Light};
use super::labels::{self, Owner};
use super::observe::Note;
use super::thin::Thin;
use crate::attempt::AttemptKey;
use crate::executor::{ExecutorError, Found, Phase};

/// Time between two looks for what nobody stands for.
pub(super) const SWEEP: Duration = Duration::from_mins(1);

/// Objects of one page of a list.
pub(super) const PAGE: u32 = 200;

/// How long a watch may say nothing at all before it is opened again, in seconds.
const WATCH: u32 = 290;

/// How long the watches of Jobs wait for whoever needs to know which there are now.
const BEGIN: Duration = Duration::from_secs(3);

/// How long the first picture of the cluster may take.
const FIRST: Duration = Duration::from_mins(1);

/// Everything that is known of one attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    pub(super) namespace: String,
    pub(super) job: Option<Arc<Job>>,
    pub(super) pod: Option<Arc<Pod>>,
    /// Oldest first.
    pub(super) notes: Vec<Note>,
}

/// An attempt of which something is there that we hold, as it was seen.
pub(super) struct Seen {
    pub(super) found: Found,
    /// Its pod is there, and not only its Job.
    pub(super) has_pod: bool,
}

#[derive(Default)]
pub(super) struct Slot {
    namespace: String,
    /// Fence at the creation.
    fence: u64,
    pub(super) job: Option<Light<Job>>,
    /// Nearly always one.
    pub(super) pods: Vec<Light<Pod>>,
    changes: Changes,
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.job.is_none() && self.pods.is_empty() && !self.changes.is_heard()
    }

    fn seen(&self, key: &AttemptKey) -> Option<Seen> {
        let job = self.job.as_ref().filter(|job| job.is_held);
        let pod = self.pods.iter().find(|pod| pod.is_held);
        let uid = job.map(|job| &job.uid).or(pod.map(|pod| &pod.uid))?;
        let phases = job.map(|job| job.phase).into_iter();
        let mut phases = phases.chain(pod.map(|pod| pod.phase));
        Some(Seen {
            found: Found {
                key: key.clone(),
                fence: self.fence,
                uid: uid.clone(),
                phase: phases
                    .find(|phase| *phase != Phase::Pending)
                    .unwrap_or(Phase::Pending),
            },
            has_pod: pod.is_some(),
        })
    }
}

#[derive(Default)]
struct State {
    slots: HashMap<AttemptKey, Slot>,
    /// Whose an object of a uid is.
    keys: HashMap<String, AttemptKey>,
    /// What was said about the object of a uid.
    notes: HashMap<String, Vec<Note>>,
    /// Watches that have not shown everything yet.
    behind: HashSet<String>,
    /// Watches whose last word was an error.
    blind: HashSet<String>,
}

/// The agent's part of the cluster, as far as it was seen.
pub(super) struct Cluster {
    agent: String,
    state: Mutex<State>,
    synced: watch::Sender<bool>,
    /// The watches of Jobs have begun.
    begun: watch::Sender<bool>,
}

impl Cluster {
    /// An empty picture that `watch` fills.
    pub(super) fn new(agent: &str, namespaces: &[String]) -> Self {
        let behind = namespaces
            .iter()
            .flat_map(|namespace| ["Job", "Pod"].map(|kind| format!("{kind}/{namespace}")))
            .collect();
        Self {
            agent: agent.to_owned(),
            state: Mutex::new(State {
                behind,
                ..State::default()
            }),
            synced: watch::Sender::new(false),
            begun: watch::Sender::new(false),
        }
    }

    /// Starts all watches; they end with the returned set.
    pub(super) fn watch(self: &Arc<Self>, client: &Client, namespaces: &[String]) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let selected = watcher::Config::default()
            .labels(&labels::selector(&self.agent))
            .page_size(PAGE)
            .timeout(WATCH);
        for namespace in namespaces {
            let jobs: Api<Thin<Job>> = Api::namespaced(client.clone(), namespace);
            let pods: Api<Thin<Pod>> = Api::namespaced(client.clone(), namespace);
            let warnings: Api<Warning> = Api::namespaced(client.clone(), namespace);
            let follow = Arc::clone(self).follow(jobs, selected.clone(), namespace.clone());
            let cluster = Arc::clone(self);
            tasks.spawn(async move {
                cluster.may_begin().await;
                follow.await;
            });
            tasks.spawn(Arc::clone(self).follow(pods, selected.clone(), namespace.clone()));
            let config = watcher::Config::default()
                .fields("type=Warning")
                .timeout(WATCH);
            tasks.spawn(Arc::clone(self).follow(warnings, config, namespace.clone()));
        }
        tasks
    }

    /// Lets the watches of Jobs begin. Where it says that they had not, the first picture shows every Job that is there
    /// now, for their lists come after this.
    pub(super) fn begin(&self) -> bool {
        !self.begun.send_replace(true)
    }

    async fn may_begin(&self) {
        let mut begun = self.begun.subscribe();
        if tokio::time::timeout(BEGIN, begun.wait_for(|begun| *begun))
            .await
            .is_err()
        {
            self.begin();
        }
    }

    async fn follow<K: Kept>(
        self: Arc<Self>,
        api: Api<K>,
        config: watcher::Config,
        namespace: String,
    ) {
        let mut events = watch_objects(api, config).default_backoff().boxed();
        let mut listed = HashSet::new();
        let name = format!("{}/{namespace}", K::KIND);
        let mut blind = false;
        while let Some(event) = events.next().await {
            if blind != event.is_err() {
                blind = event.is_err();
                self.goes_blind(&name, blind);
            }
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => {
                    listed.insert(object.meta().name.clone().unwrap_or_default());
                    object.put(&self);
                }
                Ok(Event::InitDone) => {
                    K::retain(&self, &namespace, &listed);
                    listed.clear();
                    self.caught_up(&name);
                }
                Ok(Event::Apply(object)) => object.put(&self),
                Ok(Event::Delete(object)) => object.drop_from(&self),
                Err(error) => {
                    tracing::warn!(kind = K::KIND, namespace, %error, "the cluster is not seen for now");
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn caught_up(&self, watch: &str) {
        let mut state = self.lock();
        state.behind.remove(watch);
        let done = state.behind.is_empty();
        drop(state);
        if done {
            self.synced.send_replace(true);
        }
    }

    fn goes_blind(&self, watch: &str, blind: bool) {
        let mut state = self.lock();
        if blind {
            state.blind.insert(watch.to_owned());
        } else {
            state.blind.remove(watch);
        }
    }

    /// Whether everything was seen once and every watch goes on.
    pub(super) fn is_seen(&self) -> bool {
        let state = self.lock();
        state.behind.is_empty() && state.blind.is_empty()
    }

    /// Returns when everything that is there was seen once; an error when that takes too long.
    pub(super) async fn first_seen(&self) -> Result<(), ExecutorError> {
        self.begin();
        let mut synced = self.synced.subscribe();
        let synced = synced.wait_for(|synced| *synced);
        match tokio::time::timeout(FIRST, synced).await {
            Ok(_never_dropped_before_self) => Ok(()),
            Err(_) => Err(ExecutorError::Unavailable {
                action: "watching the cluster".to_owned(),
                reason: "it does not show what there is".to_owned(),
            }),
        }
    }

    /// Every attempt of which we hold something.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let state = self.lock();
        let slots = state.slots.iter();
        slots.filter_map(|(key, slot)| slot.seen(key)).collect()
    }

    /// The attempt is in this namespace, also before anything of it is seen.
    pub(super) fn expect(&self, key: &AttemptKey, namespace: &str) {
        let mut state = self.lock();
        let slot = state.slots.entry(key.clone()).or_default();
        namespace.clone_into(&mut slot.namespace);
    }

    /// Namespace of an attempt, if it was seen.
    pub(super) fn namespace(&self, key: &AttemptKey) -> Option<String> {
        let state = self.lock();
        let slot = state.slots.get(key)?;
        (!slot.namespace.is_empty()).then(|| slot.namespace.clone())
    }

    /// What was seen of an attempt.
    pub(super) fn snapshot(&self, key: &AttemptKey) -> Snapshot {
        let state = self.lock();
        let Some(slot) = state.slots.get(key) else {
            return Snapshot::default();
        };
        let pod = slot
            .pods
            .iter()
            .min_by_key(|pod| pod.created.clone())
            .cloned();
        let job = slot.job.clone();
        let uids = job
            .iter()
            .map(|job| &job.uid)
            .chain(pod.iter().map(|pod| &pod.uid));
        let notes = uids
            .filter_map(|uid| state.notes.get(uid))
            .flatten()
            .cloned()
            .collect();
        let namespace = slot.namespace.clone();
        drop(state);
        Snapshot {
            namespace,
            job: job.and_then(|job| job.object()),
            pod: pod.and_then(|pod| pod.object()),
            notes,
        }
    }

    /// Says when the picture of an attempt changes.
    pub(super) fn subscribe(&self, key: &AttemptKey) -> Listener {
        let mut state = self.lock();
        let slot = state.slots.entry(key.clone()).or_default();
        slot.changes.listen()
    }

    /// Nobody asks for the attempt any more; what there is of it goes when it is deleted.
    pub(super) fn forget(&self, key: &AttemptKey) {
        let mut state = self.lock();
        if state.slots.get(key).is_some_and(Slot::is_empty) {
            state.slots.remove(key);
        }
    }

    /// Pods that nothing stands for any more but our finalizer; none as long as not everything was seen.
    pub(super) fn orphans(&self) -> Vec<AttemptKey> {
        let state = self.lock();
        if !state.behind.is_empty() {
            return Vec::new();
        }
        state
            .slots
            .iter()
            .filter(|(_, slot)| slot.job.is_none() && slot.pods.iter().any(|pod| pod.is_held))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Somebody said something about the object of a uid.
    pub(super) fn note(&self, uid: String, note: Note) {
        let mut state = self.lock();
        let key = state.keys.get(&uid).cloned();
        let notes = state.notes.entry(uid).or_default();
        notes.retain(|known| known.reason != note.reason);
        notes.push(note);
        if let Some(slot) = key.and_then(|key| state.slots.get(&key)) {
            slot.changes.tell();
        }
    }

    /// What was said has been forgotten; of an object that is there it is kept with it.
    pub(super) fn forget_note(&self, uid: &str) {
        let mut state = self.lock();
        if !state.keys.contains_key(uid) {
            state.notes.remove(uid);
        }
    }

    fn owner(&self, metadata: &ObjectMeta) -> Option<Owner> {
        Owner::read(metadata).filter(|owner| owner.agent == self.agent)
    }

    /// Changes what is known of the object's attempt, if it is one of this agent.
    pub(super) fn change(&self, metadata: &ObjectMeta, change: impl FnOnce(&mut Slot)) {
        let Some(owner) = self.owner(metadata) else {
            return;
        };
        let mut state = self.lock();
        // One key for all of an attempt.
        let known = state.slots.get_key_value(&owner.key);
        let key = known.map_or(owner.key, |(key, _)| key.clone());
        if let Some(uid) = &metadata.uid {
            state.keys.insert(uid.clone(), key.clone());
        }
        let slot = state.slots.entry(key.clone()).or_default();
        slot.fence = owner.fence;
        if let Some(namespace) = &metadata.namespace {
            slot.namespace.clone_from(namespace);
        }
        change(slot);
        slot.changes.tell();
        if slot.is_empty() {
            state.slots.remove(&key);
        }
    }

    /// The object is not there any more.
    pub(super) fn forget_uid(&self, metadata: &ObjectMeta) {
        if let Some(uid) = &metadata.uid {
            let mut state = self.lock();
            state.keys.remove(uid);
            state.notes.remove(uid);
        }
    }

    /// Looks at every attempt of a namespace; `change` says whether it changed something.
    pub(super) fn retain(&self, namespace: &str, mut change: impl FnMut(&mut Slot) -> bool) {
        let mut state = self.lock();
        for slot in state.slots.values_mut() {
            if slot.namespace == namespace && change(slot) {
                slot.changes.tell();
            }
        }
        state.slots.retain(|_, slot| !slot.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::json;

    use super::super::fake_api::{self, job};
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_is_too_old_is_begun_anew_with_what_is_there() {
        let counts = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
        let (lists, counters) = (Arc::clone(&counts[0]), counts);
        let client = fake_api::client(move |request| {
            let is_watch = request
                .uri()
                .query()
                .is_some_and(|query| query.contains("watch=true"));
            let counter = &counters[usize::from(is_watch)];
            let number = counter.fetch_add(1, Ordering::Relaxed);
            async move {
                match (is_watch, number) {
                    (false, 0) => (
                        200,
                        json!({"metadata": {"resourceVersion": "1"}, "items": [job("old"), job("both")]}),
                    ),
                    (false, _) => (
                        200,
                        json!({"metadata": {"resourceVersion": "9"}, "items": [job("both"), job("new")]}),
                    ),
                    (true, 0) => {
                        let gone = fake_api::failure(410, "Expired", None);
                        (200, json!({"type": "ERROR", "object": gone}))
                    }
                    (true, _) => std::future::pending().await,
                }
            }
        });
        let cluster = Arc::new(Cluster::new("me", &["builds".to_owned()]));
        let [old, both, new] = ["old", "both", "new"].map(|run| AttemptKey::new(run, 1));
        let mut changes = cluster.subscribe(&old);
        let jobs: Api<Thin<Job>> = Api::namespaced(client, "builds");
        let watching = tokio::spawn(Arc::clone(&cluster).follow(
            jobs,
            watcher::Config::default(),
            "builds".to_owned(),
        ));
        let gone = async {
            loop {
                changes.changed().await;
                if lists.load(Ordering::Relaxed) > 1 && cluster.snapshot(&old).job.is_none() {
                    break;
                }
            }
        };
        let told = tokio::time::timeout(Duration::from_mins(1), gone).await;
        assert!(told.is_ok(), "who watches it is not told that it is gone");
        for (key, there) in [(&old, false), (&both, true), (&new, true)] {
            assert_eq!(cluster.snapshot(key).job.is_some(), there, "{key}");
        }
        watching.abort();
    }
}
