//! From a resolved operation to the pod that runs it.

mod pod;

pub use pod::*;
