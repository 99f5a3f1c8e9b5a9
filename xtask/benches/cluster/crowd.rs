//! Thousands of runs that live at once: how fast they are created, what they cost the agent, and how long it takes
//! until an agent that was killed knows them all again.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, PostParams};
use polyaxon_proto::runs::v1::Status;

use crate::dispatch::SIMULATED;
use crate::objects::{Namespace, Seen, job_name};
use crate::rest::until_rest;
use crate::services::Services;
use crate::{figure, say};

/// Calls at a time of the loop that the agent is compared with, and of those who submit.
const AT_ONCE: usize = 16;

/// The share of all creations that is left to the agent to find out how much the API server bears.
const RAMP: usize = 4;

/// Fewer are created before a pace can be seen.
const FEWEST: usize = 200;

/// Longest time until all are there.
const LIMIT: Duration = Duration::from_mins(25);

pub(crate) async fn measure(
    services: &mut Services,
    namespace: &Namespace,
    runs: usize,
) -> Result<()> {
    ensure!(runs >= FEWEST, "a crowd has {FEWEST} runs or more");
    #[expect(clippy::cast_precision_loss, reason = "a count of runs is small")]
    figure("runs that live at once", runs as f64, "runs")?;
    let (empty, _) = services.memory()?;
    figure("memory, before", empty, "MiB")?;
    let job = a_job(services, namespace).await?;
    let part = runs / 4;
    let turn = part / 2;
    let worked = services.processor_time()?;
    let before = services.count(Status::Running).await?;

    say(&format!("{part} runs, by which the agent finds its pace"))?;
    bring(services, namespace, part).await?;
    until_rest().await?;
    // An API server gets faster while it is new, slower the more there is, and slower within a turn, as controllers set to
    // work: as many turns of one length on both sides, the agent's in the middle.
    let loop_before = bare_loop(namespace, &job, turn).await?;
    until_rest().await?;
    let agent_first = agent_turn(services, namespace, turn).await?;
    let agent_then = agent_turn(services, namespace, turn).await?;
    let loop_after = bare_loop(namespace, &job, turn).await?;
    until_rest().await?;
    figure("Jobs created by a bare loop, before", loop_before, "/s")?;
    figure("Jobs created by a bare loop, after", loop_after, "/s")?;
    let agent = f64::midpoint(agent_first, agent_then);
    figure("Jobs created by the agent", agent, "/s")?;
    let bare = f64::midpoint(loop_before, loop_after);
    figure(
        "Jobs created, agent over bare loop",
        agent / bare * 100.0,
        "%",
    )?;

    let rest = runs - part - 2 * turn;
    say(&format!("{rest} runs"))?;
    let submitted = Instant::now();
    let times = bring(services, namespace, rest).await?;
    figure(
        "Jobs created by the agent, as many again",
        rate(&times)?,
        "/s",
    )?;
    services
        .until(Status::Running, before + runs, LIMIT)
        .await?;
    let all = submitted.elapsed().as_secs_f64();
    figure("submit to running, as many again", all, "s")?;
    until_rest().await?;
    let worked = services.processor_time()?.saturating_sub(worked);
    #[expect(clippy::cast_precision_loss, reason = "a count of runs is small")]
    let each = worked.as_secs_f64() * 1000.0 / runs as f64;
    figure("agent's processor time per run", each, "ms")?;
    let (now, peak) = services.memory()?;
    figure("memory, all runs live", now, "MiB")?;
    figure("memory, peak on the way", peak, "MiB")?;

    say("the agent is killed and started again")?;
    services.kill_agent().await?;
    let synced = services.start_agent().await?;
    figure("restart to synced", synced.as_secs_f64(), "s")?;
    until_rest().await?;
    let (now, peak) = services.memory()?;
    figure("memory, all runs live, after a restart", now, "MiB")?;
    figure("memory, peak of a restart", peak, "MiB")?;
    let live = services.count(Status::Running).await?;
    ensure!(
        live == before + runs,
        "{live} of {} runs are running after the restart",
        before + runs
    );
    Ok(())
}

