//! Ending and removing what belongs to an attempt. What exists is only ever deleted, with its uid
//! as precondition, or freed of our finalizer by a patch that tests uid and version.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};

use super::failure::{code, existing, unavailable};
use super::kind::Kind;
use super::labels::{self, Owner};
use super::statuses::pod_is_over;
use super::{ExecutorError, KubernetesExecutor};
use crate::attempt::AttemptKey;

/// Seconds between asking a pod's processes to end and killing them.
const STOP_GRACE: u32 = 10;

/// Changes by others that a patch of ours waits out.
const TRIES: u32 = 8;

/// What an attempt has in the cluster, as the API server knows it now.
pub(super) struct Objects {
    pub(super) namespace: String,
    pub(super) job: Option<Job>,
    pub(super) pods: Vec<Pod>,
}

impl KubernetesExecutor {
    /// What an attempt has, asked of the API server.
    pub(super) async fn objects(&self, key: &AttemptKey) -> Result<Objects, ExecutorError> {
        let namespaces = match self.cluster.namespace(key) {
            Some(namespace) => vec![namespace],
            None => self.options.namespaces(),
        };
        let mut objects = Objects {
            namespace: self.options.namespace.clone(),
            job: None,
            pods: Vec::new(),
        };
        let selected = ListParams::default().labels(&labels::selector_of(&self.options.agent, key));
        for namespace in namespaces {
            let job = self.own_job(&namespace, key).await?;
            let pods = self.pods(&namespace);
            let pods = self
                .pace
                .call(|| pods.list(&selected))
                .await
                .map_err(unavailable("listing pods"))?;
            if job.is_some() || !pods.items.is_empty() {
                objects = Objects {
                    namespace,
                    job,
                    pods: pods.items,
                };
                break;
            }
        }
        Ok(objects)
    }

    /// The Job of an attempt; one of that name that is not of the attempt does not count.
    pub(super) async fn own_job(
        &self,
        namespace: &str,
        key: &AttemptKey,
    ) -> Result<Option<Job>, ExecutorError> {
        let jobs = self.jobs(namespace);
        let name = key.object_name();
        let job = existing(self.pace.call(|| jobs.get(&name)).await).map_err(unavailable(
            format!("looking at the Job `{namespace}/{name}`"),
        ))?;
        Ok(job.filter(|job| self.is_of(&job.metadata, key)))
    }

    pub(super) fn is_of(&self, metadata: &ObjectMeta, key: &AttemptKey) -> bool {
        Owner::read(metadata)
            .is_some_and(|owner| owner.agent == self.options.agent && owner.key == *key)
    }

    /// Deletes the Job, so that no pod comes any more, then the pod. Both stay until our
    /// finalizers are taken off.
    pub(super) async fn end(&self, objects: &Objects) -> Result<(), ExecutorError> {
        if let Some(job) = &objects.job
            && job.metadata.deletion_timestamp.is_none()
        {
            self.delete(
                &self.jobs(&objects.namespace),
                &job.metadata,
                DeleteParams::background(),
            )
            .await?;
        }
        self.end_pods(objects).await
    }

    /// Deletes what runs.
    pub(super) async fn end_pods(&self, objects: &Objects) -> Result<(), ExecutorError> {
        for pod in &objects.pods {
            if !pod_is_over(pod) {
                let pods = self.pods(&objects.namespace);
                let how = DeleteParams::default().grace_period(STOP_GRACE);
                self.delete(&pods, &pod.metadata, how).await?;
            }
        }
        Ok(())
    }

