//! Plain HTTP beside gRPC: is the process alive, does it serve, and what has it done.

pub mod metrics;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use crate::hub::Hub;

/// The HTTP routes.
pub fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
        .with_state(hub)
}

async fn ready(State(hub): State<Arc<Hub>>) -> Response {
    if hub.draining.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    match hub.storage.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer\n",
            )
                .into_response()
        }
    }
}

async fn numbers(State(hub): State<Arc<Hub>>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, hub.metrics.render()).into_response()
}

/// Answers paths that nobody serves: 404 for browsers, `unimplemented` for gRPC.
pub async fn fallback(headers: HeaderMap) -> Response {
    let is_grpc = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/grpc"));
    if is_grpc {
        tonic::Status::unimplemented(
            "this hub does not have that method: it may be older than the client",
        )
        .into_http()
    } else {
        (StatusCode::NOT_FOUND, "not found\n").into_response()
    }
}
