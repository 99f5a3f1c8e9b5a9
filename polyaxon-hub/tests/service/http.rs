//! Probes, numbers, health, reflection and the end.

use std::time::{Duration, Instant};

use polyaxon_proto::hub::v1::WhoAmIRequest;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::TestHub;

async fn get(hub: &TestHub, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{}{path}", hub.url())).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn probes_and_numbers_are_open() {
    let hub = TestHub::start().await;
    assert_eq!(get(&hub, "/healthz").await, (200, "ok\n".into()));
    assert_eq!(get(&hub, "/readyz").await, (200, "ready\n".into()));
    assert_eq!(get(&hub, "/elsewhere").await.0, 404);
    let mut access = hub.access(&hub.admin_token()).await;
    access.who_am_i(WhoAmIRequest {}).await.unwrap();
    let mut stranger = hub.access("plx_wrong").await;
    stranger.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    let (_, text) = get(&hub, "/metrics").await;
    for line in [
        "polyaxon_hub_calls_total{method=\"/polyaxon.hub.v1.Access/WhoAmI\",code=\"0\"} 1",
        "polyaxon_hub_calls_total{method=\"other\",code=\"16\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{text}");
    }
}

#[tokio::test]
async fn health_says_serving_and_unknown_methods_are_unimplemented() {
    let hub = TestHub::start().await;
    let mut health = HealthClient::new(hub.channel().await);
    for service in ["", "polyaxon.hub.v1.Access", "polyaxon.hub.v1.Components"] {
        let answer = health
            .check(HealthCheckRequest {
                service: service.into(),
            })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let mut grpc = tonic::client::Grpc::new(hub.channel().await);
    grpc.ready().await.unwrap();
    let mut request = tonic::Request::new(WhoAmIRequest {});
    let token = format!("Bearer {}", hub.admin_token()).parse().unwrap();
    request.metadata_mut().insert("authorization", token);
    let codec = tonic_prost::ProstCodec::<WhoAmIRequest, WhoAmIRequest>::default();
    let path = http::uri::PathAndQuery::from_static("/polyaxon.hub.v1.Future/Call");
    let status = grpc.unary(request, path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn idle_clients_do_not_hold_up_the_end() {
    let hub = TestHub::start().await;
    let mut access = hub.access(&hub.admin_token()).await;
    access.who_am_i(WhoAmIRequest {}).await.unwrap();
    let started = Instant::now();
    hub.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    let status = access.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}
