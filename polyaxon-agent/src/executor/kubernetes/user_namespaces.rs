//! Whether a pod that asks for a user namespace gets one: old nodes ignore the field, so a pod
//! has to show it.

use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, ListParams, LogParams, PostParams};
use serde_json::json;

use super::failure::said;
use super::{ExecutorError, KubernetesExecutor};

/// How long the pod may take, with the pull of its image.
const LIMIT: Duration = Duration::from_mins(1);

/// Time between two looks at the pod.
const LOOK: Duration = Duration::from_millis(500);

/// Time between two looks at what is left of processes that were killed; longer than any probe is wanted.
pub(super) const TIDY: Duration = Duration::from_mins(2);

/// Label: which agent asks.
const PROBE: &str = "operation.polyaxon.com/probe";

/// What the pod runs.
const COMMAND: [&str; 3] = ["/bin/sh", "-c", "cat /proc/self/uid_map"];

/// What such a pod has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Where it ran.
    pub(super) node: String,
    /// It had a user namespace of its own.
    pub(super) real: bool,
}

impl KubernetesExecutor {
    /// Runs a pod that looks at its own user namespace, on the node if one is named. An error says why nobody knows.
    pub(super) async fn probe_user_namespaces(&self, node: Option<&str>) -> Result<Shown, String> {
        let image = self
            .options
            .pod_image
            .as_ref()
            .ok_or("`executor.kubernetes.podImage` is not set")?;
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let name = format!(
            "{}-probe-{}",
            self.options.agent,
            unique.get(..8).unwrap_or("0")
        );
        let pod =
            probe(&name, &self.options.agent, image, node).map_err(|error| error.to_string())?;
        let pods = self.pods(&self.options.namespace);
        let how = PostParams::default();
        let created = self.pace.call(|| pods.create(&how, &pod)).await;
        let created = created.map_err(|error| said(&error))?;
        let seen = tokio::time::timeout(LIMIT, self.wait_for_probe(&name)).await;
        let now = DeleteParams::default().grace_period(0);
        if let Err(error) = self.delete(&pods, &created.metadata, now).await {
            tracing::debug!(pod = name, %error, "a probe is left");
        }
        seen.map_err(|_| format!("the pod `{name}` did not end within a minute"))?
    }

    /// Removes the probes that were there at the last call already: who made them was killed meanwhile.
    pub(super) async fn remove_old_probes(
        &self,
        before: &mut HashSet<String>,
    ) -> Result<(), ExecutorError> {
        let pods = self.pods(&self.options.namespace);
        let ours = ListParams::default().labels(&format!("{PROBE}={}", self.options.agent));
        let found = self.pace.call(|| pods.list(&ours)).await;
        let found = found.map_err(super::unavailable("looking for probes"))?;
        let mut there = HashSet::new();
        for pod in found.items {
            let uid = pod.metadata.uid.clone().unwrap_or_default();
            if before.contains(&uid) {
                let now = DeleteParams::default().grace_period(0);
                self.delete(&pods, &pod.metadata, now).await?;
            }
            there.insert(uid);
        }
        *before = there;
        Ok(())
    }

    /// Returns when the pod has ended. An API server that does not answer is asked again.
    async fn wait_for_probe(&self, name: &str) -> Result<Shown, String> {
        let pods = self.pods(&self.options.namespace);
        loop {
            match look(&pods, name).await {
                Ok(Some(shown)) => return shown,
                Ok(None) => {}
                Err(error) => tracing::debug!(pod = name, %error, "the probe cannot be seen"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What the pod has shown, or why it has not; `None`: it has not ended.
async fn look(pods: &Api<Pod>, name: &str) -> Result<Option<Result<Shown, String>>, kube::Error> {
    let pod = pods.get(name).await?;
    let status = pod.status.unwrap_or_default();
    Ok(match status.phase.as_deref() {
        Some("Succeeded") => {
            let map = pods.logs(name, &LogParams::default()).await?;
            Some(Ok(Shown {
                node: pod.spec.and_then(|spec| spec.node_name).unwrap_or_default(),
                real: is_mapped(&map),
            }))
        }
        Some("Failed") => {
            let reason = status.message.or(status.reason);
            let reason = reason.unwrap_or_else(|| "it failed".to_owned());
            Some(Err(format!("the pod `{name}`: {reason}")))
        }
        _ => None,
    })
}

/// A pod that every level of Pod Security admits. One for a certain node goes there past the
/// scheduler, whatever else keeps pods away.
fn probe(
    name: &str,
    agent: &str,
    image: &str,
    node: Option<&str>,
) -> Result<Pod, serde_json::Error> {
    serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "polyaxon", PROBE: agent}},
        "spec": {
            "hostUsers": false,
            "nodeName": node,
            "tolerations": node.map(|_| json!([{"operator": "Exists"}])),
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "activeDeadlineSeconds": LIMIT.as_secs(),
            "terminationGracePeriodSeconds": 0,
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "probe",
                "image": image,
                "command": COMMAND,
                "resources": {"requests": {"cpu": "10m", "memory": "8Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    }))
}

/// Whether the root of the map is another user outside.
fn is_mapped(map: &str) -> bool {
    let mut fields = map.split_whitespace();
    let (inside, outside) = (fields.next(), fields.next());
    inside == Some("0") && outside.is_some_and(|outside| outside != "0")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::Method;

    use super::super::fake_api;
    use super::*;

    #[tokio::test]
    async fn a_probe_whose_process_was_killed_is_removed_and_one_in_use_is_not() {
        const LOOKS: [&[&str]; 3] = [&["a"], &["a", "b"], &["b"]];
        let asked = Arc::new(Mutex::new((0, String::new())));
        let server = Arc::clone(&asked);
        let client = fake_api::client(move |request| {
            let mut asked = server.lock().expect("no panic");
            let uri = request.uri();
            let answer = if request.method() == Method::DELETE {
                let name = uri.path().rsplit('/').next().unwrap_or_default();
                asked.1.push_str(name);
                json!({"metadata": {"name": name}})
            } else {
                let query = uri.query().unwrap_or_default();
                assert!(query.contains("probe%3Dme"), "{query}");
                let pods = LOOKS[asked.0].iter();
                asked.0 += 1;
                let pods: Vec<_> = pods
                    .map(|name| json!({"metadata": {"name": name, "uid": format!("of-{name}")}}))
                    .collect();
                json!({"items": pods, "metadata": {}})
            };
            async move { (200, answer) }
        });
        let executor = fake_api::executor(client);
        let mut before = HashSet::new();
        for wanted in ["", "a", "ab"] {
            executor
                .remove_old_probes(&mut before)
                .await
                .expect("removed");
            assert_eq!(asked.lock().expect("no panic").1, wanted);
        }
    }

    #[test]
    fn root_outside_is_no_user_namespace() {
        for (map, mapped) in [
            ("         0 4145414144      65536\n", true),
            ("         0          0 4294967295\n", false),
            ("", false),
            ("cat: not found", false),
        ] {
            assert_eq!(is_mapped(map), mapped, "{map}");
        }
        for node in [None, Some("one")] {
            let pod = probe("a", "me", "i:1", node).expect("a pod");
            let spec = pod.spec.expect("a spec");
            assert_eq!(spec.host_users, Some(false));
            assert_eq!(spec.node_name.as_deref(), node);
            assert_eq!(spec.tolerations.is_some(), node.is_some());
        }
    }
}
