//! Random lives of many runs with an agent that crashes, loses answers and repeats itself; then the history is read.

use std::collections::BTreeMap;

use polyaxon_hub::domain::page::Page;
use polyaxon_hub::domain::run::{Failure, Retry, RunFilter, RunRecord};
use polyaxon_hub::domain::session::{
    Directive, InventoryItem, LaunchOutcome, Order, ReportOutcome, SessionKey, StatusReport, Work,
};
use polyaxon_hub::domain::time::Millis;
use polyaxon_hub::storage::Storage;
use polyaxon_hub::storage::agents::LaunchReport;
use polyaxon_hub::storage::runs::StopOrder;
use polyaxon_spec::state::Status;

use super::samples::{claim, insert, open, synced};

/// Steps of one life.
const STEPS: u32 = 150;

/// Random numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn happens(&mut self, one_in: usize) -> bool {
        self.roll(one_in) == 0
    }
}

struct World<'a> {
    storage: &'a dyn Storage,
    dice: Dice,
    now: i64,
    session: SessionKey,
    old_session: Option<SessionKey>,
    /// What the agent process knows, with its count of reports.
    held: BTreeMap<String, (Work, u64)>,
    /// Objects in the cluster.
    objects: BTreeMap<String, u32>,
    fences: BTreeMap<String, u64>,
}

pub(crate) async fn no_run_is_lost_and_no_outcome_changes(storage: &dyn Storage) {
    for seed in 1..=4 {
        let session = synced(storage, "a", 0).await;
        let mut world = World {
            storage,
            dice: Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)),
            now: 1000,
            session,
            old_session: None,
            held: BTreeMap::new(),
            objects: BTreeMap::new(),
            fences: BTreeMap::new(),
        };
        for _ in 0..STEPS {
            world.now += 500;
            world.step().await;
            if world.dice.happens(4) {
                world.check_limits().await;
            }
        }
        world.heal().await;
        world.check_history().await;
    }
}

