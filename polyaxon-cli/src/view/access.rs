//! Tokens and projects.

use clap::ValueEnum;
use polyaxon_proto::hub::v1::{Project, Scope, Token};
use serde::Serialize;

use crate::ui::time;

/// What a token may do, as typed on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScopeName {
    /// Everything
    Admin,
    /// Components and runs
    User,
    /// The agent protocol, as the agent of the token's name
    Agent,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Admin => Self::Admin,
            ScopeName::User => Self::User,
            ScopeName::Agent => Self::Agent,
        }
    }
}

/// The lower-case name of a scope.
pub(crate) fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Unspecified => "unknown",
        Scope::Admin => "admin",
        Scope::User => "user",
        Scope::Agent => "agent",
        Scope::Run => "run",
    }
}

/// A token without its secret.
#[derive(Serialize)]
pub(crate) struct TokenView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) scope: &'static str,
    pub(crate) created_at: Option<String>,
    pub(crate) expires_at: Option<String>,
    pub(crate) last_used_at: Option<String>,
    pub(crate) revoked_at: Option<String>,
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scope: scope_name(token.scope()),
            created_at: time::exact(token.created_at.as_ref()),
            expires_at: time::exact(token.expires_at.as_ref()),
            last_used_at: time::exact(token.last_used_at.as_ref()),
            revoked_at: time::exact(token.revoked_at.as_ref()),
        }
    }
}

/// A project.
#[derive(Serialize)]
pub(crate) struct ProjectView {
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) description: String,
    pub(crate) created_at: Option<String>,
}

impl From<&Project> for ProjectView {
    fn from(project: &Project) -> Self {
        Self {
            owner: project.owner.clone(),
            name: project.name.clone(),
            uuid: project.uuid.clone(),
            description: project.description.clone(),
            created_at: time::exact(project.created_at.as_ref()),
        }
    }
}