    /// Deletes this very object; another one of its name stays.
    pub(super) async fn delete<K: Kind>(
        &self,
        api: &Api<K>,
        metadata: &ObjectMeta,
        how: DeleteParams,
    ) -> Result<(), ExecutorError> {
        let name = metadata.name.clone().unwrap_or_default();
        let how = how.preconditions(Preconditions {
            uid: metadata.uid.clone(),
            resource_version: None,
        });
        match self.pace.call(|| api.delete(&name, &how)).await {
            Ok(_) => Ok(()),
            // Not there any more, or another one has its name: what was asked for holds.
            Err(error) if matches!(code(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(unavailable(format!("deleting `{name}`"))(error)),
        }
    }

    /// Removes all of an attempt. A Job that is over and has a time to live is left to it.
    pub(super) async fn remove_all(&self, key: &AttemptKey) -> Result<(), ExecutorError> {
        let objects = self.objects(key).await?;
        let kept = objects.job.as_ref().and_then(|job| {
            let may_stay = is_finished(job) && job.metadata.deletion_timestamp.is_none();
            labels::ttl(&job.metadata).filter(|_| may_stay)
        });
        if kept.is_none() {
            self.end(&objects).await?;
        }
        for pod in &objects.pods {
            let pods = self.pods(&objects.namespace);
            self.free(&pods, &pod.metadata, None).await?;
        }
        if let Some(job) = &objects.job {
            let jobs = self.jobs(&objects.namespace);
            self.free(&jobs, &job.metadata, kept).await?;
        }
        Ok(())
    }

    /// Takes our finalizer off, and sets the time to live of a Job in the same step.
    async fn free<K: Kind>(
        &self,
        api: &Api<K>,
        metadata: &ObjectMeta,
        ttl: Option<u32>,
    ) -> Result<(), ExecutorError> {
        let name = metadata.name.clone().unwrap_or_default();
        let action = || format!("freeing `{name}`");
        let mut now = metadata.clone();
        for _ in 0..TRIES {
            let Some(patch) = patch(&now, ttl) else {
                return Ok(());
            };
            let patch = patch.map_err(|error| ExecutorError::Unavailable {
                action: action(),
                reason: error.to_string(),
            })?;
            let parameters = PatchParams::default();
            match self
                .pace
                .call(|| api.patch(&name, &parameters, &patch))
                .await
            {
                Ok(_) => return Ok(()),
                Err(error) if code(&error) == Some(404) => return Ok(()),
                // Somebody changed it in between: look again.
                Err(error) if matches!(code(&error), Some(409 | 422)) => {}
                Err(error) => return Err(unavailable(action())(error)),
            }
            let found =
                existing(self.pace.call(|| api.get(&name)).await).map_err(unavailable(action()))?;
            match found {
                Some(found) if found.meta().uid == metadata.uid => now = found.meta().clone(),
                _ => return Ok(()),
            }
        }
        Err(ExecutorError::Unavailable {
            action: action(),
            reason: "it changes all the time".to_owned(),
        })
    }

    /// Frees pods that nothing stands for any more.
    pub(super) async fn sweep(&self) {
        for key in self.cluster.orphans() {
            if self.is_live(&key) {
                continue;
            }
            match self.objects(&key).await {
                Ok(objects) if objects.job.is_none() && !objects.pods.is_empty() => {
                    tracing::info!(%key, "a pod is left of a Job that is gone, it is removed");
                    if let Err(error) = self.remove_all(&key).await {
                        tracing::warn!(%key, %error, "not removed yet");
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::debug!(%key, %error, "what is left cannot be seen"),
            }
        }
    }
}

/// Whether the Job has ended for good.
pub(super) fn is_finished(job: &Job) -> bool {
    has_condition(job, "Complete") || has_condition(job, "Failed")
}

pub(super) fn has_condition(job: &Job, kind: &str) -> bool {
    job.status
        .as_ref()
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == kind && condition.status == "True")
}

/// The patch that frees the object of this very version; `None`: it is free.
fn patch(metadata: &ObjectMeta, ttl: Option<u32>) -> Option<Result<Patch<()>, serde_json::Error>> {
    let place = labels::finalizer(metadata)?;
    let mut steps: Vec<Value> = vec![
        json!({"op": "test", "path": "/metadata/uid", "value": metadata.uid}),
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": metadata.resource_version}),
    ];
    if let Some(ttl) = ttl {
        steps.push(json!({"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": ttl}));
    }
    steps.push(json!({"op": "remove", "path": format!("/metadata/finalizers/{place}")}));
    Some(serde_json::from_value(Value::Array(steps)).map(Patch::Json))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Method, Request};
    use kube::client::Body;
    use polyaxon_spec::k8s::FINALIZER;

    use super::super::fake_api;
    use super::*;

    /// What a server has, and the preconditions with which it is deleted.
    #[derive(Clone, Default)]
    struct Deleted(Arc<Mutex<Vec<Value>>>);

    impl Deleted {
        async fn answer(self, request: Request<Body>) -> (u16, Value) {
            let (head, body) = request.into_parts();
            if head.method == Method::DELETE {
                let body = body.collect_bytes().await.expect("a body");
                let body: Value = serde_json::from_slice(&body).expect("JSON");
                let mut all = self.0.lock().expect("no panic");
                all.push(body["preconditions"].clone());
            }
            let probe = json!({"metadata": {"name": "probe", "uid": "of-probe"}, "status": {"phase": "Failed"}});
            (200, probe)
        }
    }

    fn named(name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_owned()),
            uid: Some(format!("of-{name}")),
            ..ObjectMeta::default()
        }
    }

    #[tokio::test]
    async fn whatever_is_deleted_is_named_by_its_uid() {
        let deleted = Deleted::default();
        let server = deleted.clone();
        let client = fake_api::client(move |request| server.clone().answer(request));
        let executor = fake_api::executor(client);
        let objects = Objects {
            namespace: "builds".to_owned(),
            job: Some(Job {
                metadata: named("job"),
                ..Job::default()
            }),
            pods: vec![Pod {
                metadata: named("pod"),
                ..Pod::default()
            }],
        };
        executor.end(&objects).await.expect("ended");
        let shown = executor.probe_user_namespaces(None).await;
        assert!(shown.is_err(), "its pod failed: {shown:?}");
        let all = deleted.0.lock().expect("no panic");
        let uids = ["of-job", "of-pod", "of-probe"];
        assert_eq!(*all, uids.map(|uid| json!({"uid": uid})));
    }

    #[test]
    fn a_patch_is_for_one_version_of_one_object() {
        let metadata = ObjectMeta {
            uid: Some("u".to_owned()),
            resource_version: Some("7".to_owned()),
            finalizers: Some(vec!["x/y".to_owned(), FINALIZER.to_owned()]),
            ..ObjectMeta::default()
        };
        let Some(Ok(Patch::Json(steps))) = patch(&metadata, Some(5)) else {
            panic!("no patch");
        };
        assert_eq!(
            serde_json::to_value(steps).expect("JSON"),
            json!([
                {"op": "test", "path": "/metadata/uid", "value": "u"},
                {"op": "test", "path": "/metadata/resourceVersion", "value": "7"},
                {"op": "add", "path": "/spec/ttlSecondsAfterFinished", "value": 5},
                {"op": "remove", "path": "/metadata/finalizers/1"},
            ])
        );
        assert!(patch(&ObjectMeta::default(), None).is_none());
    }
}
