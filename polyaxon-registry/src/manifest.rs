//! What a manifest says about the size of an image.

use reqwest::Response;
use serde::Deserialize;

/// Largest manifest that is read, in bytes; registries take 4 MiB.
const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// How large an image is in its registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImageSize {
    /// Number of its layers.
    pub layers: u32,
    /// Bytes of its layers and its configuration, compressed.
    pub bytes: u64,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    size: u64,
}

impl ImageSize {
    pub(crate) async fn read(mut answer: Response) -> Option<Self> {
        let mut text = Vec::new();
        while let Ok(Some(part)) = answer.chunk().await {
            text.extend_from_slice(&part);
            if text.len() > MAX_MANIFEST {
                return None;
            }
        }
        Self::parse(&text)
    }

    /// Reads the manifest of one image; an index of several has no size of its own.
    fn parse(text: &[u8]) -> Option<Self> {
        let manifest: Manifest = serde_json::from_slice(text).ok()?;
        let parts = manifest.layers.iter().chain([&manifest.config]);
        Some(Self {
            layers: u32::try_from(manifest.layers.len()).ok()?,
            bytes: parts.fold(0, |sum, part| sum.saturating_add(part.size)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_size_and_an_index_has_none() {
        let image = br#"{"config":{"size":10},"layers":[{"size":1},{"size":2}]}"#;
        let size = ImageSize {
            layers: 2,
            bytes: 13,
        };
        assert_eq!(ImageSize::parse(image), Some(size));
        let index = br#"{"manifests":[{"size":10}]}"#;
        assert_eq!(ImageSize::parse(index), None);
        assert_eq!(ImageSize::parse(b""), None);
    }
}
