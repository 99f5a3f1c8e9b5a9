//! The Job of an attempt, and who was first to make it.

use std::sync::atomic::Ordering;

use k8s_openapi::api::batch::v1::Job;
use kube::api::PostParams;
use polyaxon_spec::k8s::{Attempt, Confirm, job_of_attempt};

use super::failure::{code, existing, said, unavailable};
use super::labels::{self, Owner};
use super::{Created, ExecutorError, KubernetesExecutor};
use crate::build_report;
use crate::planning::AttemptPlan;

impl KubernetesExecutor {
    /// The Job as it is created.
    fn job(&self, plan: &AttemptPlan) -> Result<Job, ExecutorError> {
        let attempt = Attempt {
            number: plan.key.attempt,
            labels: labels::of(&self.options.agent, plan),
            annotations: labels::annotations(plan),
            pod_image: self.options.pod_image.clone(),
            confirm: self.confirm(plan),
            dockerfile: plan
                .build
                .as_ref()
                .and_then(|_| build_report::dockerfile_path(&plan.pod)),
            user_namespace: self.user_namespaces.load(Ordering::Relaxed) && plan.build.is_some(),
        };
        job_of_attempt(&plan.pod, &attempt)
            .map_err(|report| ExecutorError::Refused(report.to_string()))
    }

    fn confirm(&self, plan: &AttemptPlan) -> Option<Confirm> {
        let build = plan.build.as_ref().filter(|build| build.pushes)?;
        let file = build.digest_file.rsplit('/').next()?;
        Some(Confirm {
            image: build.image.clone(),
            secret: build.secret.clone(),
            digest_file: file.to_owned(),
            ca_key: self.options.ca_key.clone(),
            insecure_registries: self.options.insecure_registries.clone(),
        })
    }

    /// Creates the Job. Its name is what decides who was first.
    pub(super) async fn create_job(&self, plan: &AttemptPlan) -> Result<Created, ExecutorError> {
        let job = self.job(plan)?;
        let namespace = self.namespace_of(&plan.pod.namespace);
        if !self.options.namespaces().contains(&namespace) {
            return Err(ExecutorError::Refused(format!(
                "the namespace `{namespace}` is not one of the agent's: add it to `additionalNamespaces`"
            )));
        }
        let name = plan.key.object_name();
        let jobs = self.jobs(&namespace);
        self.cluster.expect(&plan.key, &namespace);
        let parameters = PostParams::default();
        let created = self.pace.call(|| jobs.create(&parameters, &job)).await;
        match created {
            Ok(job) => Ok(Created::New {
                uid: job.metadata.uid.unwrap_or_default(),
            }),
            Err(error) if code(&error) == Some(409) => self.compare(plan, &namespace, &name).await,
            // What the API server will never take is told at once.
            Err(error) if matches!(code(&error), Some(400 | 404 | 422)) => {
                Err(ExecutorError::Refused(format!(
                    "the cluster refuses the Job `{namespace}/{name}`: {}",
                    said(&error)
                )))
            }
            Err(error) => Err(unavailable(format!(
                "creating the Job `{namespace}/{name}`"
            ))(error)),
        }
    }

    /// Whether what has the name is the same work.
    async fn compare(
        &self,
        plan: &AttemptPlan,
        namespace: &str,
        name: &str,
    ) -> Result<Created, ExecutorError> {
        let jobs = self.jobs(namespace);
        let found = existing(self.pace.call(|| jobs.get(name)).await).map_err(unavailable(
            format!("looking at the Job `{namespace}/{name}`"),
        ))?;
        let Some(found) = found else {
            return Err(going(namespace, name));
        };
        let metadata = found.metadata;
        let conflict = |what: &str| {
            Ok(Created::Conflict {
                found: format!("the cluster has a Job `{namespace}/{name}` {what}"),
            })
        };
        let Some(owner) = Owner::read(&metadata) else {
            return conflict("that is not of an agent");
        };
        if owner.agent != self.options.agent {
            return conflict(&format!("of the agent `{}`", owner.agent));
        }
        if owner.key != plan.key || owner.spec_hash != plan.spec_hash {
            return conflict("with another content");
        }
        if metadata.deletion_timestamp.is_some() {
            return Err(going(namespace, name));
        }
        Ok(Created::Adopted {
            uid: metadata.uid.unwrap_or_default(),
        })
    }
}

fn going(namespace: &str, name: &str) -> ExecutorError {
    ExecutorError::Unavailable {
        action: format!("creating the Job `{namespace}/{name}`"),
        reason: "another one of that name is being deleted".to_owned(),
    }
}
