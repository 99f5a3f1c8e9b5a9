//! One attempt as a batch Job.

use k8s_openapi::api::batch::v1::Job;
use serde_json::{Value, json};

use super::pod;
use crate::diagnostic::{Code, Report};
use crate::plan::PodPlan;

/// Keeps a Job and its pod until the outcome is acknowledged and the last lines are read.
pub const FINALIZER: &str = "operation.polyaxon.com/outcome";
/// Annotation with the number of the attempt, from 1.
pub const ATTEMPT_ANNOTATION: &str = "operation.polyaxon.com/attempt";
/// How much longer than the run the Job may live: a backstop for the agent, in seconds.
const DEADLINE_SLACK: u64 = 600;

/// The plan as the Job of one attempt. The Job never retries: a further attempt is a further Job.
/// Errors when a field that the user wrote verbatim is not what Kubernetes takes.
pub fn job(plan: &PodPlan, attempt: u32) -> Result<Job, Report> {
    let name = if attempt > 1 {
        format!("{}-{attempt}", plan.name)
    } else {
        plan.name.clone()
    };
    let mut metadata = pod::metadata(plan, &name);
    if let Some(annotations) = metadata
        .get_mut("annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.insert(ATTEMPT_ANNOTATION.into(), json!(attempt.to_string()));
    }
    if let Some(fields) = metadata.as_object_mut() {
        fields.insert("finalizers".into(), json!([FINALIZER]));
    }
    let mut of_pod = metadata.clone();
    if let Some(fields) = of_pod.as_object_mut() {
        fields.shift_remove("name");
        fields.shift_remove("namespace");
    }
    let mut spec = pod::spec(plan);
    spec.entry("restartPolicy")
        .or_insert_with(|| json!("Never"));
    spec.insert("automountServiceAccountToken".into(), json!(false));
    let mut job = json!({
        "backoffLimit": 0,
        "template": {"metadata": of_pod, "spec": spec},
    });
    let timeout = plan
        .termination
        .as_ref()
        .and_then(|limits| limits.timeout_seconds)
        .filter(|timeout| *timeout > 0);
    if let (Some(timeout), Some(fields)) = (timeout, job.as_object_mut()) {
        let deadline = timeout.saturating_add(DEADLINE_SLACK);
        fields.insert("activeDeadlineSeconds".into(), json!(deadline));
    }
    let object = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": job,
    });
    serde_json::from_value(object).map_err(|error| {
        Report::error(
            Code::CannotPlan,
            format!("a field of the pod is not what Kubernetes takes: {error}"),
        )
    })
}
