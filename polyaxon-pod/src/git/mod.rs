//! The step `git`: clones a repository, with the credentials of its connection.

mod access;
mod flags;
mod program;
mod redact;
mod remote;
mod ssh;

use std::path::Path;

use thiserror::Error;

use crate::cli::GitArgs;
use crate::environment::Environment;
use crate::files::FilesError;
use crate::git::access::Access;
use crate::git::flags::{Flags, FlagsError};
use crate::git::program::{Git, ProgramError};
use crate::git::remote::Remote;
use crate::lineage::{self, Kind};
use crate::ui;

/// Why there is no repository.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    #[error(
        "`{0}` is not an address of a repository: set `git.url`, or the `url` of the connection"
    )]
    Url(String),
    #[error("`{0}` is not a revision: write a branch, a tag or a commit")]
    Revision(String),
    #[error(transparent)]
    Flags(#[from] FlagsError),
    #[error("could not prepare `{url}`{connection}: {source}")]
    Prepare {
        url: String,
        connection: String,
        source: ProgramError,
    },
    #[error(
        "could not clone `{url}`{connection}: {source}; check the url, the flags and the credentials of the connection"
    )]
    Clone {
        url: String,
        connection: String,
        source: ProgramError,
    },
    #[error(
        "could not check out `{revision}` of `{url}`: {source}; check that the branch, tag or commit is there"
    )]
    Checkout {
        revision: String,
        url: String,
        source: ProgramError,
    },
    #[error(transparent)]
    Lineage(#[from] FilesError),
}

pub(crate) fn run(arguments: &GitArgs, environment: &Environment) -> Result<(), StepError> {
    let revision = arguments
        .revision
        .as_deref()
        .filter(|text| !text.is_empty());
    if let Some(revision) = revision.filter(|text| text.starts_with('-')) {
        return Err(StepError::Revision(revision.to_owned()));
    }
    if arguments.url.is_empty() || arguments.url.starts_with('-') {
        return Err(StepError::Url(arguments.url.clone()));
    }
    let flags = Flags::parse(arguments.flags.as_deref())?;
    let access = Access::of(environment);
    let remote = Remote::new(&arguments.url, &access);
    let connection = arguments
        .connection
        .as_deref()
        .map(|name| format!(" of connection `{name}`"))
        .unwrap_or_default();
    let git =
        Git::new(&access, remote.embedded.as_ref(), remote.scope.as_deref()).map_err(|source| {
            StepError::Prepare {
                url: remote.to_string(),
                connection: connection.clone(),
                source,
            }
        })?;

    let path = &arguments.repo_path;
    let clone_failed = |source| StepError::Clone {
        url: remote.to_string(),
        connection: connection.clone(),
        source,
    };
    if flags.experimental_fetch {
        fetch(&git, &remote, &flags, revision, path).map_err(clone_failed)?;
    } else {
        clone(&git, &remote, &flags, path).map_err(clone_failed)?;
        if let Some(revision) = revision {
            checkout(&git, &remote, revision, path).map_err(|source| StepError::Checkout {
                revision: revision.to_owned(),
                url: remote.to_string(),
                source,
            })?;
        }
    }
    if flags.submodules() {
        let update = ["submodule", "update", "--init", "--recursive"];
        git.run(Some(path), &update).map_err(clone_failed)?;
    }
    git.run(
        Some(path),
        &["remote", "set-url", "origin", &remote.recorded_url],
    )
    .map_err(clone_failed)?;
    let commit = git
        .run(Some(path), &["rev-parse", "HEAD"])
        .map_err(clone_failed)?;

    let name = path.file_name().map(|name| name.to_string_lossy());
    let name = name.as_deref().unwrap_or("repository");
    let summary = serde_json::json!({
        "commit": commit, "url": remote.recorded_url, "revision": revision,
    });
    lineage::record(environment, Kind::Coderef, name, Some(path), summary)?;
    ui::result(&format!(
        "Repository was cloned, path: `{}`, commit: `{commit}`",
        path.display()
    ));
    Ok(())
}

fn clone(git: &Git, remote: &Remote, flags: &Flags, path: &Path) -> Result<(), ProgramError> {
    let path = path.to_string_lossy();
    let mut arguments = vec!["clone"];
    arguments.extend(flags.words.iter().map(String::as_str));
    arguments.extend(["--", &remote.fetch_url, &path]);
    git.run(None, &arguments).map(drop)
}

/// Fetches the one revision, or what the server has as `HEAD`.
fn fetch(
    git: &Git,
    remote: &Remote,
    flags: &Flags,
    revision: Option<&str>,
    path: &Path,
) -> Result<(), ProgramError> {
    git.run(None, &["init", "--quiet", "--", &path.to_string_lossy()])?;
    git.run(Some(path), &["remote", "add", "origin", &remote.fetch_url])?;
    let mut arguments = vec!["fetch"];
    arguments.extend(flags.words.iter().map(String::as_str));
    arguments.extend(["origin", revision.unwrap_or("HEAD")]);
    git.run(Some(path), &arguments)?;
    git.run(Some(path), &["checkout", "--quiet", "FETCH_HEAD", "--"])
        .map(drop)
}

fn checkout(git: &Git, remote: &Remote, revision: &str, path: &Path) -> Result<(), ProgramError> {
    let is_here = |name: &str| {
        let name = format!("{name}^{{commit}}");
        git.run(Some(path), &["rev-parse", "--quiet", "--verify", &name])
            .is_ok()
    };
    let target = if is_here(revision) || is_here(&format!("refs/remotes/origin/{revision}")) {
        revision
    } else {
        // A shallow or single-branch clone does not have every revision.
        git.run(
            Some(path),
            &["fetch", "--quiet", &remote.fetch_url, revision],
        )?;
        "FETCH_HEAD"
    };
    git.run(Some(path), &["checkout", "--quiet", target, "--"])
        .map(drop)
}
