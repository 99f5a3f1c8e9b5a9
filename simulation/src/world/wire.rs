//! The network between a process and the hub.
//!
//! It carries the calls of the generated clients to the generated servers, with everything that is written to the wire,
//! and loses, delays and doubles requests and answers separately.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use polyaxon_proto::agent::v1::PushLogsResponse;
use prost::Message as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::World;
use super::hub_host::{HubHost, Start, collected};
use super::plant::Plant;
use super::process::Process;
use super::recorder::Recorder;
use super::stream::{Inspect, relay};
use crate::chance::Chance;

/// Calls that last, with what is sent in between.
const STREAMS: [&str; 4] = ["PushLogs", "Hints", "Watch", "ReadLogs"];
/// Bytes before each message on the wire.
const PREFIX: usize = 5;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    RequestLost,
    RequestDelayed,
    RequestDoubled,
    AnswerLost,
    AnswerDelayed,
}

/// The network as one process has it.
#[derive(Clone)]
pub struct Wire {
    world: World,
    process: Arc<Process>,
    host: Arc<HubHost>,
    chance: Chance,
}

impl Wire {
    /// The network of a process.
    #[must_use]
    pub fn new(world: World, process: Arc<Process>, host: Arc<HubHost>) -> Self {
        let chance = world.chance(&format!("network of {}", process.name));
        Self {
            world,
            process,
            host,
            chance,
        }
    }

    async fn call_within(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let limit = time_limit(request.headers());
        let call = self.exchange(request);
        match limit {
            Some(limit) => tokio::time::timeout(limit, call)
                .await
                .unwrap_or_else(|_| Err(Status::cancelled("timeout expired"))),
            None => call.await,
        }
    }

    async fn exchange(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let path = request.uri().path().to_owned();
        let method = path.rsplit('/').next().unwrap_or_default();
        self.process.step().await;
        let fate = self.fate(method);
        if fate == Fate::RequestDelayed {
            self.delay("request delayed").await;
        }
        self.travel().await;
        if fate == Fate::RequestLost {
            return self.lost("request lost").await;
        }
        let Some(start) = self.host.up() else {
            return Err(Status::unavailable("connection refused"));
        };
        let answer = if STREAMS.contains(&method) {
            self.stream(&start, method, request).await
        } else {
            self.unary(&start, request, fate).await
        };
        if fate == Fate::AnswerDelayed {
            self.delay("answer delayed").await;
        }
        self.travel().await;
        if fate == Fate::AnswerLost {
            return self.lost("answer lost").await;
        }
        self.process.step().await;
        let outcome = match &answer {
            Ok(answer) => Status::from_header_map(answer.headers())
                .map_or_else(String::new, |status| {
                    format!(": {:?} {}", status.code(), status.message())
                }),
            Err(error) => format!(": {}", error.message()),
        };
        if method != "Renew" {
            let note = format!("{}: {method}{outcome}", self.process.name);
            self.world.recorder.note(note);
        }
        answer
    }

    fn fate(&self, method: &str) -> Fate {
        if !self.world.faults.are_on() {
            return Fate::Arrives;
        }
        let doubled = !STREAMS.contains(&method);
        match self.chance.below(100) {
            0..=3 => Fate::RequestLost,
            4..=6 => Fate::RequestDelayed,
            7..=9 if doubled => Fate::RequestDoubled,
            10..=14 => Fate::AnswerLost,
            15..=17 => Fate::AnswerDelayed,
            _ => Fate::Arrives,
        }
    }

    /// The way of a message.
    async fn travel(&self) {
        tokio::time::sleep(Duration::from_millis(self.chance.between(1, 4))).await;
        self.process.connected().await;
    }

    async fn delay(&self, kind: &'static str) {
        self.world.faults.count(kind);
        tokio::time::sleep(Duration::from_millis(self.chance.between(50, 8000))).await;
    }

