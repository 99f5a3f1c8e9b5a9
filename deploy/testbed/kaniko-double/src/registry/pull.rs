//! Base images: mirrors, retries, index and config.

use super::manifest::{self, Family, Index, Manifest, Platform};
use super::{Error, Network, Purpose, Reference, Session};
use crate::flags::Options;
use crate::log::Log;

/// An image in a registry.
#[derive(Clone)]
pub(crate) struct RemoteImage {
    /// Where it was found.
    pub session: Session,
    /// Its manifest.
    pub manifest: Manifest,
    /// Digest of the manifest.
    pub digest: String,
    /// Its config, as bytes.
    pub config: Vec<u8>,
}

impl RemoteImage {
    /// The media types that the image uses.
    pub(crate) fn family(&self) -> Family {
        if self.manifest.media_type == Family::Oci.manifest() {
            Family::Oci
        } else {
            Family::Docker
        }
    }
}

/// Fetches manifest and config of an image, from its mirrors first.
///
/// # Errors
///
/// The failure text after `error building image: `.
pub(crate) fn retrieve(
    network: &Network,
    options: &Options,
    reference: &Reference,
) -> Result<RemoteImage, String> {
    let log = &network.log;
    let mapped = mirrors(options, reference);
    for registry in &mapped {
        log.info(format_args!(
            "Retrieving image {reference} from mapped registry {registry}"
        ));
        match retry(options.download_retry, log, || fetch(network, &reference.on(registry))) {
            Ok(image) => return with_config(image),
            Err(reason) => log.warn(format_args!(
                "Failed to retrieve image {reference} from remapped registry {registry}: {reason}. Will try with the next registry, or fallback to the original registry."
            )),
        }
    }
    if options.skip_fallback && !mapped.is_empty() {
        return Err(format!(
            "image not found on any configured mapped registries for {reference}"
        ));
    }
    log.info(format_args!(
        "Retrieving image {reference} from registry {}",
        reference.registry
    ));
    with_config(retry(options.download_retry, log, || {
        fetch(network, reference)
    })?)
}

/// The registries to try before the one that the name says.
fn mirrors(options: &Options, reference: &Reference) -> Vec<String> {
    let mut mirrors: Vec<String> = options
        .registry_map
        .iter()
        .filter(|(from, _)| {
            from.as_str() == reference.registry
                || (from.as_str() == "docker.io" && reference.registry == super::DEFAULT_REGISTRY)
        })
        .flat_map(|(_, to)| to.iter().cloned())
        .collect();
    if reference.registry == super::DEFAULT_REGISTRY {
        mirrors.extend(options.mirrors.iter().cloned());
    }
    mirrors
}

fn fetch(network: &Network, reference: &Reference) -> Result<RemoteImage, Error> {
    let session = network.session(reference, Purpose::Pull)?;
    let (mut bytes, media_type) = session.manifest(&reference.identifier)?;
    let content = |error: serde_json::Error| Error::Content(format!("parsing manifest: {error}"));
    if media_type.contains("index") || media_type.contains("manifest.list") {
        let index: Index = serde_json::from_slice(&bytes).map_err(content)?;
        let platform = Platform::own();
        let Some(entry) = index.find(&platform) else {
            return Err(Error::Content(format!(
                "no child with platform {}/{} in index {reference}",
                platform.os, platform.architecture
            )));
        };
        bytes = session.manifest(&entry.digest)?.0;
    }
    let mut manifest: Manifest = serde_json::from_slice(&bytes).map_err(content)?;
    if manifest.media_type.is_empty() {
        manifest.media_type = if media_type.contains("docker") {
            Family::Docker.manifest().to_owned()
        } else {
            Family::Oci.manifest().to_owned()
        };
    }
    Ok(RemoteImage {
        session,
        manifest,
        digest: manifest::digest(&bytes),
        config: Vec::new(),
    })
}

fn with_config(mut image: RemoteImage) -> Result<RemoteImage, String> {
    image.config = image
        .session
        .small_blob(&image.manifest.config.digest)
        .map_err(|error| error.to_string())?;
    Ok(image)
}

/// Tries an operation again `times` times.
///
/// # Errors
///
/// What the last try said, after the number of tries.
fn retry<T>(
    times: u32,
    log: &Log,
    operation: impl FnMut() -> Result<T, Error>,
) -> Result<T, String> {
    crate::retry::retry(times, log, operation).map_err(|error| {
        format!("unable to complete operation after {times} attempts, last error: {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_for_docker_hub_and_maps_for_anybody() {
        let options = Options {
            mirrors: vec!["m.test".to_owned()],
            registry_map: [("ghcr.io".to_owned(), vec!["g.test".to_owned()])].into(),
            ..Options::default()
        };
        let of = |name: &str| mirrors(&options, &Reference::parse(name).unwrap());
        assert_eq!(of("busybox"), ["m.test"]);
        assert_eq!(of("ghcr.io/a/b"), ["g.test"]);
        assert!(of("q.test/a/b").is_empty());
    }
}
