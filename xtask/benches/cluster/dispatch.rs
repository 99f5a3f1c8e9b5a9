//! From a submission until the API server has the Job.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;

use crate::objects::{Namespace, Seen, job_name};
use crate::services::Services;
use crate::{at, figure, say};

/// Builds at once, and how often.
const CROWDS: [(usize, usize); 3] = [(1, 100), (10, 20), (50, 6)];

/// A build on the simulated nodes that goes on until it is removed.
pub(crate) const SIMULATED: &str = r#"{"version":1,"kind":"operation","name":"bench","hubRef":"kaniko",
 "params":{"destination":{"value":"bench/simulated:1","connection":"docker-connection"}},
 "runPatch":{"init":[{"dockerfile":{"image":"busybox","run":["true"]}}],
  "environment":{"nodeSelector":{"testbed.polyaxon.com/node":"simulated"},
   "tolerations":[{"key":"testbed.polyaxon.com/node","operator":"Exists"}]}}}"#;

pub(crate) async fn measure(services: &Services, namespace: &Namespace) -> Result<()> {
    say("submit to Job created")?;
    let seen = Seen::begin(namespace);
    // What a user meets who comes first, before the agent knows how much the API server bears.
    let mut first = crowd(services, &seen, 50).await?;
    figure(
        "submit to Job, first 50 at once, p99",
        at(&mut first, 99),
        "ms",
    )?;
    settle(first.len()).await;
    for (size, rounds) in CROWDS {
        let mut times = Vec::with_capacity(size * rounds);
        for _ in 0..rounds {
            times.extend(crowd(services, &seen, size).await?);
            settle(size).await;
        }
        for percent in [50, 99] {
            let name = format!("submit to Job, {size} at once, p{percent}");
            figure(&name, at(&mut times, percent), "ms")?;
        }
    }
    Ok(())
}

/// Their pods start meanwhile: cluster and nodes share the machine, and who comes next is to meet neither at work.
async fn settle(size: usize) {
    tokio::time::sleep(Duration::from_millis(500 + 50 * size as u64)).await;
}

async fn crowd(services: &Services, seen: &Seen, size: usize) -> Result<Vec<Duration>> {
    try_join_all((0..size).map(|_| async {
        let submitted = Instant::now();
        let run = services.create(SIMULATED).await?;
        let there = seen.job(&job_name(&run)).await?;
        anyhow::Ok(there.saturating_duration_since(submitted))
    }))
    .await
}
