//! Versioned components.

use std::sync::Arc;

use polyaxon_proto::hub::v1::components_server::Components;
use polyaxon_proto::hub::v1::{
    Component, GetVersionRequest, ListComponentsRequest, ListComponentsResponse,
    ListVersionsRequest, ListVersionsResponse, RegisterRequest, RegisterResponse, ResolveRequest,
    ResolveResponse, Version,
};
use tonic::{Request, Response, Status};

use super::auth::require;
use super::convert::maybe_timestamp;
use super::errors;
use crate::components::Submission;
use crate::domain::access::Scope;
use crate::domain::components::{
    Change, ComponentRecord, LATEST, OFFICIAL_OWNER, VersionRecord, is_mutable,
};
use crate::domain::names::{self, DEFAULT_OWNER};
use crate::domain::page::{Page, next_token};
use crate::hub::Hub;
use crate::storage::components::version_key;

/// `polyaxon.hub.v1.Components`.
pub(super) struct ComponentsService(pub(super) Arc<Hub>);

#[tonic::async_trait]
impl Components for ComponentsService {
    async fn resolve(
        &self,
        request: Request<ResolveRequest>,
    ) -> Result<Response<ResolveResponse>, Status> {
        require(&request, &[Scope::User])?;
        let reference = request.into_inner().reference;
        let resolved = self
            .0
            .components
            .resolve(&reference)
            .await
            .map_err(errors::lookup)?;
        Ok(Response::new(ResolveResponse {
            version: Some(version(resolved.version, resolved.content)),
            warnings: resolved.warnings,
        }))
    }

    async fn get_version(
        &self,
        request: Request<GetVersionRequest>,
    ) -> Result<Response<Version>, Status> {
        require(&request, &[Scope::User])?;
        let request = request.into_inner();
        let found = self
            .0
            .components
            .version(
                owner_of(&request.owner),
                &request.name,
                names::or_default(&request.version, LATEST),
            )
            .await
            .map_err(errors::lookup)?;
        Ok(Response::new(version(found.version, found.content)))
    }

    async fn list_versions(
        &self,
        request: Request<ListVersionsRequest>,
    ) -> Result<Response<ListVersionsResponse>, Status> {
        require(&request, &[Scope::User])?;
        let request = request.into_inner();
        let page =
            Page::read(request.page_size, &request.page_token).map_err(errors::bad_page_token)?;
        let owner = owner_of(&request.owner);
        let components = &self.0.components;
        let component = components
            .component(owner, &request.name)
            .await
            .map_err(errors::lookup)?;
        let rows = components
            .versions(owner, &request.name, &page)
            .await
            .map_err(errors::lookup)?;
        Ok(Response::new(ListVersionsResponse {
            next_page_token: next_token(&rows, page.size, version_key),
            versions: rows
                .into_iter()
                .map(|row| version(row, Vec::new()))
                .collect(),
            total: component.versions.try_into().unwrap_or(i64::MAX),
        }))
    }

    async fn list_components(
        &self,
        request: Request<ListComponentsRequest>,
    ) -> Result<Response<ListComponentsResponse>, Status> {
        require(&request, &[Scope::User])?;
        let request = request.into_inner();
        let page =
            Page::read(request.page_size, &request.page_token).map_err(errors::bad_page_token)?;
        let rows = self
            .0
            .components
            .components(owner_of(&request.owner), &page)
            .await
            .map_err(errors::storage)?;
        Ok(Response::new(ListComponentsResponse {
            next_page_token: next_token(&rows, page.size, |row| row.name.clone()),
            components: rows.into_iter().map(component).collect(),
        }))
    }

    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let caller = require(&request, &[Scope::User])?;
        let request = request.into_inner();
        let submission = Submission {
            owner: names::or_default(&request.owner, DEFAULT_OWNER).into(),
            component: request.name,
            version: request.version,
            content: request.content.to_vec(),
            description: request.description,
            tags: request.tags,
        };
        let registered = self
            .0
            .components
            .register(submission, &caller.name, self.0.clock.now())
            .await
            .map_err(errors::register)?;
        Ok(Response::new(RegisterResponse {
            created: registered.change != Change::Keep,
            version: Some(version(registered.version, Vec::new())),
        }))
    }
}

/// As in references, no owner means the components that come with the hub.
fn owner_of(owner: &str) -> &str {
    names::or_default(owner, OFFICIAL_OWNER)
}

fn version(record: VersionRecord, content: Vec<u8>) -> Version {
    Version {
        mutable: is_mutable(&record.name),
        owner: record.owner,
        name: record.component,
        version: record.name,
        digest: record.digest,
        content: content.into(),
        description: record.description,
        tags: record.tags,
        created_by: record.created_by,
        created_at: maybe_timestamp(record.created_at),
        updated_at: maybe_timestamp(record.updated_at),
        stage: record.stage.as_str().into(),
    }
}

fn component(record: ComponentRecord) -> Component {
    Component {
        owner: record.owner,
        name: record.name,
        description: record.description,
        tags: record.tags,
        updated_at: maybe_timestamp(record.updated_at),
        versions: record.versions.try_into().unwrap_or(i64::MAX),
    }
}
