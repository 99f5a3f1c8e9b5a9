//! From a reference as users type it to the bytes that it names now.

use polyaxon_spec::refs::HubRef;

use super::{Components, LookupError, VersionContent, short};
use crate::domain::components::{LATEST, OFFICIAL_OWNER, Stage, VersionRecord};

/// A resolved reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The version; with a pin its digest is the pin.
    pub version: VersionRecord,
    /// Canonical JSON of the component.
    pub content: Vec<u8>,
    /// Sentences for the user.
    pub warnings: Vec<String>,
}

impl Components {
    /// Resolves a reference; `version` and `@sha256:` are optional in it.
    ///
    /// # Errors
    /// When it is malformed, leads nowhere, or to a version that may not be used.
    pub async fn resolve(&self, reference: &str) -> Result<Resolved, LookupError> {
        let parsed: HubRef = reference.parse()?;
        let mut warnings = Vec::new();
        if reference
            .split('@')
            .next()
            .unwrap_or_default()
            .ends_with(':')
        {
            warnings.push(format!(
                "`{reference}` names no version after the colon, so it means `{LATEST}`"
            ));
        }
        let Some(digest) = &parsed.digest else {
            let found = self
                .version(&parsed.owner, &parsed.name, &parsed.version)
                .await?;
            usable(reference, &found.version)?;
            return Ok(Resolved {
                version: found.version,
                content: found.content,
                warnings,
            });
        };
        let digest = format!("sha256:{digest}");
        let found = self.pinned(&parsed.owner, &parsed.name, &digest).await?;
        warnings.extend(
            self.pin_warnings(reference, &parsed, &found.version)
                .await?,
        );
        if found.version.stage == Stage::Disabled {
            return Err(LookupError::Disabled {
                reference: reference.into(),
            });
        }
        Ok(Resolved {
            version: found.version,
            content: found.content,
            warnings,
        })
    }

    async fn pinned(
        &self,
        owner: &str,
        component: &str,
        digest: &str,
    ) -> Result<VersionContent, LookupError> {
        if owner == OFFICIAL_OWNER {
            if let Some(found) = self.official.pinned(component, digest) {
                return Ok(found.clone());
            }
        } else if let Some(found) = self.storage.pinned(owner, component, digest).await? {
            return self.with_content(found).await;
        }
        self.component(owner, component).await?;
        Err(LookupError::UnknownRevision {
            component: short(owner, component),
            digest: digest.into(),
        })
    }

    async fn pin_warnings(
        &self,
        reference: &str,
        parsed: &HubRef,
        pinned: &VersionRecord,
    ) -> Result<Vec<String>, LookupError> {
        let mut warnings = Vec::new();
        if pinned.yanked_at.is_some() {
            warnings.push(format!(
                "`{reference}` is pinned to content that was withdrawn"
            ));
        }
        let names_version = reference
            .split('@')
            .next()
            .is_some_and(|name| name.contains(':'));
        if names_version {
            match self
                .version(&parsed.owner, &parsed.name, &parsed.version)
                .await
            {
                Ok(named) if named.version.digest == pinned.digest => {}
                Ok(named) => warnings.push(format!(
                    "`{}` points at `{}` now; the pin of `{reference}` is used",
                    parsed.version, named.version.digest
                )),
                Err(LookupError::UnknownVersion { .. }) => warnings.push(format!(
                    "there is no version `{}` any more; the pin of `{reference}` is used",
                    parsed.version
                )),
                Err(error) => return Err(error),
            }
        }
        Ok(warnings)
    }
}

fn usable(reference: &str, version: &VersionRecord) -> Result<(), LookupError> {
    if version.stage == Stage::Disabled {
        return Err(LookupError::Disabled {
            reference: reference.into(),
        });
    }
    if version.yanked_at.is_some() {
        return Err(LookupError::Yanked {
            reference: reference.into(),
            digest: version.digest.clone(),
        });
    }
    Ok(())
}
