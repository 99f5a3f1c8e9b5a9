//! The gRPC services, one file each.

mod access;
mod agent;
mod agent_convert;
mod auth;
mod components;
mod convert;
pub mod errors;
mod log_intake;
mod result_convert;
mod run_convert;
mod runs;
mod transfer;

use std::sync::Arc;

use axum::Router;
use polyaxon_proto::FILE_DESCRIPTOR_SET;
use polyaxon_proto::agent::v1::agent_server::AgentServer;
use polyaxon_proto::hub::v1::access_server::AccessServer;
use polyaxon_proto::hub::v1::components_server::ComponentsServer;
use polyaxon_proto::runs::v1::runs_server::RunsServer;
use polyaxon_proto::transfer::v1::transfer_server::TransferServer;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use crate::hub::Hub;

/// Largest message in either direction, in bytes.
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// All services behind the check of tokens, with health and reflection; the reporter says whether the hub serves.
///
/// # Errors
/// When the descriptors of the protocol cannot be decoded.
pub async fn router(
    hub: Arc<Hub>,
) -> Result<(Router, HealthReporter), tonic_reflection::server::Error> {
    let (reporter, health) = health_reporter();
    reporter
        .set_serving::<AccessServer<access::AccessService>>()
        .await;
    reporter
        .set_serving::<ComponentsServer<components::ComponentsService>>()
        .await;
    reporter
        .set_serving::<RunsServer<runs::RunsService>>()
        .await;
    reporter
        .set_serving::<AgentServer<agent::AgentService>>()
        .await;
    reporter
        .set_serving::<TransferServer<transfer::TransferService>>()
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let open = Routes::new(health).add_service(reflection);
    let guarded = with_services(open, hub);
    Ok((guarded, reporter))
}

/// Our own services behind the check of tokens.
pub fn services(hub: Arc<Hub>) -> Router {
    with_services(Routes::default(), hub)
}

fn with_services(routes: Routes, hub: Arc<Hub>) -> Router {
    let access = AccessServer::new(access::AccessService(hub.clone()));
    let components = ComponentsServer::new(components::ComponentsService(hub.clone()));
    let runs = RunsServer::new(runs::RunsService(hub.clone()));
    let agent = AgentServer::new(agent::AgentService(hub.clone()));
    let transfer = TransferServer::new(transfer::TransferService(hub.clone()));
    routes
        .add_service(access.max_decoding_message_size(MAX_MESSAGE))
        .add_service(components.max_decoding_message_size(MAX_MESSAGE))
        .add_service(runs.max_decoding_message_size(MAX_MESSAGE))
        .add_service(agent.max_decoding_message_size(MAX_MESSAGE))
        .add_service(transfer.max_decoding_message_size(MAX_MESSAGE))
        .prepare()
        .into_axum_router()
        .layer(axum::middleware::from_fn_with_state(
            hub,
            auth::authenticate,
        ))
}

/// Says in the health service that no new calls are wanted.
pub async fn stop_serving(reporter: &HealthReporter) {
    for service in [
        "",
        "polyaxon.hub.v1.Access",
        "polyaxon.hub.v1.Components",
        "polyaxon.runs.v1.Runs",
        "polyaxon.agent.v1.Agent",
        "polyaxon.transfer.v1.Transfer",
    ] {
        reporter
            .set_service_status(service, ServingStatus::NotServing)
            .await;
    }
}
