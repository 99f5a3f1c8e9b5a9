//! The image under construction.

use super::config::{History, ImageConfig};
use crate::files::layer::Layer;
use crate::registry::Session;
use crate::registry::manifest::{Descriptor, Family, Manifest, digest};
use crate::registry::pull::RemoteImage;

/// A layer of the image.
#[derive(Clone)]
pub(super) enum Part {
    /// One of the base or of the cache.
    Remote {
        /// Where it is.
        session: Session,
        /// Digest and size there.
        descriptor: Descriptor,
    },
    /// One that was made here.
    Local(Layer),
}

impl Part {
    /// Digest of the compressed layer.
    pub(super) fn digest(&self) -> &str {
        match self {
            Self::Remote { descriptor, .. } => &descriptor.digest,
            Self::Local(layer) => &layer.digest,
        }
    }

    fn descriptor(&self, family: Family) -> Descriptor {
        let (size, digest) = match self {
            Self::Remote { descriptor, .. } => (descriptor.size, descriptor.digest.clone()),
            Self::Local(layer) => (layer.size, layer.digest.clone()),
        };
        Descriptor {
            media_type: family.layer().to_owned(),
            size,
            digest,
            platform: None,
        }
    }
}

/// Config and layers.
#[derive(Clone)]
pub(super) struct Image {
    /// The config.
    pub config: ImageConfig,
    /// The layers, lowest first.
    pub parts: Vec<Part>,
    /// Media types.
    pub family: Family,
}

/// Config and manifest as they are pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// The config.
    pub config: Vec<u8>,
    /// The manifest.
    pub manifest: Vec<u8>,
    /// Media type of the manifest.
    pub media_type: String,
    /// Digest of the config.
    pub config_digest: String,
    /// Digest of the manifest.
    pub digest: String,
}

impl Image {
    /// The image of `FROM scratch`.
    pub(super) fn scratch() -> Self {
        Self {
            config: ImageConfig::scratch(),
            parts: Vec::new(),
            family: Family::Docker,
        }
    }

    /// An image that starts as another one.
    ///
    /// # Errors
    ///
    /// Why the config of the base makes no sense.
    pub(super) fn on(base: &RemoteImage) -> Result<Self, serde_json::Error> {
        let parts = base
            .manifest
            .layers
            .iter()
            .map(|descriptor| Part::Remote {
                session: base.session.clone(),
                descriptor: descriptor.clone(),
            })
            .collect();
        Ok(Self {
            config: serde_json::from_slice(&base.config)?,
            parts,
            family: base.family(),
        })
    }

    /// Adds a layer and its history.
    pub(super) fn push(&mut self, part: Part, diff_id: String, instruction: &str) {
        self.parts.push(part);
        self.config.rootfs.diff_ids.push(diff_id);
        self.config.history.push(History::of(instruction));
    }

    /// An image of one layer, as the cache holds it.
    pub(super) fn cache_entry(layer: &Layer, instruction: &str, family: Family) -> Self {
        let mut image = Self {
            config: ImageConfig::empty(),
            parts: Vec::new(),
            family,
        };
        image.push(
            Part::Local(layer.clone()),
            layer.diff_id.clone(),
            instruction,
        );
        image
    }

    /// Config and manifest for a time of creation.
    pub(super) fn pack(&self, created: jiff::Timestamp) -> Result<Packed, serde_json::Error> {
        let mut config = self.config.clone();
        config.created = created.to_string();
        let config = serde_json::to_vec(&config)?;
        let config_digest = digest(&config);
        let manifest = Manifest {
            schema_version: 2,
            media_type: self.family.manifest().to_owned(),
            config: Descriptor {
                media_type: self.family.config().to_owned(),
                size: u64::try_from(config.len()).unwrap_or_default(),
                digest: config_digest.clone(),
                platform: None,
            },
            layers: self
                .parts
                .iter()
                .map(|part| part.descriptor(self.family))
                .collect(),
        };
        let manifest = serde_json::to_vec(&manifest)?;
        Ok(Packed {
            digest: digest(&manifest),
            config,
            manifest,
            media_type: self.family.manifest().to_owned(),
            config_digest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_entry_has_the_recorded_shape() {
        let layer = Layer {
            path: "/kaniko/layers/1".into(),
            digest: "sha256:aa".to_owned(),
            diff_id: "sha256:bb".to_owned(),
            size: 39,
        };
        let image = Image::cache_entry(&layer, "RUN true", Family::Oci);
        let packed = image
            .pack("2026-11-21T03:00:20.848476761Z".parse().unwrap())
            .unwrap();
        let config: serde_json::Value = serde_json::from_slice(&packed.config).unwrap();
        assert_eq!(
            config,
            serde_json::json!({
                "architecture": "", "os": "", "created": "2026-11-21T03:00:20.848476761Z", "config": {},
                "history": [{"author": "kaniko", "created": "0001-01-01T00:00:00Z", "created_by": "RUN true"}],
                "rootfs": {"type": "layers", "diff_ids": ["sha256:bb"]}
            })
        );
        let manifest: serde_json::Value = serde_json::from_slice(&packed.manifest).unwrap();
        assert_eq!(manifest["mediaType"], Family::Oci.manifest());
        assert_eq!(manifest["layers"][0]["mediaType"], Family::Oci.layer());
        assert_eq!(manifest["config"]["digest"], packed.config_digest);
    }
}
