//! The simulated cluster: objects that live by the clock, whoever watches them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polyaxon_agent::attempt::AttemptKey;
use polyaxon_agent::executor::Phase;
use polyaxon_agent::planning::AttemptPlan;
use tokio::sync::Notify;

use super::World;
use super::plant::Plant;
use crate::history::{Fact, ObjectRecord};

/// What a process says when it was asked to end.
const TERMINATED: i32 = 143;
/// Milliseconds between being asked to end and the end.
const GRACE: u64 = 200;

/// What the main container of a run does, as its arguments say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Milliseconds between creation and the start of main.
    pub start: u64,
    /// Milliseconds that main runs.
    pub length: u64,
    /// Lines that it writes, evenly.
    pub lines: u64,
    /// Exit statuses of the attempts; the last one counts for all further ones.
    pub codes: Vec<i32>,
}

impl Script {
    /// As arguments of a container.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let codes: Vec<String> = self.codes.iter().map(i32::to_string).collect();
        vec![
            self.start.to_string(),
            self.length.to_string(),
            self.lines.to_string(),
            codes.join(","),
        ]
    }

    /// Reads [`Script::arguments`]; what is missing is 0.
    #[must_use]
    pub fn read(arguments: &[String]) -> Self {
        let number = |place: usize| {
            let text = arguments.get(place).map_or("", String::as_str);
            text.parse().unwrap_or_default()
        };
        let codes = arguments.get(3).map_or("", String::as_str);
        Self {
            start: number(0),
            length: number(1),
            lines: number(2),
            codes: codes
                .split(',')
                .filter_map(|code| code.parse().ok())
                .collect(),
        }
    }

    fn code(&self, attempt: u32) -> i32 {
        let place = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        let code = self.codes.get(place).or(self.codes.last());
        code.copied().unwrap_or_default()
    }
}

/// One object, from its creation on.
#[derive(Debug, Clone)]
struct Object {
    key: AttemptKey,
    uid: String,
    spec_hash: String,
    fence: u64,
    script: Script,
    orphan: bool,
    created: u64,
    stopped: Option<u64>,
    removed: Option<u64>,
    by_outsider: bool,
    /// What was written until the removal.
    kept: Vec<u8>,
}

impl Object {
    fn starts(&self) -> u64 {
        self.created + self.script.start
    }

    /// When main ends, and with which status.
    fn end(&self) -> (u64, i32) {
        let natural = self.starts() + self.script.length;
        match self.stopped {
            Some(stopped) if stopped + GRACE < natural => (stopped + GRACE, TERMINATED),
            _ => (natural, self.script.code(self.key.attempt)),
        }
    }

    /// Lines with the times at which they are written; the last one has no line end.
    fn lines(&self) -> impl Iterator<Item = (u64, Vec<u8>)> + use<'_> {
        let (starts, end) = (self.starts(), self.end().0);
        let count = self.script.lines;
        (0..count).map_while(move |number| {
            let at = starts + (self.script.length * (number + 1)) / (count + 1);
            let line = format!(
                "{} line {number} of attempt {}",
                self.key.run, self.key.attempt
            );
            let mut line = line.into_bytes();
            if number + 1 < count {
                line.push(b'\n');
            }
            (at <= end).then_some((at, line))
        })
    }

    fn is_there(&self) -> bool {
        self.removed.is_none()
    }
}

/// What somebody who looks sees of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// It is not there.
    Absent,
    /// Main starts at this time.
    Pending(u64),
    /// Main runs; it ends at this time unless it is stopped.
    Running(u64),
    /// Main has ended.
    Ended(i32),
}

/// The answer to a creation.
pub(super) enum Creation {
    New(String),
    Same(String),
    Other,
}

/// All objects.
#[derive(Clone)]
pub struct Cluster {
    world: World,
    objects: Arc<Mutex<Vec<Object>>>,
    /// Wakes after every change.
    changed: Arc<Notify>,
}

impl Cluster {
    /// A cluster without objects.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self {
            world,
            objects: Arc::default(),
            changed: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Object>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> u64 {
        self.world.clock.elapsed()
    }

    /// Returns after the next change, or at the time if that is earlier.
    pub(super) async fn changed_or(&self, at: Option<u64>) {
        let changed = self.changed.notified();
        match at {
            Some(at) => {
                let left = std::time::Duration::from_millis(at.saturating_sub(self.now()));
                let _earlier = tokio::time::timeout(left, changed).await;
            }
            None => changed.await,
        }
    }

    /// An object that belongs to no run.
    pub fn add_orphan(&self, run: String, script: Script) {
        let created = self.now();
        self.lock().push(Object {
            key: AttemptKey::new(run, 1),
            uid: format!("orphan-{created}"),
            spec_hash: String::new(),
            fence: 1,
            script,
            orphan: true,
            created,
            stopped: None,
            removed: None,
            by_outsider: false,
            kept: Vec::new(),
        });
    }

