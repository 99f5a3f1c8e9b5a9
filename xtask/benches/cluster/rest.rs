//! The machine at rest: simulated nodes and controllers go on for a while after what they did can be seen.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::say;

/// How long it has to rest, and how much of that may be work.
const WINDOW: Duration = Duration::from_secs(5);
const WORK: f64 = 0.1;

/// Longest time that is waited.
const LIMIT: Duration = Duration::from_mins(10);

/// Returns when this machine, which has the whole cluster, does nothing more; says so if it goes on.
pub(crate) async fn until_rest() -> Result<()> {
    let began = Instant::now();
    loop {
        let before = Ticks::now()?;
        tokio::time::sleep(WINDOW).await;
        let work = Ticks::now()?.work_since(&before);
        if work < WORK {
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            return say(&format!("the machine does not rest, {:.0} %", work * 100.0));
        }
    }
}

/// The first line of `proc_stat(5)`.
struct Ticks {
    all: f64,
    idle: f64,
}

impl Ticks {
    fn now() -> Result<Self> {
        let text = std::fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().context("`/proc/stat` is empty")?;
        let ticks = line.split_whitespace().skip(1).map(str::parse);
        let ticks: Vec<f64> = ticks.collect::<Result<_, _>>()?;
        Ok(Self {
            all: ticks.iter().sum(),
            // Idle, and waiting for a disk.
            idle: ticks.iter().skip(3).take(2).sum(),
        })
    }

    fn work_since(&self, before: &Self) -> f64 {
        1.0 - (self.idle - before.idle) / (self.all - before.all).max(1.0)
    }
}
