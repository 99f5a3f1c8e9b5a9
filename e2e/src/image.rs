//! Reading a pushed image back from the registry.

use std::io::Read;

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

/// Manifest types that builds push.
const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                      application/vnd.oci.image.manifest.v1+json";

/// An image in a registry.
#[derive(Debug)]
pub struct Image {
    registry: String,
    repository: String,
    manifest: Value,
    /// Digest that the registry answers for the manifest.
    pub digest: String,
}

impl Image {
    /// Fetches the manifest of `repository:tag`.
    ///
    /// # Errors
    /// The registry does not have it.
    pub fn pull(registry: &str, repository: &str, tag: &str) -> Result<Self> {
        let url = format!("http://{registry}/v2/{repository}/manifests/{tag}");
        let mut answer = ureq::get(&url)
            .header("accept", ACCEPT)
            .call()
            .context(url)?;
        let digest = answer
            .headers()
            .get("docker-content-digest")
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| anyhow!("the registry names no digest"))?
            .to_owned();
        let manifest = serde_json::from_str(&answer.body_mut().read_to_string()?)?;
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            manifest,
            digest,
        })
    }

    /// The image's configuration.
    ///
    /// # Errors
    /// The registry does not have it.
    pub fn config(&self) -> Result<Value> {
        let digest = self.manifest["config"]["digest"]
            .as_str()
            .context("no config digest")?;
        Ok(serde_json::from_slice(&self.blob(digest)?)?)
    }

    /// Compressed size of all layers, in bytes.
    ///
    /// # Errors
    /// The manifest names no sizes.
    pub fn size(&self) -> Result<u64> {
        let layers = self.manifest["layers"].as_array().context("no layers")?;
        layers
            .iter()
            .map(|layer| layer["size"].as_u64().context("no layer size"))
            .sum()
    }

    /// Paths of all entries of all layers, base layers first.
    ///
    /// # Errors
    /// A layer is missing or cannot be read.
    pub fn paths(&self) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        for layer in self.manifest["layers"].as_array().context("no layers")? {
            let digest = layer["digest"].as_str().context("no layer digest")?;
            let blob = self.blob(digest)?;
            let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(blob.as_slice()));
            for entry in archive.entries()? {
                paths.push(entry?.path()?.to_string_lossy().into_owned());
            }
        }
        Ok(paths)
    }

    fn blob(&self, digest: &str) -> Result<Vec<u8>> {
        let url = format!(
            "http://{}/v2/{}/blobs/{digest}",
            self.registry, self.repository
        );
        let mut bytes = Vec::new();
        ureq::get(&url)
            .call()
            .context(url)?
            .body_mut()
            .as_reader()
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
