//! How long the classifier takes for each recorded run, and how fast a log is read.

use std::io::Write as _;
use std::time::{Duration, Instant};

use polyaxon_agent::classify::{BuildLog, Evidence, Instructions, PlatformState, classify};
use serde::Deserialize;
use serde_json::Value;

/// Times that each recorded run is classified; the median counts, since other programs may come between.
const TRIES: usize = 51;
/// Times that all logs are read, one after the other.
const ROUNDS: usize = 51;

#[derive(Deserialize)]
struct Recorded {
    exit_code: Option<i32>,
    dockerfile: Option<String>,
    #[serde(default)]
    job: Value,
    #[serde(default)]
    pod: Value,
    #[serde(default)]
    init_log: String,
    log: String,
}

impl Recorded {
    /// From the bytes of the log to the verdict.
    fn classify(&self) -> &'static str {
        let log = BuildLog::read(self.log.as_bytes());
        let platform = PlatformState::of_kubernetes(&self.job, &self.pod, "polyaxon-main");
        let dockerfile = self.dockerfile.as_deref().map(Instructions::read);
        let verdict = classify(&Evidence {
            intent: None,
            exit_code: self.exit_code,
            platform: &platform,
            log: &log,
            init_log: &self.init_log,
            dockerfile: dockerfile.as_ref(),
        });
        verdict.class.as_str()
    }

    /// Time of one verdict.
    fn time(&self) -> Duration {
        median(TRIES, || {
            std::hint::black_box(self.classify());
        })
    }
}

/// Median time of some work that is done several times.
fn median(tries: usize, work: impl Fn()) -> Duration {
    let mut times: Vec<Duration> = (0..tries)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    times.sort();
    times.get(tries / 2).copied().unwrap_or_default()
}

fn main() -> anyhow::Result<()> {
    let runs: Vec<Recorded> = include_str!("../tests/classify/recorded_runs.jsonl")
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let mut times: Vec<Duration> = runs.iter().map(Recorded::time).collect();
    times.sort();
    let at = |share: usize| {
        let index = times.len().saturating_sub(1) * share / 100;
        times.get(index).copied().unwrap_or_default()
    };
    let mut table = Vec::new();
    for (name, share) in [("median", 50), ("slowest", 100)] {
        let microseconds = at(share).as_secs_f64() * 1e6;
        writeln!(table, "agent: classify a run, {name}: {microseconds:.1} us")?;
    }
    let bytes: usize = runs.iter().map(|run| run.log.len()).sum();
    let round = median(ROUNDS, || {
        for run in &runs {
            std::hint::black_box(BuildLog::read(run.log.as_bytes()));
        }
    });
    let rate = f64::from(u32::try_from(bytes)?) / round.as_secs_f64() / 1e6;
    writeln!(table, "agent: read a log: {rate:.1} MB/s")?;
    std::io::stdout().write_all(&table)?;
    Ok(())
}