    /// Nothing comes: the connection breaks after a while, or never.
    async fn lost(&self, kind: &'static str) -> Result<Response<Body>, Status> {
        self.world.faults.count(kind);
        if self.chance.percent(70) {
            tokio::time::sleep(Duration::from_millis(self.chance.between(10, 3000))).await;
        } else {
            tokio::time::sleep(Duration::from_secs(40)).await;
        }
        Err(Status::unavailable("connection reset"))
    }

    async fn unary(
        &self,
        start: &Start,
        request: Request<Body>,
        fate: Fate,
    ) -> Result<Response<Body>, Status> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let again = || {
            let body =
                Body::new(Full::new(bytes.clone()).map_err(|never: Infallible| match never {}));
            Request::from_parts(parts.clone(), body)
        };
        let first = again();
        if fate == Fate::RequestDoubled {
            self.world.faults.count("request doubled");
            let (host, second) = (Arc::clone(&self.host), again());
            let later = Duration::from_millis(self.chance.between(1, 5000));
            tokio::spawn(async move {
                tokio::time::sleep(later).await;
                if let Some(start) = host.up() {
                    let _nobody_hears_it = start.answer(second).await;
                }
            });
        }
        let start = start.clone();
        let mut call = Call(tokio::spawn(async move {
            let answer = start.answer(first).await?;
            let (parts, body) = answer.into_parts();
            let whole = start.killed.run_until_cancelled(collected(body)).await;
            let whole = whole.unwrap_or_else(|| Err(Status::unavailable("connection reset")))?;
            Ok(Response::from_parts(parts, whole))
        }));
        (&mut call.0)
            .await
            .unwrap_or_else(|_| Err(Status::unavailable("connection reset")))
    }

    async fn stream(
        &self,
        start: &Start,
        method: &str,
        request: Request<Body>,
    ) -> Result<Response<Body>, Status> {
        let cut = CancellationToken::new();
        if self.world.faults.are_on() && self.chance.percent(50) {
            let (token, faults) = (cut.clone(), self.world.faults.clone());
            let after = Duration::from_millis(self.chance.between(10, 10_000));
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                if !token.is_cancelled() {
                    faults.count("stream cut");
                    token.cancel();
                }
            });
        }
        let cuts = || [start.killed.clone(), cut.clone()];
        let (parts, body) = request.into_parts();
        let loses = self.world.has(Plant::LostLogMessage) && method == "PushLogs";
        let chance = self.chance.clone();
        let faults = self.world.faults.clone();
        let inspect: Inspect = Box::new(move |_| !(loses && faults.are_on() && chance.percent(25)));
        let body = relay(body, Arc::clone(&self.process), cuts(), inspect);
        let answer = start.answer(Request::from_parts(parts, body)).await?;
        let (parts, body) = answer.into_parts();
        let inspect = if method == "PushLogs" {
            acknowledgements(self.world.recorder.clone())
        } else {
            Box::new(|_: &Bytes| true)
        };
        let body = relay(body, Arc::clone(&self.process), cuts(), inspect);
        Ok(Response::from_parts(parts, body))
    }
}

impl Service<Request<Body>> for Wire {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().call_within(request))
    }
}

/// A call in the hub, which ends when nobody waits for it any more, as it does when a connection breaks.
struct Call(JoinHandle<Result<Response<Body>, Status>>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes down what agents are told about logs.
fn acknowledgements(recorder: Recorder) -> Inspect {
    let mut rest = Vec::new();
    Box::new(move |bytes| {
        rest.extend_from_slice(bytes);
        while let Some(prefix) = rest.first_chunk::<PREFIX>() {
            let mut length = &prefix[1..];
            let end = PREFIX + usize::try_from(length.get_u32()).unwrap_or(usize::MAX);
            let Some(message) = rest.get(PREFIX..end) else {
                break;
            };
            if let Ok(answer) = PushLogsResponse::decode(message) {
                recorder.log_acknowledged(answer.run, answer.attempt, answer.acked_offset);
            }
            rest.drain(..end);
        }
        true
    })
}

/// `grpc-timeout`: a number and a unit.
fn time_limit(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}
