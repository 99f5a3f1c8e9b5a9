//! A container's output on its way to the hub: nothing is lost, nothing is sent as new twice.

mod follow;
mod shipper;
mod window;

pub use follow::{Readers, follow};
pub use shipper::{Feed, Shipper};
pub use window::{Chunk, ContainerKey, MAX_CHUNK, MAX_UNACKED, Window};
