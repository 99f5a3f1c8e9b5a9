//! YAML 1.1 as Polyaxonfiles are written in: a value tree with spans, its reader and its writer.
//!
//! Scalars are resolved by the rules of version 1.1 (`on`, `0777`, `1:30` and `1_000` are not text, `1e3` and `0o17`
//! are), the last of two equal keys wins, merge keys are applied, and one document is read.

mod number;
mod read;
mod scalar;
mod value;
mod versions;
mod write;

pub use number::write_float;
pub use read::{MAX_DEPTH, MAX_EXPANDED_BYTES, MAX_NODES, read};
pub use scalar::Scalar;
pub(crate) use value::camel;
pub use value::{Entry, Mapping, Node, Value};
pub use write::write;
