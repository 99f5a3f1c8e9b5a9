//! One attempt as a batch Job.

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use super::{pod, typed};
use crate::diagnostic::{Code, Report};
use crate::plan::PodPlan;
use crate::template::python;

/// Keeps a Job and its pod until the outcome is acknowledged and the last lines are read.
pub const FINALIZER: &str = "operation.polyaxon.com/outcome";
/// Annotation with the number of the attempt, from 1.
pub const ATTEMPT_ANNOTATION: &str = "operation.polyaxon.com/attempt";
/// How much longer than the run the Job may live: a backstop for the agent, in seconds.
const DEADLINE_SLACK: u64 = 600;

/// The plan as the Job of one attempt. The Job never retries: a further attempt is a further Job.
/// Errors when a field that the user wrote verbatim is not what Kubernetes takes.
pub fn job(plan: &PodPlan, attempt: u32) -> Result<Job, Report> {
    let spec = pod_spec(plan).map_err(|error| {
        Report::error(
            Code::CannotPlan,
            format!("a field of the pod is not what Kubernetes takes: {error}"),
        )
    })?;
    let name = if attempt > 1 {
        format!("{}-{attempt}", plan.name)
    } else {
        plan.name.clone()
    };
    let mut annotations: BTreeMap<String, String> = plan.annotations.clone().into_iter().collect();
    annotations.insert(ATTEMPT_ANNOTATION.into(), attempt.to_string());
    let of_pod = ObjectMeta {
        labels: Some(plan.labels.clone().into_iter().collect()),
        annotations: Some(annotations),
        finalizers: Some(vec![FINALIZER.into()]),
        ..ObjectMeta::default()
    };
    let metadata = ObjectMeta {
        name: Some(name),
        namespace: (!plan.namespace.is_empty()).then(|| plan.namespace.clone()),
        ..of_pod.clone()
    };
    let timeout = plan
        .termination
        .as_ref()
        .and_then(|limits| limits.timeout_seconds)
        .filter(|timeout| *timeout > 0);
    let deadline = timeout.map(|timeout| timeout.saturating_add(DEADLINE_SLACK));
    Ok(Job {
        metadata,
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            pod_replacement_policy: Some("Failed".into()),
            active_deadline_seconds: deadline
                .map(|deadline| i64::try_from(deadline).unwrap_or(i64::MAX)),
            template: PodTemplateSpec {
                metadata: Some(of_pod),
                spec: Some(spec),
            },
            ..JobSpec::default()
        }),
        ..Job::default()
    })
}

fn pod_spec(plan: &PodPlan) -> Result<PodSpec, serde_json::Error> {
    let mut scheduling = Map::new();
    pod::schedule(&mut scheduling, &plan.scheduling);
    if let Some(settings) = scheduling.get_mut("dnsConfig") {
        write_option_values(settings);
    }
    scheduling.insert("containers".into(), Value::Array(Vec::new()));
    let base: PodSpec = serde_json::from_value(Value::Object(scheduling))?;
    let containers = plan.containers.iter().map(typed::container);
    let init_containers = plan
        .init_containers
        .iter()
        .map(typed::container)
        .collect::<Result<Vec<_>, _>>()?;
    let volumes = plan
        .volumes
        .iter()
        .map(typed::volume)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(PodSpec {
        containers: containers.collect::<Result<_, _>>()?,
        init_containers: (!init_containers.is_empty()).then_some(init_containers),
        volumes: (!volumes.is_empty()).then_some(volumes),
        restart_policy: base.restart_policy.or_else(|| Some("Never".into())),
        automount_service_account_token: Some(false),
        ..base
    })
}

/// The values of resolver options are text, and files say `value: 2`.
fn write_option_values(settings: &mut Value) {
    let options = settings.get_mut("options").and_then(Value::as_array_mut);
    for value in options
        .into_iter()
        .flatten()
        .filter_map(|option| option.get_mut("value"))
    {
        if matches!(value, Value::Number(_) | Value::Bool(_)) {
            *value = Value::String(python::text(value));
        }
    }
}
