//! Plain HTTP for whoever looks after the agent: does it live, does it work, and what has it done.

mod picture;
mod vitals;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

pub use picture::{Picture, Role};
pub(crate) use vitals::Connection;
pub use vitals::Vitals;

/// Why nobody can ask for the agent's health.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {source}; give another address with `--health-listen`")]
pub struct HealthError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Answers that go on until this is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Serving {
    /// Where it listens; with port 0 the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics`.
///
/// # Errors
/// When the address cannot be used.
pub async fn serve(address: SocketAddr, vitals: Vitals) -> Result<Serving, HealthError> {
    let failed = |source| HealthError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let router = router(vitals);
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "nobody can ask for the agent's health any more");
        }
    });
    tracing::info!(%address, "health");
    Ok(Serving {
        address,
        _task: AbortOnDropHandle::new(task),
    })
}

fn router(vitals: Vitals) -> Router {
    Router::new()
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(numbers))
        .with_state(vitals)
}

async fn alive(State(vitals): State<Vitals>) -> Response {
    answer(vitals.look().alive())
}

async fn ready(State(vitals): State<Vitals>) -> Response {
    answer(vitals.look().ready())
}

fn answer(verdict: Result<&'static str, &'static str>) -> Response {
    match verdict {
        Ok(words) => format!("{words}\n").into_response(),
        Err(words) => (StatusCode::SERVICE_UNAVAILABLE, format!("{words}\n")).into_response(),
    }
}

async fn numbers(State(vitals): State<Vitals>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, vitals.look().render()).into_response()
}
