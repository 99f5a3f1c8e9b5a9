//! Tokens and projects.

use std::sync::Arc;
use std::time::Duration;

use polyaxon_proto::hub::v1::access_server::Access;
use polyaxon_proto::hub::v1::{
    CreateProjectRequest, CreateTokenRequest, CreateTokenResponse, ListProjectsRequest,
    ListProjectsResponse, ListTokensRequest, ListTokensResponse, Project, RevokeTokenRequest,
    RevokeTokenResponse, Scope as WireScope, Token, WhoAmIRequest, WhoAmIResponse,
};
use polyaxon_proto::version;
use secrecy::ExposeSecret as _;
use tonic::{Request, Response, Status};

use super::auth::require;
use super::convert::{maybe_timestamp, timestamp};
use super::errors;
use crate::clock::new_id;
use crate::domain::access::{Scope, TokenRecord, hash, secret};
use crate::domain::names::{self, DEFAULT_OWNER, DEFAULT_PROJECT};
use crate::domain::page::{Page, next_token};
use crate::hub::Hub;
use crate::storage::access::ProjectRecord;

/// `polyaxon.hub.v1.Access`.
pub(super) struct AccessService(pub(super) Arc<Hub>);

#[tonic::async_trait]
impl Access for AccessService {
    async fn create_token(
        &self,
        request: Request<CreateTokenRequest>,
    ) -> Result<Response<CreateTokenResponse>, Status> {
        require(&request, &[Scope::Admin])?;
        let request = request.into_inner();
        names::slug("token name", &request.name)
            .map_err(|error| errors::invalid(error.to_string()))?;
        let scope = match request.scope() {
            WireScope::Admin => Scope::Admin,
            WireScope::User => Scope::User,
            WireScope::Agent => Scope::Agent,
            WireScope::Run => {
                return Err(errors::invalid(
                    "tokens of the scope `run` are made by the hub for its runs",
                ));
            }
            WireScope::Unspecified => {
                return Err(errors::invalid(
                    "`scope` is missing: one of `admin`, `user`, `agent`",
                ));
            }
        };
        let now = self.0.clock.now();
        let expires_at = match u64::try_from(request.expires_in_seconds) {
            Ok(0) => None,
            Ok(seconds) => Some(now.plus(Duration::from_secs(seconds))),
            Err(_) => return Err(errors::invalid("`expires_in_seconds` is negative")),
        };
        let secret = secret(rand::random());
        let record = TokenRecord {
            id: new_id(),
            name: request.name,
            scope,
            hash: hash(&secret),
            created_at: now,
            expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        let token = token(&record);
        self.0
            .storage
            .insert_token(record)
            .await
            .map_err(errors::storage)?;
        Ok(Response::new(CreateTokenResponse {
            token: Some(token),
            secret: secret.expose_secret().to_owned(),
        }))
    }

    async fn list_tokens(
        &self,
        request: Request<ListTokensRequest>,
    ) -> Result<Response<ListTokensResponse>, Status> {
        require(&request, &[Scope::Admin])?;
        let request = request.into_inner();
        let page =
            Page::read(request.page_size, &request.page_token).map_err(errors::bad_page_token)?;
        let rows = self
            .0
            .storage
            .tokens(&page)
            .await
            .map_err(errors::storage)?;
        Ok(Response::new(ListTokensResponse {
            next_page_token: next_token(&rows, page.size, |row| row.id.clone()),
            tokens: rows.iter().map(token).collect(),
        }))
    }

    async fn revoke_token(
        &self,
        request: Request<RevokeTokenRequest>,
    ) -> Result<Response<RevokeTokenResponse>, Status> {
        require(&request, &[Scope::Admin])?;
        let key = request.into_inner().token;
        let row = self
            .0
            .storage
            .revoke_token(&key, self.0.clock.now())
            .await
            .map_err(errors::storage)?;
        self.0.tokens.clear();
        let row = row.ok_or_else(|| {
            errors::not_found(format!(
                "there is no live token `{key}`: `polyaxon admin token ls` prints them"
            ))
        })?;
        Ok(Response::new(RevokeTokenResponse {
            token: Some(token(&row)),
        }))
    }

    async fn who_am_i(
        &self,
        request: Request<WhoAmIRequest>,
    ) -> Result<Response<WhoAmIResponse>, Status> {
        let caller = require(
            &request,
            &[Scope::Admin, Scope::User, Scope::Agent, Scope::Run],
        )?;
        Ok(Response::new(WhoAmIResponse {
            name: caller.name,
            scope: wire_scope(caller.scope).into(),
            owner: DEFAULT_OWNER.into(),
            default_project: DEFAULT_PROJECT.into(),
            hub_version: version::current().into(),
        }))
    }

    async fn create_project(
        &self,
        request: Request<CreateProjectRequest>,
    ) -> Result<Response<Project>, Status> {
        require(&request, &[Scope::User])?;
        let request = request.into_inner();
        let owner = names::or_default(&request.owner, DEFAULT_OWNER);
        names::slug("owner", owner).map_err(|error| errors::invalid(error.to_string()))?;
        names::slug("project name", &request.name)
            .map_err(|error| errors::invalid(error.to_string()))?;
        let record = ProjectRecord {
            uuid: new_id(),
            owner: owner.into(),
            name: request.name,
            description: request.description,
            created_at: self.0.clock.now(),
        };
        self.0
            .storage
            .insert_project(record.clone())
            .await
            .map_err(errors::storage)?;
        Ok(Response::new(project(record)))
    }

    async fn list_projects(
        &self,
        request: Request<ListProjectsRequest>,
    ) -> Result<Response<ListProjectsResponse>, Status> {
        require(&request, &[Scope::User])?;
        let request = request.into_inner();
        let page =
            Page::read(request.page_size, &request.page_token).map_err(errors::bad_page_token)?;
        let owner = names::or_default(&request.owner, DEFAULT_OWNER);
        let rows = self
            .0
            .storage
            .projects(owner, &page)
            .await
            .map_err(errors::storage)?;
        Ok(Response::new(ListProjectsResponse {
            next_page_token: next_token(&rows, page.size, |row| row.name.clone()),
            projects: rows.into_iter().map(project).collect(),
        }))
    }
}

fn wire_scope(scope: Scope) -> WireScope {
    match scope {
        Scope::Admin => WireScope::Admin,
        Scope::User => WireScope::User,
        Scope::Agent => WireScope::Agent,
        Scope::Run => WireScope::Run,
    }
}

fn token(record: &TokenRecord) -> Token {
    Token {
        id: record.id.clone(),
        name: record.name.clone(),
        scope: wire_scope(record.scope).into(),
        created_at: Some(timestamp(record.created_at)),
        expires_at: maybe_timestamp(record.expires_at),
        last_used_at: maybe_timestamp(record.last_used_at),
        revoked_at: maybe_timestamp(record.revoked_at),
    }
}

fn project(record: ProjectRecord) -> Project {
    Project {
        owner: record.owner,
        name: record.name,
        uuid: record.uuid,
        description: record.description,
        created_at: Some(timestamp(record.created_at)),
    }
}
