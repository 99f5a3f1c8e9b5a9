//! The digest of a build: what the executor named, and what the registry says to it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::attempt::AttemptKey;
use crate::executor::Executor;
use crate::planning::BuildPlan;
use polyaxon_registry::{
    Confirmation, Credentials, LONGEST_PAUSE, PATIENCE, Reference, Registry, credentials_of,
};

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
    /// Reads the digest and asks the registry until it has answered, for five minutes at most; where
    /// somebody near the build has asked already, that is the answer.
    pub async fn confirm(
        &self,
        executor: &dyn Executor,
        key: &AttemptKey,
        container: &str,
        build: &BuildPlan,
    ) -> Confirmation {
        if let Some(confirmation) = executor.confirmation(key).await {
            return confirmation;
        }
        let digest = match self.claimed(executor, key, container, build).await {
            Ok(digest) => digest,
            Err(confirmation) => return confirmation,
        };
        let credentials = |reference: &Reference| self.credentials(build, reference);
        self.registry
            .confirm(&build.image, digest, credentials, self.pause)
            .await
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
        Confirmation::claimed(content.as_deref())
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

#[cfg(test)]
#[path = "confirmation_tests.rs"]
mod tests;