    pub(super) fn create(&self, plan: &AttemptPlan) -> Creation {
        let now = self.now();
        let mut objects = self.lock();
        let taken = objects
            .iter()
            .find(|object| object.is_there() && object.key == plan.key);
        if let Some(object) = taken
            && !self.world.has(Plant::SecondObject)
        {
            if object.spec_hash == plan.spec_hash {
                return Creation::Same(object.uid.clone());
            }
            return Creation::Other;
        }
        let uid = format!("uid-{}", objects.len());
        let arguments = plan.pod.main().map(|main| main.args.as_slice());
        objects.push(Object {
            key: plan.key.clone(),
            uid: uid.clone(),
            spec_hash: plan.spec_hash.clone(),
            fence: plan.fence,
            script: Script::read(arguments.unwrap_or_default()),
            orphan: false,
            created: now,
            stopped: None,
            removed: None,
            by_outsider: false,
            kept: Vec::new(),
        });
        drop(objects);
        self.note("create", &plan.key);
        self.changed.notify_waiters();
        Creation::New(uid)
    }

    pub(super) fn view(&self, key: &AttemptKey) -> View {
        let now = self.now();
        let objects = self.lock();
        let found = objects
            .iter()
            .rev()
            .find(|object| object.is_there() && object.key == *key);
        let Some(object) = found else {
            return View::Absent;
        };
        let (end, code) = object.end();
        if now >= end {
            View::Ended(code)
        } else if now >= object.starts() {
            View::Running(end)
        } else {
            View::Pending(object.starts())
        }
    }

    pub(super) fn stop(&self, key: &AttemptKey) {
        let now = self.now();
        for object in self.lock().iter_mut() {
            if object.is_there() && object.key == *key {
                object.stopped.get_or_insert(now);
            }
        }
        self.note("stop", key);
        self.changed.notify_waiters();
    }

    /// Removes an object; nothing happens if there is none.
    pub fn remove(&self, key: &AttemptKey, by_outsider: bool) {
        let now = self.now();
        for object in self.lock().iter_mut() {
            if object.is_there() && object.key == *key {
                object.kept = written(object, now);
                object.removed = Some(now);
                object.by_outsider = by_outsider;
            }
        }
        self.note(
            if by_outsider {
                "removed by an outsider"
            } else {
                "remove"
            },
            key,
        );
        self.changed.notify_waiters();
    }

    /// Everything that is there, with its fence, identifier and phase.
    pub(super) fn list(&self) -> Vec<(AttemptKey, u64, String, Phase)> {
        let now = self.now();
        let objects = self.lock();
        let there = objects.iter().filter(|object| object.is_there());
        there
            .map(|object| {
                let (end, code) = object.end();
                let phase = match (now >= end, code) {
                    (true, 0) => Phase::Succeeded,
                    (true, _) => Phase::Failed,
                    (false, _) if now >= object.starts() => Phase::Running,
                    (false, _) => Phase::Pending,
                };
                (object.key.clone(), object.fence, object.uid.clone(), phase)
            })
            .collect()
    }

    /// The line of this number and when it is written; `Err`: there is no such object; `None`: no more are.
    pub(super) fn line(
        &self,
        key: &AttemptKey,
        number: usize,
    ) -> Result<Option<(u64, Vec<u8>)>, ()> {
        let objects = self.lock();
        let found = objects
            .iter()
            .find(|object| object.is_there() && object.key == *key);
        found.map(|object| object.lines().nth(number)).ok_or(())
    }

    /// Attempts of real runs whose main container runs now.
    #[must_use]
    pub fn running(&self) -> Vec<AttemptKey> {
        let now = self.now();
        let objects = self.lock();
        let live = objects.iter().filter(|object| {
            object.is_there() && !object.orphan && now >= object.starts() && now < object.end().0
        });
        live.map(|object| object.key.clone()).collect()
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().iter().all(|object| !object.is_there())
    }

    /// Everything that ever was there.
    #[must_use]
    pub fn records(&self) -> Vec<ObjectRecord> {
        let now = self.now();
        let objects = self.lock();
        objects
            .iter()
            .map(|object| {
                let (end, _) = object.end();
                let until = object.removed.unwrap_or(now);
                ObjectRecord {
                    run: object.key.run.to_string(),
                    attempt: object.key.attempt,
                    uid: object.uid.clone(),
                    orphan: object.orphan,
                    created: object.created,
                    ended: (end <= until).then_some(end),
                    removed: object.removed,
                    by_outsider: object.by_outsider,
                    output: match object.removed {
                        Some(_) => object.kept.clone(),
                        None => written(object, now),
                    },
                }
            })
            .collect()
    }

    fn note(&self, what: &str, key: &AttemptKey) {
        let note = format!("cluster: {what} {key}");
        self.world.recorder.record(Fact::Note(note));
    }
}

/// What the object has written until `now`.
fn written(object: &Object, now: u64) -> Vec<u8> {
    let lines = object.lines().take_while(|(at, _)| *at <= now);
    lines.flat_map(|(_, line)| line).collect()
}
