//! Drives the machines: takes events from the hub and from tasks, and obeys the orders that the
//! machines answer with. One task owns all state; whatever takes time is a task of its own.

mod agenda;
mod entry;
mod tasks;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indexmap::IndexMap;
use polyaxon_proto::agent::v1::{Directive, InventoryItem, LeaseItem, directive};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::agenda::{Agenda, Item};
use self::entry::Entry;
use self::tasks::{LogsOf, Message, Tools};
use crate::ambience::Ambience;
use crate::attempt::AttemptKey;
use crate::confirmation::Confirmer;
use crate::executor::{Executor, Found};
use crate::health::Vitals;
use crate::hub::{Launch, LinkEvent, Outbox, Standing, WITHDRAWN};
use crate::logs::Shipper;
use crate::machine::{Action, Event, Facts, LaunchOutcome, Machine};
use crate::planning::{KeptPlan, Planner};

/// Longest time without a look at the clocks of the machines.
const LOOK: Duration = Duration::from_mins(1);

/// What a driver works with.
pub struct Parts {
    /// Runs attempts.
    pub executor: Arc<dyn Executor>,
    /// Plans them.
    pub planner: Arc<dyn Planner>,
    /// Asks registries.
    pub confirmer: Confirmer,
    /// Ships logs.
    pub shipper: Shipper,
    /// Ships launches and statuses.
    pub outbox: Outbox,
    /// What the connection says.
    pub events: mpsc::Receiver<LinkEvent>,
    /// Runs that could be started now.
    pub slots: watch::Sender<u32>,
    /// Asks the connection for a new session.
    pub reopen: Arc<Notify>,
    /// Runs at a time.
    pub max_runs: u32,
    /// A digest that the registry did not confirm fails the run.
    pub require_confirmation: bool,
    /// Time and chance.
    pub ambience: Ambience,
    /// Whether this process still speaks for its agent.
    pub standing: Standing,
    /// Who wants to know how it is.
    pub vitals: Vitals,
}

/// Why a driver ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It was asked to.
    #[error("shut down")]
    Shutdown,
    /// The token was never accepted.
    #[error("{0}")]
    Denied(String),
}

/// All attempts of one agent.
pub struct Driver {
    tools: Arc<Tools>,
    ambience: Ambience,
    planner: Arc<dyn Planner>,
    outbox: Outbox,
    events: mpsc::Receiver<LinkEvent>,
    messages: mpsc::UnboundedReceiver<Message>,
    slots: watch::Sender<u32>,
    reopen: Arc<Notify>,
    max_runs: u32,
    require_confirmation: bool,
    entries: IndexMap<AttemptKey, Box<Entry>>,
    agenda: Agenda,
    epoch: u64,
    ready: Option<Box<dyn FnOnce() + Send>>,
}

impl Driver {
    /// A driver without attempts; `ready` is called once, when the first session is synced.
    pub fn new(parts: Parts, ready: impl FnOnce() + Send + 'static) -> Self {
        let (sender, messages) = mpsc::unbounded_channel();
        let at_first = parts.max_runs.min(parts.executor.launches());
        parts.slots.send_replace(at_first);
        Self {
            tools: Arc::new(Tools {
                executor: parts.executor,
                confirmer: parts.confirmer,
                shipper: parts.shipper,
                messages: sender,
                ambience: parts.ambience.clone(),
                standing: parts.standing,
                vitals: parts.vitals,
            }),
            ambience: parts.ambience,
            planner: parts.planner,
            outbox: parts.outbox,
            events: parts.events,
            messages,
            slots: parts.slots,
            reopen: parts.reopen,
            max_runs: parts.max_runs,
            require_confirmation: parts.require_confirmation,
            entries: IndexMap::new(),
            agenda: Agenda::default(),
            epoch: 0,
            ready: Some(Box::new(ready)),
        }
    }

