//! Layers of a registry to files.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::files::{Root, unpack};
use crate::registry::Session;
use crate::registry::manifest::{Descriptor, hex};

/// Unpacks a layer of a registry and checks its digest.
pub(super) fn extract(root: &Root, session: &Session, layer: &Descriptor) -> Result<(), String> {
    let stream = session
        .blob(&layer.digest)
        .map_err(|error| error.to_string())?;
    let mut checked = Checked {
        inner: stream,
        hasher: Sha256::new(),
    };
    let kind = layer.media_type.as_str();
    let result = if kind.ends_with("gzip") || kind.is_empty() {
        unpack::layer(root, MultiGzDecoder::new(&mut checked))
    } else if kind.ends_with("tar") {
        unpack::layer(root, &mut checked)
    } else {
        return Err(format!(
            "kaniko-double: not supported: layer of type {kind}"
        ));
    };
    result.map_err(|error| error.to_string())?;
    io::copy(&mut checked, &mut io::sink())
        .map_err(|error| crate::files::Error::stream(&error).to_string())?;
    let digest = format!("sha256:{}", hex(&checked.hasher.finalize()));
    if digest == layer.digest {
        Ok(())
    } else {
        Err(format!(
            "error verifying sha256 checksum; got {digest:?}, want {:?}",
            layer.digest
        ))
    }
}

/// A reader that takes the digest of what passes.
struct Checked<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..amount).unwrap_or_default());
        Ok(amount)
    }
}