impl World<'_> {
    fn at(&self) -> Millis {
        Millis(self.now)
    }

    async fn step(&mut self) {
        match self.dice.roll(12) {
            0 | 1 => {
                let queue = if self.dice.happens(2) {
                    "one"
                } else {
                    "default"
                };
                insert(self.storage, queue).await;
            }
            2 | 3 => {
                let slots = 1 + self.dice.roll(3) as u64;
                let claimed = self
                    .storage
                    .claim(&self.session, claim(slots, self.now))
                    .await;
                let lost = self.dice.happens(4);
                for work in claimed.unwrap().unwrap() {
                    self.note_fence(&work.run);
                    if !lost {
                        self.held.insert(work.run.uuid.clone(), (work, 0));
                    }
                }
            }
            4 | 5 => self.launch_one().await,
            6..=8 => self.report_one().await,
            9 => {
                let runs = self.runs().await;
                if !runs.is_empty() {
                    let uuid = runs[self.dice.roll(runs.len())].uuid.clone();
                    let order = StopOrder {
                        reason: "r".into(),
                        source: "user".into(),
                        abandon: self.dice.happens(4),
                        at: self.at(),
                    };
                    let abandoned = order.abandon;
                    self.storage.stop_run(&uuid, order).await.unwrap();
                    if abandoned {
                        self.restart().await;
                    }
                }
            }
            10 if self.dice.happens(3) && self.dice.happens(2) => self.reopen().await,
            10 if self.dice.happens(3) => self.restart().await,
            10 if self.dice.happens(2) => {
                self.now += 10_000;
                self.storage.begin_attempts(self.at()).await.unwrap();
            }
            10 => {
                if self.dice.happens(3) {
                    self.now += 40_000;
                    self.storage.lose_contact(self.at()).await.unwrap();
                }
                let until = Millis(self.now + 20_000);
                let renewed = self
                    .storage
                    .renew_session(&self.session, self.at(), until)
                    .await;
                renewed.unwrap().unwrap();
            }
            _ => self.obey_standing_orders().await,
        }
    }

    fn pick(&mut self) -> Option<String> {
        if self.held.is_empty() {
            return None;
        }
        let place = self.dice.roll(self.held.len());
        self.held.keys().nth(place).cloned()
    }

    async fn launch_one(&mut self) {
        let Some(uuid) = self.pick() else { return };
        let work = self.held[&uuid].0.clone();
        self.objects.insert(uuid.clone(), work.run.state.attempt);
        if self.dice.happens(3) {
            return;
        }
        let launch = LaunchReport {
            run: uuid,
            attempt: work.run.state.attempt,
            fence: work.run.state.fence,
            outcome: LaunchOutcome::Launched {
                object_name: "o".into(),
                object_uid: "u".into(),
            },
        };
        let session = self.some_session();
        let _ = self
            .storage
            .acknowledge_launch(&session, launch, self.at())
            .await
            .unwrap();
    }

    /// The session, or an older one that does not know that it is over.
    fn some_session(&mut self) -> SessionKey {
        if self.dice.happens(8) {
            self.old_session
                .clone()
                .unwrap_or_else(|| self.session.clone())
        } else {
            self.session.clone()
        }
    }

    async fn report_one(&mut self) {
        const STATUSES: [Status; 8] = [
            Status::Starting,
            Status::Running,
            Status::Warning,
            Status::Processing,
            Status::Queued,
            Status::Succeeded,
            Status::Failed,
            Status::Stopped,
        ];
        let Some(uuid) = self.pick() else { return };
        let status = STATUSES[self.dice.roll(STATUSES.len())];
        let (old, again) = (self.dice.happens(6), self.dice.happens(4));
        let session = self.some_session();
        self.report(&session, &uuid, status, old, again).await;
    }

    async fn report(
        &mut self,
        session: &SessionKey,
        uuid: &str,
        status: Status,
        old_fence: bool,
        again: bool,
    ) {
        let failure = (status == Status::Failed && self.dice.happens(2)).then(|| Failure {
            retry: Some(Retry::Yes),
            ..Failure::default()
        });
        let (work, seq) = self.held.get_mut(uuid).unwrap();
        *seq += u64::from(!again);
        let attempt = work.run.state.attempt;
        let report = StatusReport {
            run: uuid.to_owned(),
            attempt: work.run.state.attempt,
            fence: work.run.state.fence - u64::from(old_fence),
            seq: *seq,
            status,
            reason: status.as_str().into(),
            message: String::new(),
            observed_at: Millis(self.now),
            build: None,
            failure,
            isolation: String::new(),
        };
        let before = self.storage.run(uuid).await.unwrap().unwrap();
        let outcome = self
            .storage
            .report(session, vec![report], self.at())
            .await
            .unwrap();
        let after = self.storage.run(uuid).await.unwrap().unwrap();
        if *session != self.session {
            assert!(outcome.is_err(), "an old session is heard");
        }
        if old_fence || *session != self.session {
            assert_eq!(
                before.state, after.state,
                "an old fence or session changes a run"
            );
        }
        let is_over = after.state.base.is_final() || after.state.attempt > attempt;
        if outcome == Ok(vec![ReportOutcome::Ok]) && is_over {
            self.objects.remove(uuid);
            self.held.remove(uuid);
        }
    }

    async fn obey_standing_orders(&mut self) {
        let standing = self.storage.directives(&self.session, self.at()).await;
        let orders = standing.unwrap().unwrap();
        self.obey(orders).await;
    }

    async fn obey(&mut self, orders: Vec<Directive>) {
        for directive in orders {
            match directive.order {
                Order::Keep(None) => {
                    let held = self.held.get_mut(&directive.run);
                    let (work, seq) = held.expect("the work of who has not forgotten it");
                    if work.run.state.fence != directive.fence {
                        (work.run.state.fence, *seq) = (directive.fence, 0);
                    }
                }
                Order::Keep(Some(work)) | Order::LaunchAgain(work) => {
                    self.note_fence(&work.run);
                    let known = self.held.get(&directive.run).map_or(0, |(_, seq)| *seq);
                    let same = self
                        .held
                        .get(&directive.run)
                        .is_some_and(|(held, _)| held.run.state.fence == work.run.state.fence);
                    let seq = if same { known } else { 0 };
                    self.held.insert(directive.run, (*work, seq));
                }
                Order::Delete => {
                    self.objects.remove(&directive.run);
                    self.held.remove(&directive.run);
                }
                Order::Stop { .. } => {
                    if self.held.contains_key(&directive.run) {
                        let session = self.session.clone();
                        self.report(&session, &directive.run, Status::Stopped, false, false)
                            .await;
                    }
                }
            }
        }
    }

    /// The agent forgets everything but what is in its cluster.
    async fn restart(&mut self) {
        self.held.clear();
        self.reopen().await;
    }

    async fn reopen(&mut self) {
        let next = open(self.storage, "a", self.now).await;
        assert!(next.epoch > self.session.epoch);
        self.old_session = Some(std::mem::replace(&mut self.session, next));
        let items: Vec<InventoryItem> = self
            .objects
            .iter()
            .map(|(run, attempt)| InventoryItem {
                run: run.clone(),
                attempt: *attempt,
                object_uid: "u".into(),
                known: self
                    .held
                    .get(run)
                    .is_some_and(|(work, _)| work.run.state.attempt == *attempt),
            })
            .collect();
        let pages: Vec<Vec<InventoryItem>> = items.chunks(2).map(<[_]>::to_vec).collect();
        let deadline = Millis(self.now + 30_000);
        for page in pages.into_iter().map(Some).chain([None]) {
            let last = page.is_none();
            let synced = self
                .storage
                .sync_session(
                    &self.session,
                    page.unwrap_or_default(),
                    last,
                    self.at(),
                    deadline,
                )
                .await;
            let (orders, _) = synced.unwrap().unwrap();
            self.obey(orders).await;
        }
    }

    fn note_fence(&mut self, run: &RunRecord) {
        let fence = run.state.fence;
        let before = self.fences.insert(run.uuid.clone(), fence).unwrap_or(0);
        assert!(before <= fence, "a fence fell from {before} to {fence}");
    }

    async fn runs(&self) -> Vec<RunRecord> {
        let filter = RunFilter {
            owner: "default".into(),
            ..RunFilter::default()
        };
        let page = Page {
            size: 10_000,
            after: None,
        };
        self.storage.runs(&filter, &page).await.unwrap()
    }

    async fn check_limits(&self) {
        let active = self
            .runs()
            .await
            .into_iter()
            .filter(|run| run.queue == "one" && run.state.base.is_active())
            .count();
        assert!(active <= 1, "{active} runs of a queue for one");
    }

    /// The faults stop: every run must come to its end.
    async fn heal(&mut self) {
        self.restart().await;
        for _ in 0..500 {
            self.now += 61_000;
            let until = Millis(self.now + 20_000);
            let renewed = self
                .storage
                .renew_session(&self.session, self.at(), until)
                .await;
            renewed.unwrap().unwrap();
            let before = Millis(self.now - 30_000);
            self.storage
                .give_up_launches(before, self.at())
                .await
                .unwrap();
            self.obey_standing_orders().await;
            self.storage.begin_attempts(self.at()).await.unwrap();
            let claimed = self
                .storage
                .claim(&self.session, claim(100, self.now))
                .await;
            for work in claimed.unwrap().unwrap() {
                self.held.insert(work.run.uuid.clone(), (work, 0));
            }
            let session = self.session.clone();
            for uuid in self.held.keys().cloned().collect::<Vec<_>>() {
                self.report(&session, &uuid, Status::Succeeded, false, false)
                    .await;
            }
            if self
                .runs()
                .await
                .iter()
                .all(|run| run.state.base.is_final())
            {
                return;
            }
        }
        let stuck: Vec<_> = self
            .runs()
            .await
            .into_iter()
            .filter(|run| !run.state.base.is_final())
            .collect();
        panic!("these runs never end: {stuck:#?}");
    }

    async fn check_history(&self) {
        for run in self.runs().await {
            let events = self.storage.run_events(&run.uuid, 0, 10_000).await.unwrap();
            let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
            assert_eq!(numbers, (1..=run.event_seq).collect::<Vec<_>>());
            let told: Vec<Status> = events
                .iter()
                .filter(|event| !event.ignored)
                .map(|event| event.status)
                .collect();
            let finals = told.iter().filter(|status| status.is_final()).count();
            assert_eq!(finals, 1, "{}: {told:?}", run.uuid);
            let retried = told.iter().filter(|status| **status == Status::Retrying);
            assert_eq!(retried.count() + 1, run.state.attempt as usize, "{told:?}");
            assert!(run.state.attempt <= 4, "more attempts than the budget");
            assert_eq!(told.last(), Some(&run.state.base), "{}: {told:?}", run.uuid);
            let ranks: Vec<u8> = told.iter().filter_map(|status| status.rank()).collect();
            for pair in ranks.windows(2) {
                let goes_back = pair == [3, 2] || pair[1] == 0;
                assert!(pair[0] <= pair[1] || goes_back, "{}: {told:?}", run.uuid);
            }
        }
    }
}