/// Submits so many runs; answers when each of their Jobs came.
async fn bring(services: &Services, namespace: &Namespace, runs: usize) -> Result<Vec<Instant>> {
    let there = services.count(Status::Running).await?;
    let seen = Seen::begin(namespace);
    while seen.count() < there {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let submitted = Instant::now();
    stream::iter(0..runs)
        .map(|_| services.create(SIMULATED))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    say(&format!(
        "submitted within {:.1} s",
        submitted.elapsed().as_secs_f64()
    ))?;
    while seen.count() < there + runs {
        ensure!(
            submitted.elapsed() < LIMIT,
            "only {} Jobs came",
            seen.count() - there
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(seen.times().split_off(there))
}

/// Submits so many runs and answers how many Jobs came in a second; returns when all is calm.
async fn agent_turn(services: &Services, namespace: &Namespace, runs: usize) -> Result<f64> {
    say(&format!("{runs} runs"))?;
    let times = bring(services, namespace, runs).await?;
    until_rest().await?;
    rate(&times)
}

/// A Job as the agent makes it, and as one would send it.
async fn a_job(services: &Services, namespace: &Namespace) -> Result<Job> {
    let seen = Seen::begin(namespace);
    let name = job_name(&services.create(SIMULATED).await?);
    seen.job(&name).await?;
    let mut job = namespace.jobs().get(&name).await?;
    let metadata = std::mem::take(&mut job.metadata);
    job.status = None;
    let own = |name: &str| !name.contains("controller-uid") && !name.contains("job-name");
    let spec = job.spec.as_mut().context("a Job without a spec")?;
    (spec.selector, spec.manual_selector) = (None, None);
    if let Some(labels) = spec
        .template
        .metadata
        .as_mut()
        .and_then(|pod| pod.labels.as_mut())
    {
        labels.retain(|name, _| own(name));
    }
    job.metadata = ObjectMeta {
        labels: metadata.labels.map(|mut labels| {
            labels.retain(|name, _| own(name));
            labels
        }),
        annotations: metadata.annotations,
        finalizers: metadata.finalizers,
        ..ObjectMeta::default()
    };
    services.until(Status::Running, 1, LIMIT).await?;
    Ok(job)
}

/// Creates so many Jobs and answers how many came in a second; they are removed afterwards.
async fn bare_loop(beside: &Namespace, job: &Job, count: usize) -> Result<f64> {
    say(&format!("{count} Jobs by a bare loop"))?;
    let namespace = Namespace::create(&beside.client, "plx-bench-bare").await?;
    let seen = Seen::begin(&namespace);
    let jobs = namespace.jobs();
    stream::iter(0..count)
        .map(|number| {
            let mut job = job.clone();
            job.metadata.name = Some(format!("plx-operation-{number:032x}"));
            let jobs = jobs.clone();
            async move { jobs.create(&PostParams::default(), &job).await }
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    while seen.count() < count {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let rate = rate(&seen.times())?;
    // Its pods have to start, as those of the runs do, and not while those are measured.
    let began = Instant::now();
    let pending = ListParams::default().fields("status.phase!=Running");
    loop {
        let all = namespace
            .pods()
            .list_metadata(&ListParams::default())
            .await?;
        let late = namespace.pods().list_metadata(&pending).await?;
        if all.items.len() >= count && late.items.is_empty() {
            break;
        }
        ensure!(
            began.elapsed() < LIMIT,
            "the pods of the bare Jobs do not run"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    namespace.remove().await?;
    Ok(rate)
}

/// How many came in a second, without the first ones.
fn rate(times: &[Instant]) -> Result<f64> {
    let from = times.len() / RAMP;
    let (first, last) = times
        .get(from)
        .zip(times.last())
        .context("nothing was created")?;
    #[expect(clippy::cast_precision_loss, reason = "a count of Jobs is small")]
    let count = (times.len() - from - 1) as f64;
    Ok(count / last.duration_since(*first).as_secs_f64())
}
