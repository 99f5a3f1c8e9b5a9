//! Values as compressed text: what ten thousand runs keep until their end takes many times that room as fields, and few
//! of them are looked at in a second.

use std::cell::RefCell;
use std::io::Read as _;
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that is folded; clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded(Arc<[u8]>);

thread_local! {
    /// Made once, because it is hundreds of times as large as what it makes.
    static PRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

impl Folded {
    /// Folds a value that can always be JSON.
    pub fn new(value: &impl Serialize) -> Self {
        let text = serde_json::to_vec(value).unwrap_or_default();
        // Also for what cannot be compressed.
        let mut compressed = Vec::with_capacity(text.len() + text.len() / 8 + 64);
        PRESS.with_borrow_mut(|press| {
            press.reset();
            let _ended = press.compress_vec(&text, &mut compressed, FlushCompress::Finish);
        });
        Self(compressed.into())
    }

    /// The value; what was folded unfolds.
    pub fn unfold<T: DeserializeOwned>(&self) -> Option<T> {
        let mut text = Vec::new();
        DeflateDecoder::new(&*self.0).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_folded_unfolds_also_if_it_cannot_be_compressed() {
        let mixed: Vec<u64> = (1..500_u64)
            .map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        for numbers in [Vec::new(), vec![7; 500], mixed] {
            assert_eq!(Folded::new(&numbers).unfold(), Some(numbers));
        }
    }
}