    /// Runs until it is cancelled; containers are left alone then.
    pub async fn run(mut self, shutdown: CancellationToken) -> Ended {
        loop {
            let wake = self.next_deadline();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ended::Shutdown,
                Some(message) = self.messages.recv() => {
                    self.event(&message.key, message.event);
                }
                event = self.events.recv() => match event {
                    None => return Ended::Shutdown,
                    Some(LinkEvent::Denied(reason)) if self.ready.is_some() => {
                        return Ended::Denied(reason);
                    }
                    Some(LinkEvent::StandBy) => self.let_go().await,
                    Some(event) => self.heard(event),
                },
                () = tokio::time::sleep_until(wake) => {}
            }
            self.tick();
            self.count_slots();
        }
    }

    fn next_deadline(&self) -> Instant {
        let furthest = Instant::now() + LOOK;
        let next = self.agenda.next().map(Instant::from_std);
        next.map_or(furthest, |next| next.min(furthest))
    }

    fn tick(&mut self) {
        let now = Instant::now().into_std();
        for key in self.agenda.due(now) {
            self.event(&key, Event::Tick);
        }
    }

    fn count_slots(&self) {
        let live = self.agenda.live();
        self.tools.vitals.turned(live);
        let launching = self.agenda.launching();
        let less =
            |most: u32, taken: usize| most.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
        // More than can be launched soon waits better in the hub: others may take it, and a stop is quick there.
        let soon = less(self.tools.executor.launches(), launching);
        let free = less(self.max_runs, live).min(soon);
        self.slots.send_if_modified(|slots| {
            let changed = *slots != free;
            *slots = free;
            changed
        });
    }

    fn heard(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Inventory(answer) => self.inventory(answer),
            LinkEvent::Synced {
                epoch,
                directives,
                is_last,
                taken,
            } => {
                self.epoch = epoch;
                for directive in directives {
                    self.obey(directive);
                }
                let _gone_at_shutdown = taken.send(());
                if is_last && let Some(ready) = self.ready.take() {
                    ready();
                }
            }
            LinkEvent::Leased(items) => {
                for item in items {
                    self.launch(&item);
                }
            }
            LinkEvent::Directives(directives) => {
                for directive in directives {
                    self.obey(directive);
                }
            }
            LinkEvent::OutcomeAcknowledged(key) => self.event(&key, Event::OutcomeAcknowledged),
            LinkEvent::Unknown(key) => self.event(&key, Event::Delete),
            LinkEvent::Fenced => self.reopen.notify_one(),
            LinkEvent::StandBy | LinkEvent::Denied(_) => {}
        }
    }

    /// Ends every task and forgets every attempt, as if the process had just been started. Containers are left alone:
    /// they are another process's, and the next sync says what is to be adopted.
    async fn let_go(&mut self) {
        for (key, mut entry) in std::mem::take(&mut self.entries) {
            entry.tasks.shutdown().await;
            entry.fence.store(WITHDRAWN, Ordering::Relaxed);
            self.tools.shipper.forget(&key);
        }
        self.agenda = Agenda::default();
        while self.messages.try_recv().is_ok() {}
    }

    fn inventory(&self, answer: oneshot::Sender<Vec<InventoryItem>>) {
        let executor = Arc::clone(&self.tools.executor);
        let fences: IndexMap<AttemptKey, u64> = self
            .entries
            .iter()
            .map(|(key, entry)| (key.clone(), entry.fence.load(Ordering::Relaxed)))
            .collect();
        tokio::spawn(async move {
            match executor.inventory().await {
                Ok(found) => {
                    let items = found
                        .into_iter()
                        .map(|found| item(&fences, found))
                        .collect();
                    let _session_is_over = answer.send(items);
                }
                // Without an answer the session is opened again.
                Err(error) => tracing::warn!(%error, "what runs here cannot be listed"),
            }
        });
    }

    fn obey(&mut self, directive: Directive) {
        let key = AttemptKey::new(directive.run.clone(), directive.attempt);
        let known = self.entries.contains_key(&key);
        if let Some(entry) = self.entries.get(&key)
            && directive.fence != WITHDRAWN
        {
            entry.fence.fetch_max(directive.fence, Ordering::Relaxed);
        }
        match directive.kind() {
            directive::Kind::Stop => {
                if !known {
                    // Nothing runs here: a machine without an object says so.
                    self.add(key.clone(), directive.fence, None);
                }
                let reason = directive.reason;
                self.event(&key, Event::Stop { reason });
            }
            directive::Kind::Delete if known => self.event(&key, Event::Delete),
            directive::Kind::Delete => {
                self.add(key.clone(), directive.fence, None);
                self.event(&key, Event::Delete);
            }
            directive::Kind::ReportAgain => self.event(&key, Event::ReportAgain),
            directive::Kind::Keep => {
                match directive.item {
                    Some(item) if !known => self.adopt(&item),
                    // It was forgotten since it was named; the next comparison names it as unknown.
                    None if !known => tracing::debug!(%key, "nothing to go on with"),
                    _ => {}
                }
            }
            directive::Kind::LaunchAgain => {
                if let Some(item) = directive.item {
                    self.launch(&item);
                }
            }
            directive::Kind::Unspecified => {}
        }
    }

    fn launch(&mut self, item: &LeaseItem) {
        self.take(item, Event::Launch);
    }

    fn adopt(&mut self, item: &LeaseItem) {
        self.take(item, Event::Adopt);
    }

    fn take(&mut self, item: &LeaseItem, event: Event) {
        let key = AttemptKey::new(item.run.clone(), item.attempt);
        if let Some(entry) = self.entries.get(&key) {
            entry.fence.fetch_max(item.fence, Ordering::Relaxed);
            return;
        }
        match self.planner.plan(item) {
            Ok(plan) => {
                tracing::info!(%key, name = item.name, adopted = event == Event::Adopt, "taken");
                self.add(
                    key.clone(),
                    item.fence,
                    Some(Arc::new(KeptPlan::whole(plan))),
                );
                self.event(&key, event);
            }
            Err(refusal) => {
                tracing::warn!(%key, reason = refusal.reason, message = refusal.message, "refused");
                self.add(key.clone(), item.fence, None);
                self.event(&key, Event::Refused(refusal));
            }
        }
    }

    fn add(&mut self, key: AttemptKey, fence: u64, plan: Option<Arc<KeptPlan>>) {
        let facts = plan.as_ref().map_or_else(Facts::default, |plan| {
            Facts::of(plan, self.require_confirmation)
        });
        let entry = Box::new(Entry::new(Machine::new(facts), plan, fence, self.epoch));
        let before = self.entries.get(&key);
        let before = before.map_or_else(Item::default, |entry| Item::of(&entry.machine));
        self.agenda.change(&key, before, Item::of(&entry.machine));
        self.entries.insert(key, entry);
    }

    fn event(&mut self, key: &AttemptKey, event: Event) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        let before = Item::of(&entry.machine);
        let actions = entry.machine.on(event, Instant::now().into_std());
        self.agenda.change(key, before, Item::of(&entry.machine));
        for action in actions {
            self.act(key, action);
        }
    }

    fn act(&mut self, key: &AttemptKey, action: Action) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        match action {
            Action::Create => {
                if let Some(plan) = entry.plan.as_ref().and_then(|plan| plan.plan()) {
                    let plan = Arc::clone(plan);
                    entry.tasks.spawn(Arc::clone(&self.tools).create(plan));
                }
            }
            Action::AckLaunch(outcome) => {
                let rejected = matches!(outcome, LaunchOutcome::Rejected { .. });
                entry.is_adopted = !matches!(outcome, LaunchOutcome::Created { .. });
                self.outbox.launched(Launch {
                    key: key.clone(),
                    fence: Arc::clone(&entry.fence),
                    outcome,
                });
                if rejected {
                    // Nothing of it may stay, also if an earlier agent had launched it.
                    let executor = Arc::clone(&self.tools.executor);
                    let key = key.clone();
                    tokio::spawn(async move {
                        if let Err(error) = executor.remove(&key).await {
                            tracing::warn!(%key, %error, "a refused run was not removed");
                        }
                    });
                }
            }
            Action::Run => {
                if let Some(plan) = entry.plan.clone() {
                    let plan = if self.tools.executor.keeps_plans() {
                        Arc::new(plan.once_launched())
                    } else {
                        plan
                    };
                    entry.plan = Some(Arc::clone(&plan));
                    let logs = LogsOf {
                        fence: Arc::clone(&entry.fence),
                        observer: entry.observer.clone(),
                        is_adopted: entry.is_adopted,
                    };
                    entry.tasks.spawn(Arc::clone(&self.tools).watch(plan, logs));
                }
            }
            Action::Report(update) => {
                let report = entry.report(key, *update, self.ambience.now());
                let status = &report.report;
                tracing::info!(%key, status = status.status().as_str_name(), reason = status.reason, message = status.message, "status");
                self.outbox.report(report);
            }
            Action::Stop => {
                entry.tasks.spawn(Arc::clone(&self.tools).stop(key.clone()));
            }
            Action::Confirm => {
                if let Some(plan) = entry.plan.clone() {
                    let observer = entry.observer.clone();
                    entry
                        .tasks
                        .spawn(Arc::clone(&self.tools).confirm(plan, observer));
                }
            }
            Action::Remove => {
                // Nobody has to hear more of it; logs and reports that wait are dropped.
                entry.tasks.abort_all();
                entry.fence.store(WITHDRAWN, Ordering::Relaxed);
                self.tools.shipper.forget(key);
                entry
                    .tasks
                    .spawn(Arc::clone(&self.tools).remove(key.clone()));
            }
            Action::Forget => {
                self.tools.shipper.forget(key);
                if let Some(entry) = self.entries.swap_remove(key) {
                    self.agenda
                        .change(key, Item::of(&entry.machine), Item::default());
                }
            }
        }
    }
}

fn item(fences: &IndexMap<AttemptKey, u64>, found: Found) -> InventoryItem {
    let known = fences.get(&found.key).copied();
    InventoryItem {
        fence: known.unwrap_or(found.fence),
        known: known.is_some(),
        run: found.key.run.to_string(),
        attempt: found.key.attempt,
        object_uid: found.uid,
        phase: found.phase.as_str().to_owned(),
    }
}
