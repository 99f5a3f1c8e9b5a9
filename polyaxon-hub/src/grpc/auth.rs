//! Who calls: the bearer token of every call becomes a [`Principal`] before any service sees it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use polyaxon_proto::version;
use secrecy::SecretString;
use tonic::{Code, Status};

use super::errors;
use crate::domain::access::{self, Principal, Refused, Scope};
use crate::domain::client_version;
use crate::domain::run_token;
use crate::domain::time::Millis;
use crate::hub::Hub;
use crate::storage::StorageError;

/// Middleware in front of our services; health and reflection stay open.
pub(super) async fn authenticate(
    State(hub): State<Arc<Hub>>,
    mut request: Request,
    next: Next,
) -> Response {
    if !request.uri().path().starts_with("/polyaxon.") {
        return next.run(request).await;
    }
    match identify(&hub, request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            let method = request.uri().path().to_owned();
            let started = Instant::now();
            let response = next.run(request).await;
            hub.metrics
                .called(&method, code_of(&response), started.elapsed());
            response
        }
        Err(status) => {
            hub.metrics.refused(status.code());
            status.into_http()
        }
    }
}

/// The status of an answer; those that send a body have succeeded, or fail later in a stream.
fn code_of(response: &Response) -> Code {
    Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code())
}

async fn identify(hub: &Hub, headers: &HeaderMap) -> Result<Principal, Status> {
    if let Some(client) = headers
        .get("x-client-version")
        .and_then(|value| value.to_str().ok())
    {
        client_version::check(client, version::current())
            .map_err(|error| errors::version_skew(&error))?;
    }
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
        .map(str::trim)
        .filter(|token| !token.is_empty())
        .ok_or_else(|| {
            errors::status(
                Code::Unauthenticated,
                "TOKEN_MISSING",
                "this hub wants a token: log in with `polyaxon login --token TOKEN`, the first one is in `admin.token` of the hub's data folder",
            )
        })?;
    let now = hub.clock.now();
    if let Some(token) = bearer.strip_prefix(run_token::PREFIX) {
        let run =
            run_token::verify(&hub.key, token, now).map_err(|error| errors::refused(&error))?;
        return Ok(Principal {
            name: format!("run {run}"),
            scope: Scope::Run,
            run: Some(run),
            token_hash: None,
        });
    }
    let hash = access::hash(&SecretString::from(bearer.to_owned()));
    let record = find(hub, &hash, now).await.map_err(errors::storage)?;
    let principal = access::admit(record.as_ref(), &hash, now)
        .map_err(|error: Refused| errors::refused(&error))?;
    if let Some(record) = record {
        hub.tokens.used(&record.id, now);
    }
    Ok(principal)
}

/// Whether the token of a caller is still good, for calls that last.
pub(super) async fn still_admitted(hub: &Hub, caller: &Principal) -> Result<(), Status> {
    let Some(hash) = &caller.token_hash else {
        return Ok(());
    };
    let now = hub.clock.now();
    let record = find(hub, hash, now).await.map_err(errors::storage)?;
    access::admit(record.as_ref(), hash, now)
        .map(|_| ())
        .map_err(|error| errors::refused(&error))
}

async fn find(
    hub: &Hub,
    hash: &str,
    now: Millis,
) -> Result<Option<access::TokenRecord>, StorageError> {
    if let Some(record) = hub.tokens.get(hash, now) {
        return Ok(Some(record));
    }
    let record = hub.storage.token_by_hash(hash).await?;
    if let Some(record) = &record {
        hub.tokens.put(record.clone(), now);
    }
    Ok(record)
}

/// The caller of a request, if its scope is one of `needed`.
pub(super) fn require<T>(
    request: &tonic::Request<T>,
    needed: &[Scope],
) -> Result<Principal, Status> {
    let principal = request.extensions().get::<Principal>().ok_or_else(|| {
        errors::status(
            Code::Unauthenticated,
            "TOKEN_MISSING",
            "this hub wants a token",
        )
    })?;
    if needed.iter().any(|&scope| principal.scope.covers(scope)) {
        return Ok(principal.clone());
    }
    let words: Vec<String> = needed
        .iter()
        .map(|scope| format!("`{}`", scope.as_str()))
        .collect();
    Err(errors::forbidden(
        &principal.name,
        principal.scope,
        &words.join(" or "),
    ))
}
