//! An API server that answers what a test says.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use kube::client::Body;
use kube::{Client, Config};
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::isolation::Nodes;
use super::lanes::Lanes;
use super::pace::Pace;
use super::turns::Turns;
use super::{KubernetesExecutor, KubernetesOptions};
use crate::config::UserNamespaces;

/// A client of a server that answers requests with these statuses and bodies.
pub(super) fn client<F, R>(answer: F) -> Client
where
    F: Fn(Request<Body>) -> R + Clone + Send + 'static,
    R: Future<Output = (u16, Value)> + Send + 'static,
{
    let service = tower::service_fn(move |request| {
        let answer = answer(request);
        async move {
            let (status, body) = answer.await;
            let mut response = Response::new(Body::from(format!("{body}\n").into_bytes()));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            Ok::<_, Infallible>(response)
        }
    });
    Client::new(service, "default")
}

/// An executor of the agent `me` in the namespace `builds`, which watches nothing.
pub(super) fn executor(client: Client) -> KubernetesExecutor {
    let options = KubernetesOptions {
        kubeconfig: None,
        context: None,
        namespace: "builds".to_owned(),
        additional_namespaces: Vec::new(),
        agent: "me".to_owned(),
        pod_image: Some("pod:1".to_owned()),
        ca_key: None,
        insecure_registries: Vec::new(),
        unschedulable: Duration::from_secs(5),
        log_streams: 1,
        user_namespaces: UserNamespaces::Auto,
    };
    let nowhere = Config::new(Uri::from_static("http://127.0.0.1:1"));
    KubernetesExecutor {
        crowds: client.clone(),
        client,
        cluster: Arc::new(Cluster::new(&options.agent, &options.namespaces())),
        options,
        pace: Pace::default(),
        turns: Turns::new(1),
        lanes: Lanes::new(&nowhere, 1).expect("a client"),
        user_namespaces: AtomicBool::new(false),
        asks_again: AtomicBool::new(false),
        nodes: Nodes::default(),
        live: Mutex::default(),
        tasks: Mutex::default(),
    }
}

/// A Job of the first attempt of a run of the agent `me`, which is held.
pub(super) fn job(run: &str) -> Value {
    let labels = json!({
        "operation.polyaxon.com/agent": "me", "operation.polyaxon.com/uuid": run,
        "operation.polyaxon.com/attempt": "1", "operation.polyaxon.com/fence": "1",
    });
    json!({"metadata": {
        "name": run, "namespace": "builds", "uid": format!("uid-{run}"), "labels": labels,
        "finalizers": [polyaxon_spec::k8s::FINALIZER],
    }})
}

/// What a server says that does not do what is asked.
pub(super) fn failure(code: u16, reason: &str, retry_after: Option<u32>) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": reason, "code": code,
        "details": {"retryAfterSeconds": retry_after.unwrap_or_default()},
    })
}
