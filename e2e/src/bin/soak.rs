//! Kills hub and agent again and again while builds run, and counts what is lost: nothing may be.
//!
//! `SOAK_MINUTES` (10) says for how long, or `POLYAXON_KILLS` how often; `SOAK_SEED` repeats an order of kills. At the end
//! the hub is away for two minutes. On Kubernetes where `POLYAXON_E2E_CLUSTER` is set, else on a container engine. Prints
//! a table; the exit status is not 0 when anything was lost, doubled or left over.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::{Deref, DerefMut};
use std::process::{Child, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use polyaxon_e2e::build::{
    check_lines, check_nothing_left, check_one_end, get, is_end, operation_to, print_lines,
    wait_for_text,
};
use polyaxon_e2e::cluster::ClusterServices;
use polyaxon_e2e::command::eventually;
use polyaxon_e2e::services::{FAILPOINTS, Services};
use serde_json::Value;

/// Builds that are under way at a time.
const BUILDS: usize = 3;
/// Lines of a build.
const LINES: usize = 50;
/// Longest time until the last builds have ended.
const END: Duration = Duration::from_mins(5);
/// How long the hub is away at the end, and the pause after each line of the builds that meet it, in seconds.
const AWAY: Duration = Duration::from_mins(2);
const AWAY_PAUSE: &str = "3";
/// How long an agent may take to reach its failpoint.
const PATIENCE: Duration = Duration::from_secs(15);

fn main() -> Result<()> {
    let limit = Limit::from_environment()?;
    let seed = variable("SOAK_SEED")?.unwrap_or_else(|| u64::from(std::process::id()));
    let mut soak = Soak {
        services: Place::from_environment()?,
        random: Random(seed),
        submitting: Vec::new(),
        runs: Vec::new(),
        kills: BTreeMap::new(),
    };
    let started = Instant::now();
    while !limit.is_reached(started, soak.kills.values().sum()) {
        soak.submit()?;
        soak.pause();
        soak.kill()?;
    }
    soak.without_hub()?;
    let lost = soak.check();
    let table = soak.table(seed, started.elapsed(), &lost);
    std::io::stdout().write_all(table.as_bytes())?;
    ensure!(
        lost.is_empty(),
        "lost:\n{}\n{}",
        lost.join("\n"),
        soak.services.log()
    );
    Ok(())
}

/// When it is enough.
enum Limit {
    Kills(u64),
    Time(Duration),
}

impl Limit {
    fn from_environment() -> Result<Self> {
        Ok(match variable("POLYAXON_KILLS")? {
            Some(kills) => Self::Kills(kills),
            None => Self::Time(Duration::from_mins(variable("SOAK_MINUTES")?.unwrap_or(10))),
        })
    }

    fn is_reached(&self, started: Instant, kills: u64) -> bool {
        match self {
            Self::Kills(enough) => kills >= *enough,
            Self::Time(enough) => started.elapsed() >= *enough,
        }
    }
}

fn variable<T: FromStr<Err: Into<anyhow::Error>>>(name: &str) -> Result<Option<T>> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => {
            let value = value.parse().map_err(Into::into);
            value.with_context(|| name.to_owned()).map(Some)
        }
        _ => Ok(None),
    }
}

/// Where builds run.
enum Place {
    Engine(Services),
    Cluster(ClusterServices),
}

impl Place {
    fn from_environment() -> Result<Self> {
        Ok(match variable::<String>("POLYAXON_E2E_CLUSTER")? {
            Some(_) => Self::Cluster(ClusterServices::start()?),
            None => Self::Engine(Services::start()?),
        })
    }

    fn check_nothing_left(&self, uuid: &str) -> Result<()> {
        match self {
            Self::Engine(services) => check_nothing_left(services, uuid),
            Self::Cluster(cluster) => cluster.wait_until_gone(uuid),
        }
    }
}

impl Deref for Place {
    type Target = Services;

    fn deref(&self) -> &Services {
        match self {
            Self::Engine(services) => services,
            Self::Cluster(cluster) => cluster,
        }
    }
}

impl DerefMut for Place {
    fn deref_mut(&mut self) -> &mut Services {
        match self {
            Self::Engine(services) => services,
            Self::Cluster(cluster) => cluster,
        }
    }
}

struct Soak {
    services: Place,
    random: Random,
    /// Commands that have not been answered yet.
    submitting: Vec<Child>,
    /// Runs that were acknowledged.
    runs: Vec<String>,
    kills: BTreeMap<String, u64>,
}

