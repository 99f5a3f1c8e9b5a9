//! A build on the real node, and a bare Job that builds the same, in turns.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use k8s_openapi::api::batch::v1::Job;
use kube::api::PostParams;
use kube::runtime::wait::{Condition as _, await_condition, conditions};
use polyaxon_proto::runs::v1::Status;
use serde_json::json;

use crate::objects::{Namespace, Seen, job_name};
use crate::services::{Services, variable};
use crate::{at, figure, say};

/// Builds of each kind, after one that warms the node up.
const TURNS: usize = 8;

/// Longest time of one.
const LIMIT: Duration = Duration::from_mins(2);

/// A build as small as builds are.
const BUILD: &str = r#"{"version":1,"kind":"operation","name":"bench","hubRef":"kaniko",
 "params":{"destination":{"value":"bench/run:1","connection":"docker-connection"},"cache":{"value":false}},
 "termination":{"maxRetries":0},
 "runPatch":{"init":[{"dockerfile":{"image":"busybox:1.36","shell":"/bin/sh","run":["true"]}}]}}"#;

pub(crate) async fn measure(services: &Services, namespace: &Namespace) -> Result<()> {
    say("builds and bare Jobs in turns, on the real node")?;
    let seen = Seen::begin(namespace);
    let (mut bare, mut ours, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        let of_bare = bare_job(namespace, turn).await?;
        let (of_job, of_run) = run(services, namespace, &seen).await?;
        if turn > 0 {
            bare.push(of_bare);
            ours.push(of_job);
            whole.push(of_run);
        }
    }
    let (bare, ours) = (at(&mut bare, 50), at(&mut ours, 50));
    figure("create to Complete, bare Job, median", bare, "ms")?;
    figure("create to Complete, build, median", ours, "ms")?;
    figure("create to Complete, build over bare Job", ours / bare, "x")?;
    figure(
        "submit to succeeded, build, median",
        at(&mut whole, 50),
        "ms",
    )
}

/// Time from the creation of a Job until it is complete.
async fn bare_job(namespace: &Namespace, turn: usize) -> Result<Duration> {
    let name = format!("bare-{turn}");
    let registry = variable("POLYAXON_E2E_CLUSTER_REGISTRY")?;
    let image = variable("POLYAXON_E2E_CLUSTER_EXECUTOR_IMAGE")?;
    let mounts = json!([{"name": "workspace", "mountPath": "/workspace"}]);
    let job: Job = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "volumes": [{"name": "workspace", "emptyDir": {}}],
            "initContainers": [{
                "name": "context", "image": "busybox:1.36", "volumeMounts": mounts,
                "command": ["sh", "-c", "printf 'FROM busybox:1.36\\nRUN true\\n' >/workspace/Dockerfile"],
            }],
            "containers": [{
                "name": "executor", "image": image, "volumeMounts": mounts,
                "args": [
                    "--context=dir:///workspace",
                    format!("--destination={registry}/bench/bare:1"),
                    format!("--registry-mirror={registry}"),
                    format!("--insecure-registry={registry}"),
                ],
            }],
        }}},
    }))?;
    let jobs = namespace.jobs();
    let began = Instant::now();
    jobs.create(&PostParams::default(), &job).await?;
    let job = ended(namespace, &name).await?;
    let took = began.elapsed();
    ensure!(
        conditions::is_job_completed().matches_object(job.as_ref()),
        "the Job `{name}` failed: {:?}",
        job.and_then(|job| job.status)
    );
    Ok(took)
}

/// Time from the creation of a run's Job until it is complete, or gone, which the agent sees to; and from the submission
/// until the hub knows it.
async fn run(
    services: &Services,
    namespace: &Namespace,
    seen: &Seen,
) -> Result<(Duration, Duration)> {
    let submitted = Instant::now();
    let run = services.create(BUILD).await?;
    let name = job_name(&run);
    let created = seen.job(&name).await?;
    ended(namespace, &name).await?;
    let of_job = created.elapsed();
    loop {
        let now = services.get(&run).await?;
        match now.status() {
            Status::Succeeded => return Ok((of_job, submitted.elapsed())),
            Status::Failed | Status::Stopped => {
                anyhow::bail!("a build failed: {} {}", now.reason, now.message)
            }
            _ => {}
        }
        ensure!(
            submitted.elapsed() < LIMIT,
            "a build does not end: {}",
            now.message
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a Job that was there has ended; `None`: it is gone.
async fn ended(namespace: &Namespace, name: &str) -> Result<Option<Job>> {
    let is_over = |job: Option<&Job>| {
        let conditions = job
            .and_then(|job| job.status.as_ref())
            .and_then(|status| status.conditions.as_ref());
        let mut conditions = conditions.into_iter().flatten();
        job.is_none()
            || conditions.any(|condition| {
                matches!(condition.type_.as_str(), "Complete" | "Failed")
                    && condition.status == "True"
            })
    };
    let waiting = await_condition(namespace.jobs(), name, is_over);
    Ok(tokio::time::timeout(LIMIT, waiting).await??)
}
