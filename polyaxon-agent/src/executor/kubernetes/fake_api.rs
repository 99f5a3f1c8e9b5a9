//! An API server that answers what a test says.

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

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

/// What a server says that does not do what is asked.
pub(super) fn failure(code: u16, reason: &str, retry_after: Option<u32>) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "no", "reason": reason, "code": code,
        "details": {"retryAfterSeconds": retry_after.unwrap_or_default()},
    })
}
