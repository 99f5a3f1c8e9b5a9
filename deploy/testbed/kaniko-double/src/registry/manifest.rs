//! Manifests and indexes of images, in Docker's and in OCI's media types.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// `Accept` header of a manifest's request.
pub(crate) const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json,\
application/vnd.oci.image.manifest.v1+json,\
application/vnd.docker.distribution.manifest.list.v2+json,\
application/vnd.oci.image.index.v1+json";

/// Which media types an image uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// `application/vnd.docker.…`.
    Docker,
    /// `application/vnd.oci.…`.
    Oci,
}

impl Family {
    /// Media type of the manifest.
    pub(crate) fn manifest(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
        }
    }

    /// Media type of the config.
    pub(crate) fn config(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.container.image.v1+json",
            Self::Oci => "application/vnd.oci.image.config.v1+json",
        }
    }

    /// Media type of a gzipped layer.
    pub(crate) fn layer(self) -> &'static str {
        match self {
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }
}

/// A pointer to a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Descriptor {
    /// Type of the content.
    #[serde(rename = "mediaType", default)]
    pub media_type: String,
    /// Bytes.
    pub size: u64,
    /// Digest with its algorithm.
    pub digest: String,
    /// In an index: what the image runs on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<Platform>,
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Platform {
    /// Processor.
    pub architecture: String,
    /// Operating system.
    pub os: String,
    /// Variant of the processor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub variant: Option<String>,
}

impl Platform {
    /// The platform of this process.
    pub(crate) fn own() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            variant: None,
        }
    }
}

/// Manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// Own media type.
    #[serde(rename = "mediaType", default)]
    pub media_type: String,
    /// Config.
    pub config: Descriptor,
    /// Layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// List of manifests, one per platform.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Index {
    /// The manifests.
    pub manifests: Vec<Descriptor>,
}

impl Index {
    /// The manifest for a platform.
    pub(crate) fn find(&self, platform: &Platform) -> Option<&Descriptor> {
        self.manifests.iter().find(|entry| {
            entry.platform.as_ref().is_some_and(|offered| {
                offered.architecture == platform.architecture && offered.os == platform.os
            })
        })
    }
}

/// Digest of bytes with its algorithm.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Lower case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
