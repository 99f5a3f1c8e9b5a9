//! The digest of a build: what the executor named, and what the registry says to it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::attempt::AttemptKey;
use crate::executor::Executor;
use crate::machine::Confirmation;
use crate::planning::BuildPlan;
use polyaxon_registry::{Answer, Credentials, Reference, Registry, credentials_of};

/// How long an answer is waited for; the image is pushed, so building again would not help.
const PATIENCE: Duration = Duration::from_mins(5);

/// Answers in a row that make an absence definite: registries copy between their own machines.
const ABSENCES: u32 = 3;

/// Longest pause between two questions.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How long the size of a confirmed image is waited for.
const SIZE_PATIENCE: Duration = Duration::from_secs(5);

/// How long the digests of base images are waited for.
const BASE_PATIENCE: Duration = Duration::from_secs(3);

/// Base images that are asked for.
const MAX_BASES: usize = 20;

/// Asks registries about what builds pushed.
#[derive(Debug, Clone)]
pub struct Confirmer {
    /// The client.
    pub registry: Registry,
    /// Folder of Secrets.
    pub secrets_dir: Option<PathBuf>,
    /// Time between the first questions; it doubles.
    pub pause: Duration,
}

impl Confirmer {
    /// Reads the digest and asks the registry until it has answered, for five minutes at most.
    pub async fn confirm(
        &self,
        executor: &dyn Executor,
        key: &AttemptKey,
        container: &str,
        build: &BuildPlan,
    ) -> Confirmation {
        let digest = match self.claimed(executor, key, container, build).await {
            Ok(digest) => digest,
            Err(confirmation) => return confirmation,
        };
        self.ask(build, digest).await
    }

    /// Digests that registries have now for the names of base images, as far as they tell
    /// within three seconds. A name with a digest is not asked for.
    pub async fn base_digests(&self, build: &BuildPlan, names: &[String]) -> Vec<(String, String)> {
        let until = Instant::now() + BASE_PATIENCE;
        let asked = names
            .iter()
            .filter(|name| !name.contains('@') && *name != "scratch")
            .take(MAX_BASES)
            .map(|name| async move {
                let reference = Reference::parse(name).ok()?;
                let credentials = self
                    .credentials(build, &reference)
                    .unwrap_or(Credentials::Anonymous);
                let digest = self
                    .registry
                    .digest(&reference, Reference::tag(name), &credentials);
                let digest = tokio::time::timeout_at(until, digest).await.ok()??;
                Some((name.clone(), digest))
            });
        let answers = futures::future::join_all(asked).await;
        answers.into_iter().flatten().collect()
    }

    async fn claimed(
        &self,
        executor: &dyn Executor,
        key: &AttemptKey,
        container: &str,
        build: &BuildPlan,
    ) -> Result<String, Confirmation> {
        let until = Instant::now() + PATIENCE;
        let mut pause = self.pause;
        let content = loop {
            match executor.read_file(key, container, &build.digest_file).await {
                Ok(content) => break content,
                Err(error) if Instant::now() + pause > until => {
                    return Err(Confirmation::Undecided {
                        digest: None,
                        reason: format!("the digest of the build cannot be read: {error}"),
                    });
                }
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        let text = content.map(|content| String::from_utf8_lossy(&content).trim().to_owned());
        match text {
            Some(text) if is_digest(&text) => Ok(text),
            Some(text) => Err(Confirmation::Absent {
                digest: None,
                reason: format!("the executor wrote `{text:.80}`, which is no digest"),
            }),
            None => Err(Confirmation::Absent {
                digest: None,
                reason: "the executor ended with status 0 and named no digest".to_owned(),
            }),
        }
    }

    async fn ask(&self, build: &BuildPlan, digest: String) -> Confirmation {
        let reference = match Reference::parse(&build.image) {
            Ok(reference) => reference,
            Err(error) => {
                return Confirmation::Undecided {
                    digest: Some(digest),
                    reason: error.to_string(),
                };
            }
        };
        let credentials = match self.credentials(build, &reference) {
            Ok(credentials) => credentials,
            Err(reason) => {
                return Confirmation::NoCredentials {
                    digest: Some(digest),
                    reason,
                };
            }
        };
        let until = Instant::now() + PATIENCE;
        let (mut pause, mut absences) = (self.pause, 0);
        loop {
            let reason = match self.registry.has(&reference, &digest, &credentials).await {
                Ok(Answer::Present) => {
                    let size = self.registry.size(&reference, &digest, &credentials);
                    let size = tokio::time::timeout(SIZE_PATIENCE, size).await;
                    return Confirmation::Confirmed {
                        digest,
                        size: size.ok().flatten(),
                    };
                }
                Ok(Answer::Denied(reason)) => {
                    return Confirmation::NoCredentials {
                        digest: Some(digest),
                        reason,
                    };
                }
                Ok(Answer::Absent) => {
                    absences += 1;
                    let reason = format!(
                        "the registry `{}` does not have `{digest}` in `{}`",
                        reference.registry, reference.repository
                    );
                    if absences == ABSENCES {
                        return Confirmation::Absent {
                            digest: Some(digest),
                            reason,
                        };
                    }
                    reason
                }
                Err(error) => {
                    absences = 0;
                    error.to_string()
                }
            };
            if Instant::now() + pause > until {
                return Confirmation::Undecided {
                    digest: Some(digest),
                    reason,
                };
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn credentials(&self, build: &BuildPlan, reference: &Reference) -> Result<Credentials, String> {
        let Some(secret) = &build.secret else {
            return Ok(Credentials::Anonymous);
        };
        let Some(folder) = &self.secrets_dir else {
            return Err(format!(
                "the agent cannot read the secret `{secret}`: `engine.secretsDir` is not set"
            ));
        };
        credentials_of(&folder.join(secret), &reference.registry).map_err(|error| error.to_string())
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
#[path = "confirmation_tests.rs"]
mod tests;
