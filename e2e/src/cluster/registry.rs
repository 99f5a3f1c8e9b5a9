//! The registries beside the cluster.

use std::process::Command;

use anyhow::{Context, Result};
use ureq::Agent;

use super::namespace::variable;
use super::{ClusterServices, LIMIT};
use crate::command::run;

/// Types of manifests that images in the registries have.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                         application/vnd.oci.image.manifest.v1+json";

impl ClusterServices {
    /// Gives an image of the registry without a password another tag.
    ///
    /// # Errors
    /// The registry does not have it, or does not want it.
    pub fn tag(&self, repository: &str, tag: &str, other: &str) -> Result<()> {
        let registry = variable("POLYAXON_E2E_CLUSTER_REGISTRY")?;
        let url = |tag: &str| format!("http://{registry}/v2/{repository}/manifests/{tag}");
        let agent = Agent::config_builder().proxy(None).build().new_agent();
        let mut answer = agent.get(url(tag)).header("accept", MANIFESTS).call()?;
        let kind = answer.headers().get("content-type").cloned();
        let manifest = answer.body_mut().read_to_vec()?;
        let kind = kind.context("the registry does not say what it has")?;
        let put = agent.put(url(other)).header("content-type", kind);
        put.send(&manifest[..])?;
        Ok(())
    }

    /// The digest that the registry has for a tag; `None` when it has none.
    ///
    /// # Errors
    /// The registry does not answer.
    pub fn pushed_digest(&self, repository: &str, tag: &str) -> Result<Option<String>> {
        let credentials = std::fs::read_to_string(variable("POLYAXON_E2E_CLUSTER_CREDENTIALS")?)?;
        let authority = variable("POLYAXON_E2E_CLUSTER_CA")?;
        let url = format!(
            "https://{}/v2/{repository}/manifests/{tag}",
            self.testbed().registry
        );
        let accept = format!("Accept: {MANIFESTS}");
        let answer = run(
            Command::new("curl")
                .args([
                    "--silent",
                    "--head",
                    "--noproxy",
                    "*",
                    "--cacert",
                    &authority,
                ])
                .args(["--user", credentials.trim(), "--header", &accept, &url]),
            LIMIT,
        )?
        .expect_status(0)?;
        Ok(answer.stdout.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("docker-content-digest")
                .then(|| value.trim().to_owned())
        }))
    }
}