impl Soak {
    /// Keeps builds under way. The commands outlive a hub that is killed before it answers.
    fn submit(&mut self) -> Result<()> {
        self.collect()?;
        let live = self.live()? + self.submitting.len();
        for _ in live..BUILDS {
            let file = format!("soak-{}.yaml", self.runs.len() + self.submitting.len());
            std::fs::write(self.services.path(&file), operation("0.1"))?;
            let mut command = self.services.command(&["run", "-f", &file, "-o", "json"])?;
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null());
            self.submitting.push(command.spawn()?);
        }
        Ok(())
    }

    fn collect(&mut self) -> Result<()> {
        let mut waiting = Vec::new();
        for mut command in std::mem::take(&mut self.submitting) {
            if command.try_wait()?.is_none() {
                waiting.push(command);
                continue;
            }
            let output = command.wait_with_output()?;
            if output.status.success() {
                let run: Value = serde_json::from_slice(&output.stdout)?;
                let uuid = run["uuid"].as_str().context("no uuid")?;
                self.runs.push(uuid.to_owned());
            }
        }
        self.submitting = waiting;
        Ok(())
    }

    fn live(&self) -> Result<usize> {
        let mut live = 0;
        for uuid in self.runs.iter().rev().take(BUILDS * 2) {
            live += usize::from(!is_end(&self.services.status(uuid)?));
        }
        Ok(live)
    }

    /// A random moment.
    fn pause(&mut self) {
        std::thread::sleep(Duration::from_millis(self.random.below(3000)));
    }

    fn kill(&mut self) -> Result<()> {
        let what = match self.random.below(4) {
            0 => {
                self.services.kill_hub()?;
                self.pause();
                self.services.start_hub()?;
                "hub".to_owned()
            }
            1 => {
                self.services.kill_agent()?;
                self.pause();
                self.services.start_agent()?;
                "agent".to_owned()
            }
            _ => {
                let choice = usize::try_from(self.random.below(FAILPOINTS.len() as u64))?;
                let failpoint = FAILPOINTS.get(choice).context("no failpoint")?;
                self.services.kill_agent()?;
                // It may die before it says that it is ready, and that is as good.
                let reached = match self.services.start_agent_with_failpoint(failpoint) {
                    Ok(()) => {
                        self.submit()?;
                        self.services.wait_for_agents_end(PATIENCE).is_ok()
                    }
                    Err(_) => true,
                };
                // Where no run came by, the process is gone all the same.
                self.services.start_agent()?;
                let how = if reached { *failpoint } else { "not reached" };
                format!("agent, {how}")
            }
        };
        *self.kills.entry(what).or_default() += 1;
        Ok(())
    }

    /// Builds go on while the hub is away for long.
    fn without_hub(&mut self) -> Result<()> {
        let began = self.runs.len();
        for _ in 0..BUILDS {
            let uuid = self.services.queue(&operation(AWAY_PAUSE))?;
            self.runs.push(uuid);
        }
        for uuid in self.runs.iter().skip(began) {
            wait_for_text(&self.services, uuid, "line-1-end")?;
        }
        self.services.kill_hub()?;
        std::thread::sleep(AWAY);
        self.services.start_hub()?;
        self.kills.insert("hub, away for two minutes".to_owned(), 1);
        Ok(())
    }

    /// Waits for the ends; says what is not as it has to be.
    fn check(&mut self) -> Vec<String> {
        let answered = eventually(END, || {
            self.collect()?;
            ensure!(self.submitting.is_empty(), "a command is not answered");
            Ok(())
        });
        let mut lost: Vec<String> = answered
            .err()
            .map(|error| format!("{error:#}"))
            .into_iter()
            .collect();
        for uuid in &self.runs {
            if let Err(error) = check_run(&self.services, uuid) {
                lost.push(format!("{uuid}: {error:#}"));
            }
        }
        lost
    }

    fn table(&self, seed: u64, took: Duration, lost: &[String]) -> String {
        let kills: u64 = self.kills.values().sum();
        let runs = self.runs.len();
        let mut rows = vec![
            (
                "minutes".to_owned(),
                format!("{:.1}", took.as_secs_f64() / 60.0),
            ),
            ("seed".to_owned(), seed.to_string()),
            ("kills".to_owned(), kills.to_string()),
        ];
        rows.extend(
            self.kills
                .iter()
                .map(|(what, times)| (format!("kills: {what}"), times.to_string())),
        );
        rows.extend([
            ("acknowledged runs".to_owned(), runs.to_string()),
            ("acknowledged lines".to_owned(), (runs * LINES).to_string()),
            (
                "lost, doubled or left over".to_owned(),
                lost.len().to_string(),
            ),
        ]);
        let mut table = String::new();
        for (name, value) in rows {
            let _ = writeln!(table, "{name:<40} {value:>10}");
        }
        table
    }
}

/// A build with a pause of so many seconds after each line.
fn operation(pause: &str) -> String {
    operation_to("team/soak:1", &print_lines(LINES, pause))
}

/// One end, a good one, at the first attempt; every line once and in order; nothing left.
fn check_run(place: &Place, uuid: &str) -> Result<()> {
    place.wait_for_status(uuid, "succeeded", END)?;
    check_one_end(place, uuid)?;
    let run = get(place, uuid)?;
    ensure!(run["attempt"] == 1, "attempt {}", run["attempt"]);
    check_lines(&place.whole_log(uuid)?, LINES)?;
    place.check_nothing_left(uuid)
}

/// SplitMix64: the same order of kills for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
