//! Many histories on all cores, and what came of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::check::{Violation, check};
use crate::error::SimulationError;
use crate::world::faults::Counts;
use crate::world::plant::Plant;
use crate::world::run::{Prepared, simulate};

/// Which histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// Seed of the first one.
    pub first_seed: u64,
    /// How many.
    pub seeds: u64,
    /// The bug that is planted in all of them.
    pub plant: Plant,
    /// Keep what happened.
    pub trace: bool,
}

/// What came of a series.
#[derive(Debug, Clone, Default)]
pub struct Results {
    /// Histories that were simulated.
    pub histories: u64,
    /// Faults that were injected, by kind.
    pub faults: Counts,
    /// Broken promises with their seeds, by seed.
    pub violations: Vec<(u64, Violation)>,
    /// What happened, by seed, if that was asked for.
    pub traces: Vec<(u64, String)>,
    /// Simulated time.
    pub simulated: Duration,
    /// Real time.
    pub took: Duration,
}

/// Simulates a series, one thread per core.
///
/// # Errors
/// When the simulation itself fails.
pub fn run(series: Series) -> Result<Results, SimulationError> {
    let begin = Instant::now();
    let prepared = Prepared::new()?;
    let next = AtomicU64::new(0);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let work = || -> Result<Results, SimulationError> {
        let mut results = Results::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= series.seeds {
                return Ok(results);
            }
            let seed = series.first_seed.saturating_add(number);
            let outcome = simulate(&prepared, seed, series.plant)?;
            let broken = check(&outcome.history);
            results.histories += 1;
            if series.trace {
                results.traces.push((seed, outcome.history.to_string()));
            }
            results.simulated += Duration::from_millis(outcome.history.end);
            results
                .violations
                .extend(broken.into_iter().map(|violation| (seed, violation)));
            for (kind, count) in outcome.faults {
                *results.faults.entry(kind).or_default() += count;
            }
        }
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    });
    let mut all = Results::default();
    for part in parts {
        let part = part.map_err(|_| {
            SimulationError::Surroundings("a thread of the simulation panicked".to_owned())
        })??;
        all.histories += part.histories;
        all.simulated += part.simulated;
        all.violations.extend(part.violations);
        all.traces.extend(part.traces);
        for (kind, count) in part.faults {
            *all.faults.entry(kind).or_default() += count;
        }
    }
    all.violations.sort_by_key(|(seed, _)| *seed);
    all.traces.sort();
    all.took = begin.elapsed();
    Ok(all)
}

impl fmt::Display for Results {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (seed, trace) in &self.traces {
            writeln!(formatter, "seed {seed}\n{trace}")?;
        }
        let seconds = self.took.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a number for people")]
        let rate = self.histories as f64 / seconds;
        writeln!(
            formatter,
            "{} histories in {seconds:.1} s ({rate:.0} a second), {:.1} h of simulated time",
            self.histories,
            self.simulated.as_secs_f64() / 3600.0
        )?;
        writeln!(
            formatter,
            "{} faults injected",
            self.faults.values().sum::<u64>()
        )?;
        for (kind, count) in &self.faults {
            writeln!(formatter, "  {count:>7} {kind}")?;
        }
        writeln!(formatter, "{} violations", self.violations.len())?;
        for (seed, violation) in &self.violations {
            writeln!(formatter, "  seed {seed}: {violation}")?;
            writeln!(
                formatter,
                "    cargo run --profile ci -p polyaxon-simulation -- --seeds 1 --first-seed {seed} --trace"
            )?;
        }
        Ok(())
    }
}
