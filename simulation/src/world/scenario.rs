//! What is done to the world in one history, drawn from its seed before it begins.

use super::client::Submission;
use super::cluster::Script;
use crate::chance::Chance;

/// A run that somebody wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// When it is submitted first, in milliseconds.
    pub at: u64,
    /// What.
    pub submission: Submission,
    /// The same call comes once more, from another place, so much later.
    pub again_after: Option<u64>,
    /// Times that an unanswered call is repeated; without a key it is not.
    pub tries: u32,
    /// It is stopped so long after it was accepted.
    pub stop_after: Option<u64>,
    /// And given up so long after that.
    pub abandon_after: Option<u64>,
}

/// Something that is done to the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disturbance {
    /// The agent's process on this machine dies after so many further effects.
    KillAgent(usize, u64),
    /// It is asked to end.
    ShutDownAgent(usize),
    /// A process is started on this machine, unless one lives there.
    StartAgent(usize),
    /// The process stands still.
    PauseAgent(usize),
    /// It goes on.
    WakeAgent(usize),
    /// Nothing gets through to it for so many milliseconds.
    CutOffAgent(usize, u64),
    /// The hub dies.
    KillHub,
    /// The hub dies after so many further beginnings and ends of writes.
    KillHubAtWrite(u64),
    /// The hub is started, unless it lives.
    StartHub,
    /// The hub's clock jumps by so many milliseconds.
    JumpClock(i64),
    /// Somebody else removes the object that was created last and is still there.
    RemoveObject,
}

/// Everything that is done.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// How long things go wrong, in milliseconds.
    pub window: u64,
    /// Who wants what.
    pub wanted: Vec<Wanted>,
    /// What is done when, by time.
    pub disturbances: Vec<(u64, Disturbance)>,
    /// Objects of nobody that are there at the beginning.
    pub orphans: Vec<(String, Script)>,
    /// Machines of the agent.
    pub machines: usize,
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let chance = Chance::new(seed, "scenario");
        let window = chance.between(8_000, 35_000);
        let machines = if chance.percent(35) { 2 } else { 1 };
        let count = chance.between(1, 3);
        let wanted = (0..count)
            .map(|number| wanted(&chance, window, number))
            .collect();
        let orphans = if chance.percent(25) {
            (0..chance.between(1, 2)).map(|_| orphan(&chance)).collect()
        } else {
            Vec::new()
        };
        let mut disturbances = Vec::new();
        if machines == 2 {
            disturbances.push((chance.between(500, window), Disturbance::StartAgent(1)));
        }
        for _ in 0..chance.between(0, 5) {
            disturb(&chance, window, machines, &mut disturbances);
        }
        disturbances.sort_by_key(|(at, _)| *at);
        Self {
            window,
            wanted,
            disturbances,
            orphans,
            machines,
        }
    }
}

fn wanted(chance: &Chance, window: u64, number: u64) -> Wanted {
    let retries = if chance.percent(40) {
        chance.between(1, 2)
    } else {
        0
    };
    let codes = match chance.below(10) {
        0..=4 => vec![0],
        5 | 6 => vec![1],
        _ => vec![1, 0],
    };
    let timeout = chance.percent(20).then(|| chance.between(3, 15));
    let length = match timeout {
        Some(_) if chance.percent(50) => 120_000,
        _ if chance.percent(20) => chance.between(15_000, 40_000),
        _ => chance.between(0, 15_000),
    };
    let key = if chance.percent(80) {
        format!("key-{number}")
    } else {
        String::new()
    };
    let stopped = chance.percent(35);
    Wanted {
        at: chance.between(100, window),
        again_after: (!key.is_empty() && chance.percent(40)).then(|| chance.below(3000)),
        tries: if key.is_empty() { 1 } else { 100 },
        submission: Submission {
            script: Script {
                start: chance.between(0, 2_000),
                length,
                lines: chance.between(0, 12),
                codes,
            },
            retries,
            timeout,
            key,
        },
        stop_after: stopped.then(|| chance.below(12_000)),
        abandon_after: (stopped && chance.percent(20)).then(|| chance.between(500, 15_000)),
    }
}

fn orphan(chance: &Chance) -> (String, Script) {
    let script = Script {
        start: 0,
        length: chance.between(0, 60_000),
        lines: 3,
        codes: vec![0],
    };
    (format!("{:032x}", chance.next()), script)
}

fn disturb(chance: &Chance, window: u64, machines: usize, all: &mut Vec<(u64, Disturbance)>) {
    let at = chance.between(500, window);
    let later = at + chance.between(200, 30_000);
    let machine = usize::try_from(chance.below(machines as u64)).unwrap_or_default();
    let (first, second) = match chance.below(12) {
        0..=2 => (
            Disturbance::KillAgent(machine, chance.below(12)),
            Some(Disturbance::StartAgent(machine)),
        ),
        3 => (
            Disturbance::ShutDownAgent(machine),
            Some(Disturbance::StartAgent(machine)),
        ),
        4 | 5 => (
            Disturbance::PauseAgent(machine),
            Some(Disturbance::WakeAgent(machine)),
        ),
        6 => (
            Disturbance::CutOffAgent(machine, chance.between(500, 40_000)),
            None,
        ),
        7 => (Disturbance::KillHub, Some(Disturbance::StartHub)),
        8 | 9 => (
            Disturbance::KillHubAtWrite(chance.below(20)),
            Some(Disturbance::StartHub),
        ),
        10 => {
            let by = chance.between(1_000, 3_600_000);
            let by = i64::try_from(by).unwrap_or_default();
            let by = if chance.percent(30) {
                -(by % 20_000)
            } else {
                by
            };
            (Disturbance::JumpClock(by), None)
        }
        _ => (Disturbance::RemoveObject, None),
    };
    all.push((at, first));
    all.extend(second.map(|second| (later, second)));
}
